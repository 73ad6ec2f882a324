from django.db import migrations, models
from django.db.models.deletion import PROTECT

from wayfare.ledger.operations import LOCK

HOLD_WRITERS = f"select pg_advisory_xact_lock({LOCK})"
GRANT = """
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select, insert, update, delete on departures_daycell to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on departures_daycell to wayfare_reader;
  end if;
end $$
"""
FILL = """
set local work_mem = '256MB';
insert into departures_daycell
  (programme_id, day, nationality, sex, age, destination, evidence, assistance, departures)
  select programme_id, day, nationality, sex, age, destination, evidence, assistance, count(*)
  from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8 order by 1, 2, 3, 4, 5, 6, 7, 8;
analyze departures_daycell
"""
FILL_NARROW = """
insert into departures_daycell (programme_id, day, destination, evidence, departures)
  select programme_id, day, destination, evidence, count(*) from departures_counted group by 1, 2, 3, 4
"""


class Migration(migrations.Migration):
    """Makes the cells by day anew, from the counted departures; either way, and nothing is written meanwhile."""

    dependencies = (("departures", "0003_persons_from_the_index"),)
    operations = (
        migrations.RunSQL(HOLD_WRITERS, [GRANT, FILL_NARROW]),
        migrations.DeleteModel("DayCell"),
        migrations.CreateModel(
            name="DayCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        *("programme", "day", "nationality", "sex", "age", "destination", "evidence", "assistance"),
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("departures", 0)), fields=["programme"], name="departures_daycell_empty"
                    )
                ],
            },
        ),
        migrations.RunSQL([GRANT, FILL], HOLD_WRITERS),
    )
