"""A new version of the time zones moves nothing until an operator takes it into use; then the cells are on record."""

from __future__ import annotations

import json
import shutil
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources

import click
import pytest
from click.testing import CliRunner
from django.db import OperationalError, ProgrammingError, connection, connections, transaction

from wayfare.access.rules import EVERYTHING
from wayfare.departures import live, operations, rules, zones
from wayfare.departures.zones_cli import group
from wayfare.ledger import projections
from wayfare.ledger import queries as ledger
from wayfare.ledger import zones as installed
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.rules import Refused
from wayfare.ledger.verify import differences
from wayfare.site import up
from wayfare.site.check import CHECKS
from wayfare.statistics import queries

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CASABLANCA = "Africa/Casablanca"


def entry(kind: str, at: str, **fields: object) -> dict[str, object]:
    return {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": at, "source": "desk", **fields}


def departed(at: str, programme: str = "rabat", birth_date: str = "2008-11-01") -> list[dict[str, object]]:
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())
    facts = {"person": person, "programme": programme}
    told = {"nationality": "GIN", "sex": 1, "birth_date": birth_date}
    return [
        entry("enrolled", "2026-09-01T10:00:00Z", **facts, **told),
        entry(
            "departure_registered",
            "2026-09-01T10:00:00Z",
            **facts,
            departure=departure,
            destination="GIN",
            assistance=[],
        ),
        entry("departure_confirmed", at, departure=departure, evidence="exit_stamp"),
    ]


def record(entries: list[dict[str, object]]) -> set[str]:
    return {result.status for result in intake.record(entries, now=NOW)}


def choose(version: str, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have another version of the time zones."""
    zoneinfo.reset_tzpath(path)
    zoneinfo.ZoneInfo.clear_cache()
    rules._zone.cache_clear()
    monkeypatch.setattr(installed, "INSTALLED", version)
    zones._told.clear()
    zones.tell(connection.connection)


@pytest.fixture
def upgrade(db, settings, tmp_path, monkeypatch) -> Iterator[Callable[[], None]]:
    """Begin with figures under version 2026a, by which Casablanca is 14 hours ahead; give the change to the lock's."""
    settings.WAYFARE_HOME = tmp_path
    lock, older = installed.INSTALLED, tmp_path / "2026a"
    shutil.copytree(str(resources.files("tzdata") / "zoneinfo"), older)
    shutil.copy(older / "Pacific" / "Kiritimati", older / "Africa" / "Casablanca")
    operations.add_programme("rabat", "Return, Morocco", "MAR", CASABLANCA)
    operations.add_programme("paris", "Return, France", "FRA", "Europe/Paris")
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into departures_zones (from_version, to_version, position) values (%s, '2026a', 0)", [lock]
        )
    choose("2026a", (str(older),), monkeypatch)
    assert record([*departed("2026-10-31T23:30:00Z"), *departed("2026-10-31T12:00:00Z")]) == {"accepted"}
    assert record([*departed("2026-10-15T02:00:00Z"), *departed("2026-10-31T23:30:00Z", "paris")]) == {"accepted"}
    yield lambda: choose(lock, (), monkeypatch)
    choose(lock, (), monkeypatch)
    zones._told.clear()  # what was told is undone with the test's transaction


def months(**more: object) -> list[tuple[object, ...]]:
    return queries.table(programmes=["rabat"], by=["month"], **more, reader=EVERYTHING).rows


def test_nothing_is_counted_until_an_operator_decides(upgrade):
    before = queries.table(by=["programme", "day", "age"], reader=EVERYTHING)
    assert ("rabat", "2026-11-01", "Y18-34", 2) in before.rows
    assert (before.zones, zones.difference()) == ("2026a", "")
    upgrade()
    why = f"the figures stand under time zones 2026a, {installed.INSTALLED} is installed"
    assert CHECKS["projections"]().startswith(why)
    with pytest.raises(click.ClickException, match="run wayfare ledger zones"):
        up.zones_agree()
    with pytest.raises(OperationalError, match="stand under time zones 2026a"), transaction.atomic():
        record(departed("2026-11-05T12:00:00Z"))
    assert record(departed("2026-11-05T12:00:00Z")[:2]) == {"accepted"}  # counts nothing, and so is taken
    for refused in (projections.rebuild, lambda: months(engine="duckdb"), lambda: months(as_of=3)):
        with pytest.raises(Refused) as refusal:
            refused()
        assert refusal.value.field == "zones"
    assert queries.table(by=["programme", "day", "age"], reader=EVERYTHING)[3:] == before[3:]
    assert live.cells("rabat", NOW, reader=EVERYTHING).zones == "2026a"


def test_the_control_with_the_version_on_record_it_is_counted(upgrade):
    assert record(departed("2026-11-05T12:00:00Z")) == {"accepted"}
    assert ("2026-11", 3) in months()


def test_verify_names_the_version_and_every_cell_that_would_move(upgrade):
    assert differences()[1] == []
    upgrade()
    found = differences()[1]
    assert found[0].startswith("time zones: the figures stand under time zones 2026a")
    assert sum(line.startswith("counted departures: missing") for line in found) == 2


def test_a_preview_lists_what_moves_and_changes_nothing(upgrade):
    upgrade()
    before = queries.table(by=["programme", "day", "age"], reader=EVERYTHING)
    change = zones.preview()
    moved = [(one.programme, one.day, one.age, one.before, one.after) for one in change.cells]
    assert moved == [
        ("rabat", "2026-10-31", "Y14-17", 0, 2),
        ("rabat", "2026-11-01", "Y18-34", 2, 0),
    ]
    assert queries.table(by=["programme", "day", "age"], reader=EVERYTHING) == before
    assert [act.to_version for act in zones.history()] == [installed.INSTALLED, "2026a"]
    said = CliRunner().invoke(group, [])
    assert said.exit_code == 0
    assert f"Installed: {installed.INSTALLED}. Cells by day that it would move: 2." in said.output
    assert "rabat" in said.output


def test_adopting_counts_anew_and_keeps_the_cells_on_record(upgrade):
    upgrade()
    position = ledger.head()
    said = CliRunner().invoke(group, ["adopt", "--json"])
    assert said.exit_code == 0, said.output
    change = json.loads(said.output)
    assert (change["from_version"], change["to_version"], change["position"]) == (
        "2026a",
        installed.INSTALLED,
        position,
    )
    assert len(change["cells"]) == 2
    assert months() == [("2026-10", 3)] == months(engine="duckdb")
    assert differences()[1] == []
    assert CHECKS["projections"]() == ""
    act = zones.history()[-1]
    assert (act.from_version, act.to_version, act.position, act.cells) == ("2026a", installed.INSTALLED, position, 2)
    with connection.cursor() as cursor:
        cursor.execute("select day::text, age, before, after from departures_zonecell order by day")
        assert cursor.fetchall() == [("2026-10-31", "Y14-17", 0, 2), ("2026-11-01", "Y18-34", 2, 0)]
    assert zones.adopt().cells == []
    assert len(zones.history()) == 3
    assert record(departed("2026-11-05T12:00:00Z")) == {"accepted"}


def test_a_table_as_of_an_old_position_says_which_zones_were_in_use_then(upgrade):
    upgrade()
    old = ledger.head()
    zones.adopt()
    record(departed("2026-11-05T12:00:00Z"))
    for position, then in ((3, "2026a"), (old, "2026a"), (ledger.head(), None)):
        table = queries.table(by=["month"], as_of=position, reader=EVERYTHING)
        assert (table.zones, table.zones_then) == (installed.INSTALLED, then), position
        whole = json.loads(queries.render(table, "json"))
        assert whole["zones"] == installed.INSTALLED
        assert whole.get("zones_then") == then
        assert queries.render(table, "csv").startswith(b"month,departures\n")
    assert zones.used_since(old) == {"2026a", installed.INSTALLED}
    assert zones.used_since(ledger.head()) == {installed.INSTALLED}


@pytest.mark.parametrize(
    "statement",
    [
        "update departures_zones set to_version = '2020a'",
        "delete from departures_zones",
        "truncate departures_zonecell",
        "delete from departures_zonecell",
    ],
)
def test_what_was_taken_into_use_stays_on_record(fresh_database, statement):
    for alias in ("default", "owner"):
        with pytest.raises(ProgrammingError), connections[alias].cursor() as cursor:
            cursor.execute(statement)


def test_a_connection_that_says_nothing_counts_nothing(upgrade):
    """As a process of an older Wayfare would, on another machine."""
    with connection.cursor() as cursor:
        cursor.execute("select set_config('wayfare.zones', '', false)")
    with pytest.raises(OperationalError, match=r"this process counts with \(none\)"), transaction.atomic():
        record(departed("2026-11-05T12:00:00Z"))


def test_a_programme_whose_zone_is_not_there_is_named(upgrade):
    upgrade()
    zones.adopt()
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into departures_programme (key, title, country, timezone, counts_from)"
            " values ('old', 'Of an older version', 'FRA', 'localtime', 'boarding_pass')"
        )
    assert CHECKS["projections"]().startswith("'localtime', the time zone of programme old, is not in")
