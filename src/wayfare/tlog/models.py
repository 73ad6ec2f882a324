"""The logs' tables. What they hold only grows (`sql/10_only_grows.sql`)."""

from __future__ import annotations

from django.db import models


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
