"""After a dump is restored into a new cluster, transaction numbers come round to stored ones; nothing opens by that."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection

from wayfare.access import keyfiles
from wayfare.access.door import NAME, read
from wayfare.common.postgres.statements import run
from wayfare.people.tests.cast import Colleague
from wayfare.site import embedded

OLD_RULE = """
create or replace function access_is_now(tx xid8, began timestamptz, server timestamptz) returns boolean language sql
stable as 'select tx = pg_current_xact_id_if_assigned()'
"""
OLD_NAME = """
create or replace function access_transaction(number xid8 default pg_current_xact_id()) returns text language sql stable
as 'select number::text'
"""
MOST_NUMBERS = 200_000


@pytest.fixture
def new_cluster() -> Iterator[embedded.Home]:
    """A cluster of its own, made by `initdb` and started."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "h")
        server = embedded.Server(home)
        server.start()
        try:
            yield home
        finally:
            server.stop()


def program(name: str) -> str:
    return str(embedded.binaries() / name)


def restored(source: str, home: embedded.Home) -> str:
    """Dump a database and restore it as docs/operating.md says; return how the application reaches it."""
    dump = subprocess.run(
        [program("pg_dump"), "--format=custom", "--exclude-schema=pg_catalog", source], check=True, capture_output=True
    ).stdout
    command = [program("pg_restore"), "--clean", "--if-exists", f"--dbname={home.conninfo('wayfare_owner')}"]
    subprocess.run(command, input=dump, check=True)
    return home.conninfo("wayfare_app")


def last_number(link: Connection) -> int:
    """Use up a transaction number and return it."""
    ((last,),) = link.execute("select pg_current_xact_id()::text::bigint").fetchall()
    return int(last)


def next_is(link: Connection, number: int) -> None:
    """Burn transaction numbers until the next one is this."""
    last = last_number(link)
    assert last < number <= last + MOST_NUMBERS, (last, number)
    for _ in range(number - last - 1):
        link.execute("select pg_current_xact_id()")


def rows_at(link: Connection, number: int, *statements: str) -> int:
    """Return how many rows statements give in the transaction of a number; what is refused gives none."""
    next_is(link, number)
    found = 0
    with link.transaction(force_rollback=True):
        assert link.execute("select pg_current_xact_id()::text::bigint").fetchone() == (number,)
        for statement in statements:
            try:
                with link.transaction():
                    found += len(link.execute(statement).fetchall())
            except psycopg.errors.InsufficientPrivilege:
                pass
    return found


OPENS = ("select person from people_key", "select sealed from people_sealed")
DOOR = "select 1 where access_door_open()"


@pytest.mark.slow
def test_no_number_that_comes_round_opens_a_file_or_the_door(fresh_database, new_cluster):
    counsellor = Colleague("paris", "counsellor")
    person = counsellor.enrols("Maryam Karimi").person
    looks = []
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        for _ in range(2):
            next_is(owner, last_number(owner) + 3_000)  # above those that filling the new cluster uses up
            with counsellor.looks(person, "names"):
                looks.append(run("select pg_current_xact_id()::text::bigint")[0][0])
        next_is(owner, last_number(owner) + 100)
        ((number, proof),) = read("select pg_current_xact_id()::text::bigint, current_setting('app.door')")
    app = restored(fresh_database("wayfare_owner"), new_cluster)
    with psycopg.connect(app, autocommit=True) as thief:
        assert rows_at(thief, looks[0], *OPENS) == 0
    with psycopg.connect(new_cluster.conninfo("wayfare_owner"), autocommit=True) as owner:
        owner.execute(OLD_RULE)
    with psycopg.connect(app, autocommit=True) as thief:
        assert rows_at(thief, looks[1], *OPENS) == 2, "the control: the number alone, as it was"
        thief.execute("select set_config('app.door', %s, false)", [proof])
        assert rows_at(thief, number, DOOR) == 0
    with psycopg.connect(new_cluster.conninfo("wayfare_owner"), autocommit=True) as owner:
        owner.execute(OLD_NAME)
    with psycopg.connect(app, autocommit=True) as thief:
        key = hashlib.sha256(keyfiles.path_of(NAME).read_bytes()).digest()
        old = hmac.new(key, f"wayfare door {number + 100}".encode(), hashlib.sha256).hexdigest()
        thief.execute("select set_config('app.door', %s, false)", [old])
        assert rows_at(thief, number + 100, DOOR) == 1, "the control"
