"""Programmes, and the projections that follow from the ledger (all can be thrown away and rebuilt)."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class ProgrammeRow(models.Model):
    """A programme's configuration. Never changed once entries may rest on it: the same position, the same bytes."""

    id = models.SmallAutoField(primary_key=True)
    key = models.TextField(unique=True)
    title = models.TextField()
    country = models.TextField()
    timezone = models.TextField()
    counts_from = models.TextField()

    class Meta:
        db_table = "departures_programme"


class ProgrammeOffice(models.Model):
    """The office whose staff read a programme's exact figures. It changes nothing that is counted, and may change."""

    programme = models.OneToOneField(ProgrammeRow, on_delete=models.CASCADE, primary_key=True)
    office = models.TextField()
    """An office's id (room `access`)."""

    class Meta:
        db_table = "departures_programme_office"


class CountedDeparture(models.Model):
    """One counted departure as the rule has it now."""

    departure = models.UUIDField(primary_key=True)
    programme = models.ForeignKey(ProgrammeRow, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    cluster = models.UUIDField()
    exited_at = models.DateTimeField()
    day = models.DateField()
    nationality = models.TextField(db_collation="C")
    sex = models.SmallIntegerField()
    age = models.TextField(db_collation="C")
    destination = models.TextField(db_collation="C")
    evidence = models.TextField(db_collation="C")
    assistance = models.TextField(db_collation="C")
    repeats = models.BooleanField()
    """This human being has more than one counted departure."""

    class Meta:
        db_table = "departures_counted"
        indexes = (
            models.Index(fields=["programme", "day"], name="departures_counted_day"),
            models.Index(
                fields=["programme", "day"],
                name="departures_counted_again",
                condition=models.Q(repeats=True),
                include=("cluster", "nationality", "sex", "age", "destination", "evidence", "assistance"),
            ),
        )


class MonthCell(models.Model):
    """Counted departures by month and every dimension but the day."""

    pk = models.CompositePrimaryKey(
        "programme", "month", "nationality", "sex", "age", "destination", "evidence", "assistance"
    )
    programme = models.ForeignKey(ProgrammeRow, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    month = models.DateField()
    nationality = models.TextField(db_collation="C")
    sex = models.SmallIntegerField()
    age = models.TextField(db_collation="C")
    destination = models.TextField(db_collation="C")
    evidence = models.TextField(db_collation="C")
    assistance = models.TextField(db_collation="C")
    departures = models.IntegerField()

    class Meta:
        db_table = "departures_monthcell"


class DayCell(models.Model):
    """Counted departures by day and every other dimension."""

    pk = models.CompositePrimaryKey(
        "programme", "day", "nationality", "sex", "age", "destination", "evidence", "assistance"
    )
    programme = models.ForeignKey(ProgrammeRow, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    day = models.DateField()
    nationality = models.TextField(db_collation="C")
    sex = models.SmallIntegerField()
    age = models.TextField(db_collation="C")
    destination = models.TextField(db_collation="C")
    evidence = models.TextField(db_collation="C")
    assistance = models.TextField(db_collation="C")
    departures = models.IntegerField()

    class Meta:
        db_table = "departures_daycell"


class FindingRow(models.Model):
    """What does not count, and why."""

    pk = models.CompositePrimaryKey("subject", "kind")
    subject = models.UUIDField()
    kind = models.TextField(db_collation="C")
    programme = models.ForeignKey(
        ProgrammeRow, on_delete=models.PROTECT, db_constraint=False, db_index=False, null=True
    )
    at = models.DateTimeField()
    position = models.BigIntegerField()

    class Meta:
        db_table = "departures_finding"
        indexes = (models.Index(fields=["kind", "programme"], name="departures_finding_kind"),)


class ZonesRow(models.Model):
    """A version of the time zones that was taken into use, at a position; append-only."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    from_version = models.TextField()
    to_version = models.TextField()
    position = models.BigIntegerField()

    class Meta:
        db_table = "departures_zones"


class ZoneCell(models.Model):
    """A cell by day that moved when a version was taken into use; append-only."""

    pk = models.CompositePrimaryKey(
        "act", "programme", "day", "nationality", "sex", "age", "destination", "evidence", "assistance"
    )
    act = models.ForeignKey(ZonesRow, on_delete=models.PROTECT, db_column="act", db_index=False)
    programme = models.ForeignKey(ProgrammeRow, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    day = models.DateField()
    nationality = models.TextField(db_collation="C")
    sex = models.SmallIntegerField()
    age = models.TextField(db_collation="C")
    destination = models.TextField(db_collation="C")
    evidence = models.TextField(db_collation="C")
    assistance = models.TextField(db_collation="C")
    before = models.IntegerField()
    after = models.IntegerField()

    class Meta:
        db_table = "departures_zonecell"
