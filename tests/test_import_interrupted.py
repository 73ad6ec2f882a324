"""Imports that are killed, that meet one another, whose reader dies; each in a home and processes of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from wayfare.site.tests.killing import kill

WAYFARE = [sys.executable, "-m", "wayfare.site.cli"]
PEOPLE = 2_500
CELLS = """
from wayfare.site import runtime
runtime.set_up_django()
runtime.bring_up()
from django.db import connection
with connection.cursor() as cursor:
    for table in ("monthcell", "daycell", "counted"):
        cursor.execute(f"select t::text from departures_{table} t order by 1")
        print(*[row[0] for row in cursor.fetchall()], sep=chr(10))
    cursor.execute("select subject, kind, programme_id, at from departures_finding order by 1, 2")
    print(*cursor.fetchall(), sep=chr(10))
"""


class Home:
    """An installation of its own."""

    def __init__(self, folder: Path) -> None:
        self.env = os.environ | {"WAYFARE_HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
        self.env.pop("DATABASE_URL", None)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*WAYFARE, *map(str, arguments)],
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def python(self, program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program], env=self.env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments: object, code: int = 0) -> str:
        done = self.start(*arguments)
        out, err = done.communicate(timeout=120)
        assert done.returncode == code, err
        return out

    def summary(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        return dict(json.loads(self.run(*arguments, "--json", code=code).splitlines()[-1]))


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="wayfare-test-") as folder:  # short, for the socket's path
        home = Home(Path(folder) / "home")
        home.run(
            *("programme", "add", "--key", "fra", "--title", "France", "--country", "FRA"),
            *("--timezone", "Europe/Paris"),
        )
        yield home
        with (Path(folder) / "home" / "keeper.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the keeper has ended, and writes no more into what goes away


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write 20,000 entries in an order that makes later ones change what earlier ones gave."""
    chance = random.Random(1)

    def new() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128)))

    entries: list[dict[str, Any]] = []
    for _ in range(PEOPLE):
        person, departure = new(), new()
        facts = {"nationality": chance.choice(["AFG", "ALB", "GEO"]), "sex": 1, "birth_date": "1990"}
        own = {"programme": "fra", "destination": facts["nationality"], "assistance": ["cash"]}
        entries += [
            {"kind": "enrolled", "person": person, "programme": "fra", **facts},
            {"kind": "departure_registered", "departure": departure, "person": person, **own},
            {"kind": "departure_confirmed", "departure": departure, "evidence": "boarding_pass"},
            {"kind": "departure_confirmed", "departure": departure, "evidence": "pass_scanned"},
            {"kind": "facts_corrected", "person": person, "facts": {"sex": 2}},
            {"kind": "departure_corrected", "departure": departure, "facts": {"assistance": []}},
            {"kind": "departure_confirmed", "departure": new(), "evidence": "pass_scanned"},
            {"kind": "returned", "person": person},
        ]
    chance.shuffle(entries)
    for number, entry in enumerate(entries):
        at = f"2024-{1 + number % 12:02}-{1 + number % 28:02}T10:00:00Z"
        entry |= {"entry_id": new(), "occurred_at": at, "source": "office"}
    path = tmp_path / "entries.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def state(home: Home, tmp_path: Path) -> tuple[list[str], str]:
    """Return all entries in their order, and the live projections."""
    out = tmp_path / f"{uuid.uuid4()}.jsonl"
    home.run("ledger", "export", out)
    entries = [json.loads(line) for line in out.read_text().splitlines()]
    assert [entry["position"] for entry in entries] == list(range(1, len(entries) + 1))
    table = home.python(CELLS)
    return [entry["entry_id"] for entry in entries], table


def follow_until(home: Home, position: int) -> None:
    """Return when the ledger has come to a position."""
    program = f"""
import time
from wayfare.site import runtime
runtime.set_up_django()
runtime.bring_up()
from wayfare.ledger import queries
until = time.monotonic() + 30
while queries.head() < {position} and time.monotonic() < until:
    time.sleep(0.005)
"""
    home.python(program)


def kill_and_run_again(home: Home, file: Path, tmp_path: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    ids = [json.loads(line)["entry_id"] for line in file.read_text().splitlines()]
    reached: list[int] = []
    for _ in range(kills):
        running = home.start("ledger", "import", file, "--json", "--chunk", 500)
        follow_until(home, min(len(ids) - 1_000, (reached or [0])[-1] + chance.randrange(1, 4_000)))
        time.sleep(chance.random() / 10)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        reached.append(json.loads(home.run("ledger", "status", "--json").splitlines()[-1])["position"])
    assert any(0 < position < len(ids) for position in reached), "no import was killed half-way"
    summary = home.summary("ledger", "import", file)
    assert summary["accepted"] + summary["duplicate"] == len(ids)
    assert summary["position"] == len(ids)
    found, table = state(home, tmp_path)
    assert found == ids
    home.run("ledger", "rebuild")
    assert state(home, tmp_path) == (ids, table)


@pytest.mark.slow
def test_import_killed_and_run_again_ends_as_if_run_once(home, file, tmp_path):
    kill_and_run_again(home, file, tmp_path, kills=2, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_import_killed_many_times_ends_as_if_run_once(home, file, tmp_path, seed):
    kill_and_run_again(home, file, tmp_path, kills=8, seed=seed)


@pytest.mark.slow
def test_two_imports_of_one_file_at_once_take_each_entry_once(home, file, tmp_path):
    both = [home.start("ledger", "import", file, "--json") for _ in range(2)]
    summaries = [json.loads(one.communicate(timeout=120)[0].splitlines()[-1]) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum(one["accepted"] for one in summaries) == PEOPLE * 8
    assert sum(one["duplicate"] for one in summaries) == PEOPLE * 8
    found, _ = state(home, tmp_path)
    assert sorted(found) == sorted(json.loads(line)["entry_id"] for line in file.read_text().splitlines())


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()] if tasks.exists() else []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux' list of children")
def test_import_whose_reader_dies_says_so(home, file):
    running = home.start("ledger", "import", file, "--chunk", 100)
    readers: list[int] = []
    until = time.monotonic() + 30
    while not readers and time.monotonic() < until:
        readers = [
            child for child in children(running.pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        time.sleep(0.01)
    kill(readers[0])
    _, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert "was killed (SIGKILL)" in err
    assert "out of memory" in err
    assert "mend that first" in err
    assert "run the same import again" not in err
    assert err.count("\n") == 1
    assert home.summary("ledger", "import", file)["position"] == PEOPLE * 8


@pytest.mark.slow
def test_output_closed_early_is_no_noise(home, file):
    home.run("ledger", "import", file)
    running = home.start("ledger", "export", "-")
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.wait(60)


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal_only(home, file):
    ours, theirs = pty.openpty()
    env = home.env
    running = subprocess.Popen(
        [*WAYFARE, "ledger", "import", str(file)], env=env, stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux' way of saying that the other end is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    out, _ = running.communicate(timeout=60)
    assert b"import: 100%" in shown
    assert "20,000 accepted" in out
    quiet = home.start("ledger", "import", file)
    assert quiet.communicate(timeout=60)[1] == ""
