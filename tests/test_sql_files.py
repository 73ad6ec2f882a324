"""The database is what the rooms' SQL files say, however it came there."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from wayfare.common.postgres import sql
from wayfare.ledger.operations import LOCK
from wayfare.site import runtime

CATALOGUE = (
    """select pg_get_functiondef(oid), array(select one::text from unnest(proacl) one order by 1) from pg_proc
    where pronamespace = 'public'::regnamespace""",
    "select tablename, policyname, permissive, roles::text, cmd, qual, with_check from pg_policies",
    "select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    """select relname, relrowsecurity, array(select one::text from unnest(relacl) one order by 1) from pg_class
    where relnamespace = 'public'::regnamespace""",
    "select attrelid::regclass::text, attname, attacl::text from pg_attribute where attacl is not null",
)


def catalogue(connection: psycopg.Connection) -> list[list[tuple]]:
    return [sorted(connection.execute(query).fetchall(), key=repr) for query in CATALOGUE]


@pytest.fixture
def owner(fresh_database):
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as connection:
        yield connection


def make_anew(connection: psycopg.Connection) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        runtime.apply_sql(cursor)


def test_running_the_files_again_changes_nothing(owner):
    before = catalogue(owner)
    assert len(before[0]) > 50
    make_anew(owner)
    assert catalogue(owner) == before


@pytest.mark.parametrize(
    "change",
    [
        """create or replace function access_opened(wanted uuid, wanted_group text default null) returns boolean
        language sql as 'select true'""",
        "create function access_way_round() returns int language sql as 'select 1'",
        "drop policy looked on people_sealed",
        "create policy everything on people_sealed using (true)",
        "drop trigger access_log_stays on access_log",
        "grant select on people_mark to wayfare_app",
        "grant update (sealed) on people_mark to wayfare_app",
        "revoke select on access_log from wayfare_app",
        "grant execute on function people_use_epoch(int) to public",
        "alter table people_token disable row level security",
        "drop trigger ledger_entry_append_only on ledger_entry",
        "create or replace function ledger_is_append_only() returns trigger language plpgsql as 'begin return new; end'",
        "create or replace function log_only_grows() returns trigger language plpgsql as 'begin return new; end'",
        "drop trigger log_tile_stays on log_tile",
        "grant update on ledger_entry to wayfare_app",
        "grant select (nonces) on log_bundle to wayfare_reader",
        "drop trigger departures_counted_zones on departures_counted",
        "grant update, delete on departures_zones to wayfare_app",
        "grant all on sequence departures_zones_id_seq to wayfare_reader",
        "grant update on sequence departures_zones_id_seq to wayfare_app",
    ],
)
def test_what_differs_from_the_files_is_made_right(owner, change):
    before = catalogue(owner)
    owner.execute(change)
    assert catalogue(owner) != before
    make_anew(owner)
    assert catalogue(owner) == before


def test_a_changed_file_is_noticed(owner):
    with owner.cursor() as cursor:
        assert sql.is_current(cursor)
        cursor.execute("update wayfare_sql set hash = repeat('0', 64)")
        assert not sql.is_current(cursor)
    make_anew(owner)
    with owner.cursor() as cursor:
        assert sql.is_current(cursor)


def test_each_file_belongs_to_a_room_and_none_is_empty():
    source = Path(sql.__file__).parents[2]
    assert set(sql.files()) == set(source.glob("*/sql/*.sql"))
    assert all(len(file.read_text()) > 100 for file in sql.files())


def test_rooms_run_in_the_order_in_which_they_are_installed():
    rooms = [room.name for room in sql.rooms()]
    assert rooms == [name for name in settings.INSTALLED_APPS if name in rooms]
    assert rooms[:2] == ["wayfare.tlog", "wayfare.ledger"]


def test_each_function_table_and_trigger_belongs_to_a_room(owner):
    prefixes = tuple(f"{prefix}_" for room in sql.rooms() for prefix in sql.prefixes(room))
    rows = owner.execute(
        """select proname from pg_proc where pronamespace = 'public'::regnamespace union all
        select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')"""
    )
    names = {name for (name,) in rows}
    assert len(names) > 100
    assert {name for name in names if not name.startswith(prefixes)} == {
        "django_migrations",
        "django_migrations_id_seq",
        "wayfare_sql",
    }


def test_the_files_wait_for_the_append_that_is_under_way(owner, fresh_database):
    """Each locks the ledger and what is counted, in another order."""
    owner.execute("set lock_timeout = 200")
    with psycopg.connect(fresh_database("wayfare_owner")) as append:
        append.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            make_anew(owner)
    make_anew(owner)


def test_one_function_tells_the_data_protection_officers():
    told = re.compile(r"access_notice[^;]*data_protection_officer'\s*,", re.DOTALL)
    texts = {file.name: told.findall(file.read_text()) for file in sql.files()}
    assert {name for name, found in texts.items() if found} == {"25_notices.sql"}
    assert len(texts["25_notices.sql"]) == 1
    assert told.search("insert into access_notice (at, reader) values (now(), 'data_protection_officer', 'x')"), (
        "control"
    )
