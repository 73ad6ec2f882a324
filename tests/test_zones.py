"""Days are those of the locked package `tzdata`, in every process, whatever the system's time-zone files say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zoneinfo
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from django.db import connections

from wayfare.common.tests.homes import of_the_sessions_database
from wayfare.departures import operations, rules
from wayfare.ledger import zones
from wayfare.ledger.rules import Refused, instant_us
from wayfare.statistics import civil

CASABLANCA = "Africa/Casablanca"
EXIT = "2026-10-31T23:30:00Z"
PERSON, DEPARTURE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ENTRIES = (
    {"kind": "enrolled", "person": PERSON, "programme": "rabat", "nationality": "GIN", "sex": 1, "birth_date": None},
    {
        "kind": "departure_registered",
        "departure": DEPARTURE,
        "person": PERSON,
        "programme": "rabat",
        "destination": "GIN",
        "assistance": [],
    },
    {"kind": "departure_confirmed", "departure": DEPARTURE, "evidence": "exit_stamp"},
)
COUNTED = b"month,departures\n2026-10,1\n"
"""Morocco is at UTC since September 2026 (tzdata 2026f); by older files the exit is at 00:30 on 1 November."""
ENGINES = ("live", "duckdb")


def doctored(folder: Path) -> Path:
    """Return a folder of time-zone files in which Casablanca's clock is Kiritimati's, 14 hours ahead."""
    shutil.copytree(str(resources.files("tzdata") / "zoneinfo"), folder)
    shutil.copy(folder / "Pacific" / "Kiritimati", folder / "Africa" / "Casablanca")
    return folder


def without_the_reset(folder: Path) -> Path:
    """Return a folder to import Wayfare from, the same but for the lines that choose the source of the zones."""
    package = Path(operations.__file__).parents[1]
    (folder / "wayfare").mkdir(parents=True)
    for path in package.iterdir():
        if path.name != "__init__.py":
            (folder / "wayfare" / path.name).symlink_to(path)
    (folder / "wayfare" / "__init__.py").write_text('__version__ = "0.1.0"\n')
    return folder


@pytest.fixture
def installation(fresh_database, tmp_path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Give a function that runs a command on a database of its own, with the system's time zones in some folder."""
    here, owner = connections["default"].settings_dict, connections["owner"].settings_dict
    home = tmp_path / "home"
    of_the_sessions_database(home)
    url = f"postgresql://wayfare_owner:{owner['PASSWORD']}@/{here['NAME']}?host={here['HOST']}"
    common = {**os.environ, "DATABASE_URL": url, "WAYFARE_HOME": str(home), "WAYFARE_SPARK_MEMORY": "512m"}
    entries = tmp_path / "entries.jsonl"
    with entries.open("w") as file:
        for number, fields in enumerate(ENTRIES):
            at = EXIT if fields["kind"] == "departure_confirmed" else "2026-09-01T10:00:00Z"
            entry = {"entry_id": f"33333333-3333-4333-8333-{number:012}", "occurred_at": at, "source": "desk"}
            file.write(json.dumps(entry | fields) + "\n")

    def run(folder: Path, *arguments: object, package: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {**common, "PYTHONTZPATH": str(folder), "TZDIR": str(folder)}
        if package:
            environment["PYTHONPATH"] = str(package)
        command = [sys.executable, "-m", "wayfare.site.cli", *map(str, arguments)]
        return subprocess.run(command, env=environment, capture_output=True, timeout=300)

    operations.add_programme("rabat", "Return, Morocco", "MAR", CASABLANCA)
    return lambda folder, *arguments, **more: run(
        folder, *[entries if argument == "ENTRIES" else argument for argument in arguments], **more
    )


@pytest.mark.slow
@pytest.mark.parametrize("engines", [ENGINES, pytest.param(("spark",), marks=pytest.mark.spark)], ids=",".join)
@pytest.mark.parametrize("there", ["doctored", "absent"])
def test_the_same_bytes_whatever_the_systems_files_say(installation, tmp_path, there, engines):
    """The import's reading process counts ahead; the tables are counted live, on DuckDB and on Spark."""
    folder = doctored(tmp_path / "zones") if there == "doctored" else tmp_path / "nothing"
    done = installation(folder, "ledger", "import", "ENTRIES")
    assert done.returncode == 0, done.stderr
    for engine in engines:
        table = installation(folder, "stats", "table", "--by", "month", "--engine", engine)
        assert table.stdout == COUNTED, (engine, table.stderr)
    verified = installation(folder, "ledger", "verify")
    assert verified.returncode == 0, verified.stdout


@pytest.mark.slow
def test_with_the_reset_taken_out_the_doctored_files_show(installation, tmp_path):
    """The control: these files do reach a process that does not choose its source."""
    folder, package = doctored(tmp_path / "zones"), without_the_reset(tmp_path / "package")
    assert installation(folder, "ledger", "import", "ENTRIES", package=package).returncode == 0
    for engine in ("live", "duckdb"):
        table = installation(folder, "stats", "table", "--by", "month", "--engine", engine, package=package)
        assert table.stdout == b"month,departures\n2026-11,1\n", table.stderr
    found = installation(folder, "ledger", "verify")  # the process that does choose it
    assert found.returncode == 1
    assert b"counted departures: missing" in found.stdout


def package_of(folder: Path, version: str) -> Path:
    """Return a folder with another version of the package `tzdata`, in which Casablanca's clock is Kiritimati's."""
    doctored_zones = doctored(folder / "tzdata" / "zoneinfo")
    shutil.copy(str(resources.files("tzdata") / "zones"), doctored_zones.parent)
    (doctored_zones.parent / "__init__.py").write_text(f'IANA_VERSION = "{version}"\n')
    return folder


@pytest.mark.slow
def test_a_new_version_of_the_package_moves_nothing_until_it_is_adopted(installation, tmp_path):
    """In earnest, by the commands: counted under one version of the package, with another one installed afterwards."""
    nothing, older = tmp_path / "nothing", package_of(tmp_path / "package", "2026a")

    def said(*arguments: object, code: int = 0, package: Path | None = None) -> str:
        done = installation(nothing, *arguments, package=package)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return (done.stdout + done.stderr).decode()

    table = ("stats", "table", "--by", "month")
    problem = f"the figures stand under time zones {zones.INSTALLED}, 2026a is installed; run wayfare ledger zones"
    assert problem in said("ledger", "import", "ENTRIES", code=2, package=older)
    assert "0 cells by day moved" in said("ledger", "zones", "adopt", package=older)
    said("ledger", "import", "ENTRIES", package=older)
    assert "2026-11,1\nAs of ledger position 3. Time zones 2026a.\n" in said(*table, package=older)

    problem = f"the figures stand under time zones 2026a, {zones.INSTALLED} is installed; run wayfare ledger zones"
    assert problem in said("check", code=1)
    assert problem in said("up", "--port", 18743, code=1)
    assert problem in said("ledger", "rebuild", code=2)
    assert problem in said(*table, "--as-of", 3, "--engine", "duckdb", code=2)
    assert problem in said("ledger", "verify", code=1)
    assert "2026-11,1\nAs of ledger position 3. Time zones 2026a.\n" in said(*table)
    assert "Cells by day that it would move: 2." in said("ledger", "zones")
    assert "2 cells by day moved" in said("ledger", "zones", "adopt")
    assert "time zones 2026a were in use" in said(*table)
    for engine in ENGINES:
        assert installation(nothing, *table, "--engine", engine).stdout == COUNTED
    said("ledger", "verify")


def test_every_reading_has_the_day_of_the_lock():
    assert zones.INSTALLED >= "2026f"
    at = instant_us(EXIT)
    assert rules.local_day(at, CASABLANCA).isoformat() == "2026-10-31"
    rabat = {"rabat": rules.Programme("rabat", "MAR", CASABLANCA)}
    (row,) = [
        row
        for row in civil.days(rabat, at // civil.DAY_US, at // civil.DAY_US).to_pylist()
        if row["from_us"] <= at < row["to_us"]
    ]
    assert row["day"] == "2026-10-31"


def test_no_process_looks_for_the_systems_files():
    assert zoneinfo.TZPATH == ()
    assert os.environ["PYTHONTZPATH"] == ""
    told = "import wayfare, zoneinfo, subprocess, sys; child = [sys.executable, '-c', 'import zoneinfo; print(zoneinfo.TZPATH)'];"
    told += "print(zoneinfo.TZPATH, subprocess.check_output(child, text=True).strip())"
    environment = {**os.environ, "PYTHONTZPATH": "/usr/share/zoneinfo"}
    assert subprocess.check_output([sys.executable, "-c", told], env=environment, text=True).strip() == "() ()"


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "Factory", "posixrules", "Etc/Unknown", "Etc/GMT+5", "EST", "CET", "posix/Europe/Paris"),
        *("/usr/share/zoneinfo/Europe/Paris", "../Europe/Paris", "europe/paris", "Europe/Paris\n", "Europe", "", "🌍"),
    ],
)
def test_what_is_no_places_zone_is_refused_by_name(db, name):
    with pytest.raises(Refused) as refusal:
        operations.add_programme("new", "New", "FRA", name)
    assert refusal.value.field == "timezone"
    assert repr(name) in refusal.value.reason
    assert "Europe/Paris" in refusal.value.reason


def test_every_zone_that_is_taken_is_there():
    assert {"UTC", "Etc/UTC", "Europe/Paris", "America/Argentina/Ushuaia", "US/Pacific"} <= zones.names()
    for name in zones.names():
        zoneinfo.ZoneInfo(name)


@pytest.mark.parametrize(
    ("old", "zone"),
    [("Singapore", "Asia/Singapore"), ("japan", "Asia/Tokyo"), ("Egypt", "Africa/Cairo"), ("GB", "Europe/London")],
)
def test_an_old_name_of_a_zone_is_told_with_the_one_to_write(old, zone):
    assert zones.place_of(old) == zone
    assert zone in zones.names()
    with pytest.raises(Refused, match=f"write {zone}"):
        zones.check(old)


@pytest.mark.parametrize("name", ["EST", "PST8PDT", "CET", "Etc/GMT+5", "GMT", "Factory", "localtime", "Nowhere", ""])
def test_what_is_no_places_old_name_leads_to_no_place(name):
    assert zones.place_of(name) is None
    with pytest.raises(Refused, match="is not a place's time zone"):
        zones.check(name)
