from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzdata  # type: ignore[import-untyped]
from django.db import migrations, models
from django.db.models.deletion import PROTECT
from django.db.models.functions import Now

# What is counted is counted with the version of the time zones on record. A connection says with which one it counts
# (`wayfare.departures.zones.tell`); one that says another, or nothing, counts no departure.
AGREE = """
create function departures_zones_agree() returns trigger language plpgsql as $$
declare
  used text := (select to_version from departures_zones order by id desc limit 1);
  mine text := nullif(current_setting('wayfare.zones', true), '');
begin
  if mine is distinct from used then
    raise exception 'the figures stand under time zones %, this process counts with %; run wayfare ledger zones',
      coalesce(used, '(none on record)'), coalesce(mine, '(none)') using errcode = 'object_not_in_prerequisite_state';
  end if;
  return null;
end $$;
create trigger departures_counted_zones before insert on departures_counted
  for each statement execute function departures_zones_agree();
create function departures_zones_stay() returns trigger language plpgsql as $$
begin
  raise exception 'departures_zones_stay: % on % is refused; what was taken into use stays on record', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;
create trigger departures_zones_stay before update or delete or truncate on departures_zones
  for each statement execute function departures_zones_stay();
create trigger departures_zonecell_stay before update or delete or truncate on departures_zonecell
  for each statement execute function departures_zones_stay();
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select, insert on departures_zones, departures_zonecell to wayfare_app;
    grant usage on sequence departures_zones_id_seq to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on departures_zones, departures_zonecell to wayfare_reader;
  end if;
end $$;
"""
UNDO = """
drop trigger departures_counted_zones on departures_counted;
drop trigger departures_zones_stay on departures_zones;
drop trigger departures_zonecell_stay on departures_zonecell;
drop function departures_zones_agree;
drop function departures_zones_stay;
"""


COUNTED = """
select p.timezone, (extract(epoch from c.exited_at) * 1000000)::bigint, c.day
from departures_counted c join departures_programme p on p.id = c.programme_id
"""


def _agree(connection: Any) -> bool:
    """Tell whether every counted departure has the day that the installed time zones give it."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    with connection.chunked_cursor() as cursor:
        cursor.execute(COUNTED)
        while rows := cursor.fetchmany(10_000):
            for zone, at, day in rows:
                if (epoch + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).date() != day:
                    return False
    return True


def begin(apps: Any, schema_editor: Any) -> None:
    """Put the installed version on record if all that was counted agrees with it; else an operator decides."""
    try:
        agree = _agree(schema_editor.connection)
    except ZoneInfoNotFoundError:
        agree = False
    if agree:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "insert into departures_zones (from_version, to_version, position)"
                " select '', %s, coalesce(max(position), 0) from ledger_entry",
                [tzdata.IANA_VERSION],
            )


def _text() -> "models.TextField[Any, Any]":
    return models.TextField(db_collation="C")


class Migration(migrations.Migration):
    dependencies = (("departures", "0005_cells_change_in_place"), ("ledger", "0004_log"))
    operations = (
        migrations.CreateModel(
            name="ZonesRow",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=Now())),
                ("from_version", models.TextField()),
                ("to_version", models.TextField()),
                ("position", models.BigIntegerField()),
            ],
            options={"db_table": "departures_zones"},
        ),
        migrations.CreateModel(
            name="ZoneCell",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        *("act", "programme", "day", "nationality", "sex", "age", "destination", "evidence"),
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
                ("nationality", _text()),
                ("sex", models.SmallIntegerField()),
                ("age", _text()),
                ("destination", _text()),
                ("evidence", _text()),
                ("assistance", _text()),
                ("before", models.IntegerField()),
                ("after", models.IntegerField()),
                (
                    "programme",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=PROTECT, to="departures.programmerow"
                    ),
                ),
            ],
            options={"db_table": "departures_zonecell"},
        ),
        migrations.RunSQL(AGREE, UNDO),
        migrations.RunPython(begin, migrations.RunPython.noop),
    )
