"""The invented people: enough of every kind, each with one set of files, however often the filling was stopped."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime

import pytest
from django.db import connections

from wayfare.access import operations as access
from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.departures import operations as departures
from wayfare.ledger import queries as ledger
from wayfare.people import operations as files
from wayfare.people import queries
from wayfare.people.enrolling import named
from wayfare.site.demo import colleagues, filling, people, work

TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
FICTION = re.compile(r"\+33 6 39 98 \d\d \d\d|\+61 491 57\d \d{3}")
"""Telephone numbers that the regulators of France (ARCEP) and Australia (ACMA) keep for fiction."""


def owner(statement):
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_people_of_every_kind_are_there_and_each_can_be_registered():
    found = people.read(TODAY)
    assert len(found) == 60
    assert len({one.key for one in found}) == 60
    names, births = zip(*(named(files.file_from(one.groups, at=NOW).groups) for one in found), strict=True)
    scripts = {written.script for one in names for name in one.names for written in name.written}
    assert {"Arab", "Cyrl", "Ethi", "Latn", "Hans", "Hant", "Kore", "Geor", "Armn", "Beng", "Deva"} <= scripts
    assert any(re.search(r"[áéíóúñãçüşż]", str(one)) for one in names)
    assert sum(len(one.shown().parts) == 1 for one in names) >= 4, "one-word names"
    assert {one.told.calendar for one in births if one.told} == {"gregorian", "hijri", "persian"}
    assert {len(one.told.text()) for one in births if one.told} == {4, 7, 10}, "partial dates"
    assert sum(one.estimated for one in births) >= 4
    assert any(one.told is None for one in births)
    assert {None, "not_known", "prefer_not_to_say", "XXA", "AFG"} <= {one.nationality for one in births}
    assert {"female", "male", "other", "prefer_not_to_say"} <= {one.sex for one in births}
    families = Counter(one.family for one in found if one.family)
    assert len(families) >= 8
    assert min(families.values()) >= 2
    for one in found:
        for channel in one.groups["contact"]["channels"]:
            assert FICTION.fullmatch(channel["value"]), one.key


def test_staff_of_every_role_is_there_and_addresses_are_nobodys():
    assert {one.role for one in colleagues.COLLEAGUES} == set(ROLES)
    assert all(one.email.endswith("@example.org") for one in colleagues.COLLEAGUES)
    assert len({one.email for one in colleagues.COLLEAGUES}) == len(colleagues.COLLEAGUES)


def test_visits_name_people_and_staff_that_there_are():
    keys = {one.key for one in people.read(TODAY)}
    names = {one.email.partition("@")[0] for one in colleagues.COLLEAGUES}
    visits = [*work.everyday(people.read(TODAY)), *work.SPECIAL]
    assert {one.whose for one in visits} | {work.ERASURE[1]} <= keys
    assert {one.who for one in visits} | {work.ERASURE[0]} <= names
    assert {one.purpose for one in visits} == set(PURPOSES)
    seen = Counter((one.who, one.whose, one.purpose) for one in visits)
    assert set(seen.values()) == {1}, "by these a visit is known again"


class Killed(RuntimeError):
    """Stands for kill -9."""


@pytest.fixture
def example(fresh_database, settings, tmp_path):
    settings.PEOPLE_KEYS = tmp_path / "people"
    for _, zone, key in colleagues.OFFICES.values():
        departures.add_programme(key, f"Return {key}", key.upper(), zone)
    assert colleagues.make()


def counts():
    """Return how much there is of all that filling makes."""
    tables = ("people_person", "access_team", "access_task", "access_notice")
    found = {table: owner(f"select count(*) from {table}")[0][0] for table in tables}
    kinds = "select kind, count(*) from access_log where kind not in ('session', 'ended') group by 1"
    return found | dict(owner(kinds)) | ledger.tally()


def test_filling_that_is_killed_again_and_again_ends_with_one_set(example, monkeypatch):
    left = [0]

    def dying(verb):
        def perhaps(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return verb(*args, **kwargs)

        return perhaps

    for place, name in ((access, "join_team"), (access, "take_up"), (access, "approve"), (files, "opened")):
        monkeypatch.setattr(place, name, dying(getattr(place, name)))
    killed = 0
    for _ in range(60):
        left[0] = 17
        try:
            filling.fill(datetime.now(UTC))
            break
        except Killed:
            killed += 1
    assert killed >= 5
    once = counts()
    assert once["people_person"] == once["access_team"] == 60
    assert once["access_task"] == len(work.everyday(people.read(TODAY))) + len(work.SPECIAL)
    assert once["look"] > 40
    assert (once["enrolled"], once["facts_corrected"]) == (60, 1), "each is in the ledger, and one was corrected"
    assert once["approval"] == 1
    assert once["erasure_asked"] == 1
    left[0] = 1_000
    filling.fill(datetime.now(UTC))
    assert counts() == once
    assert owner("select count(*) from access_log where at < now() - interval '1 hour'") == [(0,)], (
        "nothing is dated back"
    )


def test_duplicates_are_there_to_be_found(example):
    filling.fill(datetime.now(UTC))
    with filling._colleagues(datetime.now(UTC)) as staff:
        for who, text, keys in (
            ("idris", "Olena Kovalenko", {"kovalenko-olena", "kovalenko-helena"}),
            ("grace", "Suharto", {"suharto", "soeharto"}),
        ):
            found = queries.search(staff.secret(who), text, None)
            assert {staff.id_of("person", key) for key in keys} <= {one.person for one in found.found}, text
