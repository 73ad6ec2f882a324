"""The departures room's tables; its functions, triggers and grants are in `sql/`."""

from typing import Any

import tzdata  # type: ignore[import-untyped]
from django.db import migrations, models
from django.db.models.deletion import CASCADE, PROTECT
from django.db.models.functions import Now

# A cell is changed again and again. Where no index speaks of the number in it and its page has room, PostgreSQL changes
# it in place (HOT), which touches no index.
ROOM = "alter table departures_monthcell set (fillfactor = 80); alter table departures_daycell set (fillfactor = 80)"


def use_installed_zones(_: Any, editor: Any) -> None:
    """Put the installed version of the time zones on record; nothing was counted with another."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "insert into departures_zones (from_version, to_version, position) values ('', %s, 0)",
            [tzdata.IANA_VERSION],
        )


class Migration(migrations.Migration):
    initial = True

    dependencies = (("ledger", "0001_initial"),)

    operations = (
        migrations.CreateModel(
            name="ProgrammeRow",
            fields=[
                ("id", models.SmallAutoField(primary_key=True, serialize=False)),
                ("key", models.TextField(unique=True)),
                ("title", models.TextField()),
                ("country", models.TextField()),
                ("timezone", models.TextField()),
                ("counts_from", models.TextField()),
            ],
            options={
                "db_table": "departures_programme",
            },
        ),
        migrations.CreateModel(
            name="ZonesRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=Now())),
                ("from_version", models.TextField()),
                ("to_version", models.TextField()),
                ("position", models.BigIntegerField()),
            ],
            options={
                "db_table": "departures_zones",
            },
        ),
        migrations.CreateModel(
            name="ProgrammeOffice",
            fields=[
                (
                    "programme",
                    models.OneToOneField(
                        on_delete=CASCADE, primary_key=True, serialize=False, to="departures.programmerow"
                    ),
                ),
                ("office", models.TextField()),
            ],
            options={
                "db_table": "departures_programme_office",
            },
        ),
        migrations.CreateModel(
            name="MonthCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "programme",
                        "month",
                        "nationality",
                        "sex",
                        "age",
                        "destination",
                        "evidence",
                        "assistance",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("month", models.DateField()),
                ("nationality", models.TextField(db_collation="C")),
                ("sex", models.SmallIntegerField()),
                ("age", models.TextField(db_collation="C")),
                ("destination", models.TextField(db_collation="C")),
                ("evidence", models.TextField(db_collation="C")),
                ("assistance", models.TextField(db_collation="C")),
                ("departures", models.IntegerField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={
                "db_table": "departures_monthcell",
            },
        ),
        migrations.CreateModel(
            name="DayCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "programme",
                        "day",
                        "nationality",
                        "sex",
                        "age",
                        "destination",
                        "evidence",
                        "assistance",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("nationality", models.TextField(db_collation="C")),
                ("sex", models.SmallIntegerField()),
                ("age", models.TextField(db_collation="C")),
                ("destination", models.TextField(db_collation="C")),
                ("evidence", models.TextField(db_collation="C")),
                ("assistance", models.TextField(db_collation="C")),
                ("departures", models.IntegerField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={
                "db_table": "departures_daycell",
            },
        ),
        migrations.CreateModel(
            name="ZoneCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "act",
                        "programme",
                        "day",
                        "nationality",
                        "sex",
                        "age",
                        "destination",
                        "evidence",
                        "assistance",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "act",
                    models.ForeignKey(db_column="act", db_index=False, on_delete=PROTECT, to="departures.zonesrow"),
                ),
                ("day", models.DateField()),
                ("nationality", models.TextField(db_collation="C")),
                ("sex", models.SmallIntegerField()),
                ("age", models.TextField(db_collation="C")),
                ("destination", models.TextField(db_collation="C")),
                ("evidence", models.TextField(db_collation="C")),
                ("assistance", models.TextField(db_collation="C")),
                ("before", models.IntegerField()),
                ("after", models.IntegerField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={
                "db_table": "departures_zonecell",
            },
        ),
        migrations.CreateModel(
            name="FindingRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "subject", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("subject", models.UUIDField()),
                ("kind", models.TextField(db_collation="C")),
                ("at", models.DateTimeField()),
                ("position", models.BigIntegerField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, null=True, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={
                "db_table": "departures_finding",
                "indexes": [models.Index(fields=["kind", "programme"], name="departures_finding_kind")],
            },
        ),
        migrations.CreateModel(
            name="CountedDeparture",
            fields=[
                ("departure", models.UUIDField(primary_key=True, serialize=False)),
                ("cluster", models.UUIDField()),
                ("exited_at", models.DateTimeField()),
                ("day", models.DateField()),
                ("nationality", models.TextField(db_collation="C")),
                ("sex", models.SmallIntegerField()),
                ("age", models.TextField(db_collation="C")),
                ("destination", models.TextField(db_collation="C")),
                ("evidence", models.TextField(db_collation="C")),
                ("assistance", models.TextField(db_collation="C")),
                ("repeats", models.BooleanField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={
                "db_table": "departures_counted",
                "indexes": [
                    models.Index(fields=["programme", "day"], name="departures_counted_day"),
                    models.Index(
                        condition=models.Q(("repeats", True)),
                        fields=["programme", "day"],
                        include=("cluster", "nationality", "sex", "age", "destination", "evidence", "assistance"),
                        name="departures_counted_again",
                    ),
                ],
            },
        ),
        migrations.RunSQL(ROOM),
        migrations.RunPython(use_installed_zones),
    )
