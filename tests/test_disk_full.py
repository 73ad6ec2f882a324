"""A disk that is really full: a small file system of memory under the home, filled up and given room again."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.load import command, faults, prepare
from tests.test_api_race import ask, batch
from wayfare.departures import operations as departures
from wayfare.ledger import operations, queries
from wayfare.ledger.entries import operations as intake
from wayfare.people import operations as people
from wayfare.site.tests.test_embedded import keeper, wait
from wayfare.site.tests.test_up import Installation

ENTRIES = "/api/v1/ledger/entries"


def mounted(folder, size):
    if os.geteuid() != 0:
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    return done.returncode == 0


class Disk:
    """A file system that can be filled and enlarged."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.ballast = self.folder / "ballast"

    def free(self):
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, leave):
        """Leave so many bytes."""
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(1, self.free() - leave))

    def make_room(self):
        self.ballast.unlink()


@pytest.fixture
def disk():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        if not mounted(folder, "400m"):
            pytest.skip("only root can mount a small file system")
        try:
            yield Disk(folder)
        finally:
            wait(lambda: subprocess.run(["umount", folder], capture_output=True).returncode == 0, "nobody uses it")


@pytest.fixture
def small_disk():
    """A file system of 256 KB without a database."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        if not mounted(folder, "256k"):
            pytest.skip("only root can mount a small file system")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def written(path, entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.mark.slow
def test_a_full_disk_is_said_clearly_and_nothing_is_lost_or_left_half(disk, tmp_path):
    """Without a reserve: an import, then single posts down to the last byte of the log; with room all goes on."""
    settings = {"WAYFARE_TOKEN_RATE": "100000", "WAYFARE_SHARED_BUFFERS": "64MB", "WAYFARE_DISK_RESERVE": "0MB"}
    (Path(disk.folder) / "home").mkdir(mode=0o700)  # a database of its own: the template keeps less of the journal
    installation = Installation(disk.folder, **settings)
    environment = installation.environment
    try:
        token = prepare(environment)
        entries = batch(12_000)
        file = written(tmp_path / "entries.jsonl", entries)

        disk.fill(leave=30 << 20)
        code, _, err = command(environment, "ledger", "import", file, "--chunk", "1000")
        assert (code, err.count("\n")) == (3, 1), err
        assert "disk is full" in err
        assert "make room" in err
        reached = json.loads(command(environment, "ledger", "status", "--json")[1].splitlines()[-1])["position"]
        assert reached % 1_000 == 0, "whole chunks are in"
        assert 0 < reached < len(entries)

        told, refused = {}, []
        one = batch(1)
        for _ in range(2_000):
            status, answer = ask(installation.port, token, "POST", ENTRIES, json.dumps(one))
            if status == 200:
                told |= {result["entry_id"]: result["position"] for result in json.loads(answer)}
                one = batch(1)
                continue
            refused.append((status, json.loads(answer)["code"]))
            if len(refused) > 5:
                break
            time.sleep(0.2)
            if disk.free() > 1 << 20:
                disk.fill(leave=64 << 10)
        assert len(refused) > 5, "the disk was full for posts too"
        assert {status for status, _ in refused} == {503}
        assert "storage_full" in {code for _, code in refused}

        wait(lambda: ask(installation.port, token, "GET", f"{ENTRIES}?limit=5")[0] == 200, "reading goes on")
        table = "/api/v1/programmes/fra/table?by=month"
        assert ask(installation.port, token, "GET", table, accept="text/csv")[0] == 200
        code, _, err = command(environment, "stats", "table", "--by", "month", "--engine", "duckdb")
        assert code != 0
        assert "disk is full" in err
        assert "Traceback" not in err
        code, out, _ = command(environment, "check", "--json")
        assert code == 1
        assert "make room" in json.loads(out.splitlines()[-1])["problems"]["disk"]

        disk.make_room()
        wait(lambda: ask(installation.port, token, "POST", ENTRIES, json.dumps(one))[0] == 200, "posts go on")
        code, out, err = command(environment, "ledger", "import", file, "--json")
        assert code == 0, err
        assert json.loads(out.splitlines()[-1])["accepted"] == len(entries) - reached
        assert command(environment, "stats", "table", "--by", "month", "--engine", "duckdb")[0] == 0
        ids = [entry["entry_id"] for entry in entries]
        assert faults(environment, told, [ids, [entry["entry_id"] for entry in one]], tmp_path) == []
    finally:
        print(installation.log.read_text()[-1000:])
        installation.stop()


@pytest.mark.slow
def test_recording_stops_at_the_reserve_and_reading_goes_on(disk, tmp_path):
    """Entries by API and import are refused by name while the reserve is still free, and every read is answered."""
    settings = {"WAYFARE_TOKEN_RATE": "100000", "WAYFARE_OPEN_RATE": "100000", "WAYFARE_SHARED_BUFFERS": "64MB"}
    installation = Installation(disk.folder, **settings, WAYFARE_DISK_RESERVE="100MB")
    environment = installation.environment
    try:
        token = prepare(environment)
        one = json.dumps(batch(1))

        def post():
            status, answer = ask(installation.port, token, "POST", ENTRIES, one)
            return status, json.loads(answer).get("code") if status != 200 else None

        assert post() == (200, None), "control: with room it is taken"
        file = written(tmp_path / "entries.jsonl", batch(2_000))
        disk.fill(leave=90 << 20)
        for _ in range(150):
            assert post() == (503, "storage_full")
            assert ask(installation.port, token, "GET", "/api/v1/health")[0] == 200
            assert ask(installation.port, token, "GET", f"{ENTRIES}?limit=5")[0] == 200
            assert ask(installation.port, token, "GET", "/", accept="text/html")[0] == 200
        code, _, err = command(environment, "ledger", "import", file)
        assert code == 3, err
        assert "disk is full" in err
        assert disk.free() > 60 << 20, "reading needs next to no room"
        assert (
            "make room" in json.loads(command(environment, "check", "--json")[1].splitlines()[-1])["problems"]["disk"]
        )
        assert "No space left" not in installation.home.log.read_text(), "PostgreSQL never stopped"
        disk.make_room()
        assert post() == (200, None)
        assert command(environment, "ledger", "import", file)[0] == 0
    finally:
        print(installation.log.read_text()[-1000:])
        installation.stop()


def test_the_reserve_holds_back_entries_and_files_and_names_the_folder(fresh_database, settings, tmp_path):
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    settings.DISK_RESERVE = (tmp_path, free * 2)
    for record in (
        lambda: intake.record(batch(1)),
        lambda: people.enrol_many([], at=datetime.now(UTC)),
        lambda: operations.append_together(intake.record(batch(1))),
    ):
        with pytest.raises(OSError, match="reading goes on") as refused:
            record()
        assert (refused.value.errno, refused.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert queries.head() == 0
    for room in (0, free // 2):
        settings.DISK_RESERVE = (tmp_path, room)
        assert intake.record(batch(1))[0].status == "accepted", "control: with room it is taken"


@pytest.fixture
def home(tmp_path):
    """A home on an ordinary disk; its environment."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        environment = {**os.environ, "WAYFARE_HOME": f"{folder}/home", "PYTHONPATH": os.pathsep.join(sys.path)}
        prepare(environment)
        yield environment
        from wayfare.site.embedded import Home

        wait(lambda: not keeper(Home(Path(folder) / "home")), "the keeper ends")


@pytest.mark.slow
def test_refused_lines_that_find_no_room_stop_the_import_and_again_it_ends_as_if_nothing_had_been(
    home, small_disk, tmp_path
):
    entries = batch(100)
    wrong = [{**entry, "entry_id": "no uuid", "reason": "x" * 900} for entry in batch(1_000)]
    file = written(tmp_path / "entries.jsonl", wrong + entries)
    code, _, err = command(home, "ledger", "import", file, "--rejects", small_disk / "rejects.jsonl")
    assert (code, err.count("\n")) == (3, 1), err
    assert "disk is full" in err
    code, out, _ = command(home, "ledger", "import", file, "--rejects", tmp_path / "rejects.jsonl", "--json")
    assert code == 1
    answer = json.loads(out.splitlines()[-1])
    assert (answer["accepted"] + answer["duplicate"], answer["rejected"]) == (len(entries), len(wrong))
    assert len((tmp_path / "rejects.jsonl").read_text().splitlines()) == len(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_an_export_that_finds_no_room_leaves_nothing_there(home, small_disk, tmp_path, suffix):
    assert command(home, "ledger", "import", written(tmp_path / "entries.jsonl", batch(5_000)))[0] == 0
    out = small_disk / f"out.{suffix}"
    code, _, err = command(home, "ledger", "export", out)
    assert (code, err.count("\n")) == (2, 1), err
    assert "disk is full" in err
    assert list(small_disk.iterdir()) == []
    assert command(home, "ledger", "export", tmp_path / f"out.{suffix}")[0] == 0
