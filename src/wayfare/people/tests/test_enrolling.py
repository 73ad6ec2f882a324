"""Made for many at once, what is stored of people is what it would be if it were made one by one; all of it or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format

from wayfare.access import operations as access
from wayfare.access.purposes import GROUPS
from wayfare.access.rules import Forbidden
from wayfare.ledger.rules import Refused
from wayfare.people import operations, sealing
from wayfare.people.births import Birth
from wayfare.people.enrolling import MARK, File, Writer, texts_of
from wayfare.people.fields import bare
from wayfare.people.index import PADDED_TO, Keyed
from wayfare.people.installed import keyed
from wayfare.people.masterkeys import LocalKeys
from wayfare.people.names import initials
from wayfare.people.rules import Notes, read_group, write_group
from wayfare.people.sealing import Place
from wayfare.people.tests.cast import NOW, Colleague, file_data

KEYS = st.binary(min_size=32, max_size=32)
NAMES = st.text("abn 'éüنور-", min_size=1, max_size=20).filter(str.strip)
BORN = st.tuples(st.integers(1900, 2020), st.integers(1, 12), st.integers(1, 28)).flatmap(
    lambda day: st.sampled_from([day, day[:2], day[:1]])
)


def file(name, born=(1990, 5, 7), groups=GROUPS, family=None):
    data = {group: value for group, value in file_data(name, born).items() if group in groups or group == "names"}
    return operations.file_from(data, at=datetime(2026, 1, 1, tzinfo=UTC), family=family)


FILES = st.builds(file, NAMES, BORN, st.sets(st.sampled_from(GROUPS)), st.none() | st.uuids())


# What is made ---------------------------------------------------------------------------------------------------------


def columns_read(columns):
    """Return the columns as psycopg reads them."""
    kinds = [2951, 1009, 2951, 1001, 1001, 2951, 1009, 1001, 2951, 2951, 2951]
    loaders = [Transformer().get_loader(kind, Format.BINARY) for kind in kinds]
    return [loader.load(column) for loader, column in zip(loaders, columns, strict=True)]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    keys = LocalKeys(tmp_path_factory.mktemp("keys") / "people")
    keys.first()
    return keys


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(FILES, max_size=5))
def test_what_is_made_for_many_opens_as_if_made_one_by_one(keys, files):
    making = Keyed(keys.index_key(), keys.token_key(1, "search"), "paris")
    people, columns = Writer(1, keys, making, lambda tokens: ()).written(files)
    ids, numbers, families, wrapped, marks, sealed_of, groups, sealed, tokens_of, tokens, signs = columns_read(columns)
    assert list(zip(ids, numbers, strict=True)) == people
    assert families == [one.family for one in files]
    data_keys = {one: keys.unwrap(1, one, it) for one, it in zip(ids, wrapped, strict=True)}
    assert len(set(data_keys.values())) == len(files)
    opened = {
        (one, group): sealing.unseal(data_keys[one], Place(one, group, 1, 1), it)
        for one, group, it in zip(sealed_of, groups, sealed, strict=True)
    }
    assert len({*tokens, *signs}) == len(tokens) + len(signs)
    for one, it, mark in zip(ids, files, marks, strict=True):
        for group in GROUPS:
            assert opened.pop((one, group)) == (write_group(it.groups[group]) if group in it.groups else b"{}")
        found = [token.bytes for who, token in zip(tokens_of, tokens, strict=True) if who == one]
        blocks = set(map(making.block, texts_of(it.groups)))
        assert len(found) == -(-len(blocks) // PADDED_TO) * PADDED_TO
        assert blocks <= set(making.blocks(b"".join(found)))
        place = Place(one, MARK, 1, 1)
        assert sealing.unseal(keys.token_key(1, "marks"), place, mark).decode() == initials(it.groups["names"])
    assert opened == {}


@given(FILES)
def test_json_is_that_of_all_that_is_known(it):
    def plainly(value):
        if isinstance(value, str) or not isinstance(value, tuple):
            return value
        if not hasattr(value, "_fields"):
            return [plainly(one) for one in value]
        found = {name: plainly(one) for name, one in value._asdict().items()}
        return {
            name: one for name, one in found.items() if one is not None and one is not False and one not in ([], {})
        }

    for value in (*it.groups.values(), Birth(), Notes()):
        assert bare(value) == plainly(value)


# What is stored -------------------------------------------------------------------------------------------------------


@pytest.fixture
def few_at_once(monkeypatch):
    monkeypatch.setattr(operations, "AT_ONCE", 3)


def everything(vault):
    """Return how many rows the vault has of people."""
    with psycopg.connect(vault("wayfare_owner")) as owner:
        tables = ("access_file", "people_person", "people_key", "people_mark", "people_sealed", "people_token")
        return [owner.execute(f"select count(*) from {table}").fetchone()[0] for table in tables]


@pytest.mark.parametrize("number", [0, 1, 3, 7])
def test_many_are_enrolled_in_their_order(vault, counsellor, few_at_once, number):
    with counsellor.acting():
        made = operations.enrol_many((file(f"Nur {'abcdefg'[n]}") for n in range(number)), at=NOW)
    assert everything(vault)[:5] == [number] * 4 + [number * len(GROUPS)]
    with psycopg.connect(vault("wayfare_owner")) as owner:
        stored = owner.execute("select person, token from people_token").fetchall()
    for n, one in enumerate(made):
        with counsellor.acting():
            access.join_team(one.person, counsellor.id)
        with counsellor.looks(one.person, *GROUPS) as opened:
            assert opened.groups == file(f"Nur {'abcdefg'[n]}").groups
        theirs = b"".join(token.bytes for person, token in stored if person == one.person)
        making = keyed(1, "paris")
        texts = texts_of(file(f"Nur {'abcdefg'[n]}").groups)
        assert set(map(making.block, texts)) <= set(making.blocks(theirs))


def wrong_file():
    notes = [{"on": "2026-05-17", "text": "x" * 4_000}] * 20
    return File({**file("Nur").groups, "notes": read_group("notes", {"notes": notes})})


@pytest.mark.parametrize("at", [0, 2, 3, 6])
def test_a_file_that_is_refused_leaves_nobody(vault, counsellor, few_at_once, at):
    files = [file("Nur") for _ in range(7)]
    files[at] = wrong_file()
    with pytest.raises(Refused, match="shorten"), counsellor.acting():
        operations.enrol_many(files, at=NOW)
    assert everything(vault) == [0] * 6
    assert counsellor.enrols("Nur")


def test_what_breaks_off_in_the_middle_leaves_nobody(vault, counsellor, few_at_once):
    def files():
        yield from (file("Nur") for _ in range(4))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), counsellor.acting():
        operations.enrol_many(files(), at=NOW)
    assert everything(vault) == [0] * 6
    assert counsellor.enrols("Nur")


def test_a_server_process_that_is_killed_in_the_middle_leaves_nobody(vault, counsellor, few_at_once):
    def files():
        yield from (file("Nur") for _ in range(4))
        with psycopg.connect(vault("postgres")) as superuser:
            superuser.execute("select pg_terminate_backend(%s, 10000)", [connection.connection.info.backend_pid])
        yield from (file("Nur") for _ in range(4))

    with pytest.raises(OperationalError), counsellor.acting():
        operations.enrol_many(files(), at=NOW)
    assert everything(vault) == [0] * 6
    assert counsellor.enrols("Nur")


KILLED = """
import json, sys
from pathlib import Path
from wayfare.site import runtime
runtime.set_up_django()
from django.conf import settings
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[1]
settings.KEYS_TOKEN, pin_file = json.loads(sys.argv[3])
settings.KEYS_PIN_FILE = Path(pin_file)
from wayfare.access.operations import acting
from wayfare.people import operations
from wayfare.people.tests import test_enrolling as tests
operations.AT_ONCE = 3
def files():
    yield from (tests.file("Nur") for _ in range(4))
    print("in the middle", flush=True)
    sys.stdin.read()
with acting(sys.argv[2]):
    operations.enrol_many(files(), at=tests.NOW)
"""


def test_a_process_that_is_killed_in_the_middle_leaves_nobody(vault, counsellor, keys_folder):
    name = connection.settings_dict["NAME"]
    token = json.dumps([django_settings.KEYS_TOKEN, str(django_settings.KEYS_PIN_FILE)])
    where = {"WAYFARE_HOME": str(django_settings.WAYFARE_HOME), "WAYFARE_PEOPLE_KEYS": str(keys_folder)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, name, counsellor.secret, token],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | where,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.send_signal(signal.SIGKILL)
    assert everything(vault) == [0] * 6
    assert counsellor.enrols("Nur")


def test_who_may_not_enrol_is_refused_with_many_as_with_one(vault, few_at_once):
    with pytest.raises(Forbidden) as refused, Colleague("paris", "auditor").acting():
        operations.enrol_many([file("Nur") for _ in range(7)], at=NOW)
    assert refused.value.code == "not_yours"
    assert everything(vault) == [0] * 6
