"""The ledger's tables. PostgreSQL itself refuses to change an entry (`sql/10_append_only.sql`)."""

from __future__ import annotations

from uuid import UUID

from django.db import models

NIL, MAX = UUID(int=0), UUID(int=2**128 - 1)


class LedgerEntry(models.Model):
    """What happened, for ever, in order."""

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    kind = models.TextField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    source = models.TextField()
    subject = models.UUIDField()
    object = models.UUIDField(null=True)
    body = models.TextField()
    digest = models.BinaryField()

    class Meta:
        db_table = "ledger_entry"
        indexes = (
            models.Index(fields=["subject"], name="ledger_entry_subject"),
            models.Index(fields=["object"], name="ledger_entry_object", condition=models.Q(object__isnull=False)),
        )
        constraints = (  # NO_IDS of `rules.py`, whatever room an entry comes from
            models.CheckConstraint(
                name="ledger_entry_ids",
                condition=models.Q(
                    *(models.Q((f"{name}__gt", NIL), (f"{name}__lt", MAX)) for name in ("entry_id", "subject")),
                    models.Q(object__isnull=True) | models.Q(object__gt=NIL, object__lt=MAX),
                ),
            ),
        )


class LedgerTally(models.Model):
    """How many entries of each kind the ledger holds."""

    kind = models.TextField(primary_key=True)
    entries = models.BigIntegerField()

    class Meta:
        db_table = "ledger_tally"


class LogHead(models.Model):
    """How far a transparency log has grown: `size` leaves under `root`; signed or not yet."""

    log = models.TextField(primary_key=True)
    size = models.BigIntegerField()
    root = models.BinaryField()

    class Meta:
        db_table = "log_head"


class LogTile(models.Model):
    """Up to 256 hashes side by side at one level of a log's tree."""

    pk = models.CompositePrimaryKey("log", "level", "number")
    log = models.TextField()
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        db_table = "log_tile"


class LogBundle(models.Model):
    """Up to 256 leaves: the public commitments, and the nonces that hide what they commit to. 32 bytes each."""

    pk = models.CompositePrimaryKey("log", "number")
    log = models.TextField()
    number = models.BigIntegerField()
    commitments = models.BinaryField()
    nonces = models.BinaryField()

    class Meta:
        db_table = "log_bundle"


class LogCheckpoint(models.Model):
    """A signed head, as published."""

    pk = models.CompositePrimaryKey("log", "size")
    log = models.TextField()
    size = models.BigIntegerField()
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "log_checkpoint"


class LogCosignature(models.Model):
    """A witness's word that a checkpoint is consistent with all that it saw before."""

    pk = models.CompositePrimaryKey("log", "size", "witness")
    log = models.TextField()
    size = models.BigIntegerField()
    witness = models.TextField()
    line = models.TextField()

    class Meta:
        db_table = "log_cosignature"


class LogKey(models.Model):
    """A public key that signs, or once signed, a log's checkpoints."""

    verifier = models.TextField(primary_key=True)
    log = models.TextField()
    since = models.DateTimeField()
    retired = models.DateTimeField(null=True)

    class Meta:
        db_table = "log_key"
