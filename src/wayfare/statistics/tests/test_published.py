"""A published table carries its proof, and is recounted from it; whatever is changed in it is found."""

from __future__ import annotations

import random

import pytest
from django.db import connection

from wayfare.common.tests.homes import bring_door_key
from wayfare.departures.operations import add_programme
from wayfare.ledger import zones
from wayfare.ledger.entries.operations import record
from wayfare.ledger.rules import Refused
from wayfare.ledger.source import LEDGER
from wayfare.statistics import published
from wayfare.statistics.tests.histories import PROGRAMMES, history
from wayfare.tlog import keys, merkle, notes, operations
from wayfare.tlog import queries as log


@pytest.fixture
def held(db, settings, tmp_path):
    """A ledger with its log, and a columnar copy of its own; returns the log's keys."""
    settings.WAYFARE_HOME = bring_door_key(tmp_path)
    for one in PROGRAMMES.values():
        add_programme(one.key, one.title, one.country, one.timezone, one.counts_from)
    record(history(3, people=12, length=80))
    made = keys.opened(tmp_path / "log-keys", "log.example/ledger")
    operations.keep_up(LEDGER, made)
    return made


def publish(by=("year", "destination"), measure="departures", programmes=()):
    return published.publish(log.latest("ledger"), programmes, by, measure)


@pytest.mark.parametrize("by", [(), ("year",), ("nationality", "sex")])
@pytest.mark.parametrize("measure", ["departures", "persons"])
def test_a_published_table_is_read_and_recounted(held, by, measure):
    found = published.read(bytes(publish(by, measure)))
    assert found == publish(by, measure)
    assert published.verify(found, held.verifiers).size == found.position
    assert published.verify(found).origin == "log.example/ledger"


def test_it_holds_after_more_was_recorded_and_signed(held):
    content = bytes(publish())
    record(history(4, people=12, length=60))
    operations.keep_up(LEDGER, held)
    assert bytes(publish()) != content
    published.verify(published.read(content))


def test_of_some_programmes(held):
    key = next(iter(PROGRAMMES))
    found = published.read(bytes(publish(programmes=(key,))))
    assert found.programmes == (key,)
    published.verify(found)


def test_what_is_changed_is_found(held):
    content = bytes(publish())
    chance, missed = random.Random(1), []
    for _ in range(400):
        at = chance.randrange(len(content))
        changed = content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
        try:
            found = published.read(changed)
            published.verify(found)
        except (notes.Malformed, notes.Unverified, merkle.Unproven, Refused):
            continue
        if found._replace(note=found.note._replace(signatures=[])) != publish()._replace(
            note=found.note._replace(signatures=[])
        ):
            missed.append((at, content[at - 20 : at + 20]))
    assert missed == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"# Wayfare table, version 1", b"# Wayfare table, version 2", "first_line"),
        (b"# measure: departures", b"# measured: departures", "field"),
        (b"# position: ", b"# position: 0", "number"),
        (b"# checkpoint:", b"# no checkpoint:", "field"),
        (b"# | log.example", b"#| log.example", "field"),
        (b"\n", b"\r\n", "carriage_return"),
    ],
)
def test_bad_files_are_refused_each_by_its_name(held, old, new, code):
    with pytest.raises(notes.Malformed) as refused:
        published.read(bytes(publish()).replace(old, new, 1))
    assert refused.value.code == code


def test_another_position_rows_key_or_log_is_refused(held, tmp_path):
    good = publish()
    for change, code in (
        ({"position": good.position - 1}, "position"),
        ({"rows": good.rows + b"2020,GIN,5\n"}, "rows_differ"),
    ):
        with pytest.raises(notes.Malformed) as refused:
            published.verify(good._replace(**change))
        assert refused.value.code == code
    stranger = keys.opened(tmp_path / "stranger", "log.example/ledger")
    with pytest.raises(notes.Unverified):
        published.verify(good, stranger.verifiers)
    head = notes.parse_checkpoint(good.note.text)
    for other, code in (
        (head._replace(root=bytes(32)), "root_differs"),
        (head._replace(size=head.size + 1), "old_tree_larger"),
    ):
        forged = good._replace(note=notes.signed_note(other.text(), held.signers, 0), position=other.size)
        with pytest.raises(merkle.Unproven) as unproven:
            published.verify(forged)
        assert unproven.value.code == code


def test_zones_that_were_never_in_use_are_refused(held):
    good = publish()
    assert good.zones == zones.INSTALLED
    with pytest.raises(notes.Malformed) as refused:
        published.verify(good._replace(zones="2020a"))
    assert refused.value.code == "zones"
    with connection.cursor() as cursor:  # as if the table had been made before the installed version was taken into use
        cursor.execute(
            "insert into departures_zones (from_version, to_version, position) values ('2020a', %s, %s)",
            [zones.INSTALLED, good.position],
        )
    published.verify(good._replace(zones="2020a"))
    with pytest.raises(notes.Malformed, match="the table was made with 2020a") as refused:
        published.verify(good._replace(zones="2020a", rows=good.rows + b"2020,GIN,5\n"))
    assert refused.value.code == "rows_differ"


def test_without_a_checkpoint_nothing_is_published(db):
    with pytest.raises(Refused, match="no checkpoint"):
        publish()
