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
