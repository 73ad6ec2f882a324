"""The ledger's tables. PostgreSQL itself refuses to change a row (migration 0001); nothing here does it either."""

from __future__ import annotations

from django.db import models


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


class LedgerTally(models.Model):
    """How many entries of each kind the ledger holds."""

    kind = models.TextField(primary_key=True)
    entries = models.BigIntegerField()

    class Meta:
        db_table = "ledger_tally"
