"""docs/operating.md, Backup and restore: done as it says, it gives the same bytes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from wayfare.common.tests.homes import bring_door_key
from wayfare.ledger.entries.operations import append_own
from wayfare.site import embedded

GUIDE = Path(__file__).parents[1] / "docs" / "operating.md"
pytestmark = pytest.mark.slow


def program(name: str) -> str:
    return str(embedded.binaries() / name)


class Installation:
    """A home of its own on a database given by its address."""

    def __init__(self, home: Path, database: str) -> None:
        owner = connections["owner"].settings_dict
        self.url = f"postgresql://wayfare_owner:{owner['PASSWORD']}@/{database}?host={owner['HOST']}"
        self.environment = {**os.environ, "WAYFARE_HOME": str(home), "DATABASE_URL": self.url}

    def run(self, *words: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "wayfare.site.cli", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout

    def table(self) -> str:
        return self.run("stats", "table", "--by", "programme,month,destination,evidence")


@pytest.fixture
def filled(fresh_database, tmp_path) -> Installation:
    here = Installation(tmp_path / "home", connections["default"].settings_dict["NAME"])
    bring_door_key(tmp_path / "home")
    history, programmes = str(tmp_path / "history.jsonl"), str(tmp_path / "programmes.json")
    here.run("simulate", "--out", history, "--programmes-out", programmes, "--scale", "0.2", "--trouble", "1")
    here.run("programme", "import", programmes)
    here.run("ledger", "import", history)
    return here


@pytest.fixture
def empty(fresh_database, tmp_path):
    name = f"restored_{uuid.uuid4().hex}"
    superuser = embedded.Home(settings.WAYFARE_HOME).conninfo("postgres", "postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"create database {name} owner wayfare_owner")
        (tmp_path / "other-home" / "keys").mkdir(parents=True)  # where the keys are put back
        yield Installation(tmp_path / "other-home", name)
        connection.execute(f"drop database {name} with (force)")


def test_a_dump_without_projections_is_restored_rebuilt_and_the_same(filled, empty, tmp_path):
    before = filled.table()
    assert before.count("\n") > 100
    left_out = re.findall(r"`(?:--exclude-table-data=')?(departures_\w+)'?`", GUIDE.read_text())
    assert len(left_out) == 4
    dump = str(tmp_path / "wayfare.dump")
    options = [f"--exclude-table-data={table}" for table in left_out]
    subprocess.run([program("pg_dump"), "--format=custom", f"--file={dump}", *options, filled.url], check=True)
    restore = [program("pg_restore"), "--clean", "--if-exists", f"--dbname={empty.url}", dump]
    subprocess.run(restore, check=True)
    assert empty.table() != before  # the control: the projections are not there yet
    empty.run("ledger", "rebuild")
    empty.run("ledger", "verify")
    assert empty.table() == before


def test_an_export_imported_into_an_empty_home_gives_the_same(filled, empty, tmp_path):
    backup = tmp_path / "backup.parquet"
    filled.run("ledger", "export", str(backup))
    beside = tmp_path / "backup.parquet.programmes.json"
    assert len(json.loads(beside.read_text())) >= 2
    kept = beside.rename(tmp_path / "kept.json")
    refused = empty.run("ledger", "import", str(backup), "--rejects", "-", code=1)
    assert "is not configured" in refused, "the control: without its programmes none is enrolled"
    assert empty.table() != filled.table()
    kept.rename(beside)
    empty.run("ledger", "import", str(backup))
    empty.run("ledger", "verify")
    assert empty.table() == filled.table()
    programmes = tmp_path / "listed.json"
    programmes.write_text(filled.run("programme", "list", "--json"))
    assert ", 0 added" in empty.run("programme", "import", str(programmes)), "they are the same ones"


def test_an_installation_s_own_entries_go_to_another_and_are_nothing_new_to_itself(filled, empty, tmp_path):
    with psycopg.connect(filled.url) as one:
        (programme,) = one.execute("select key from departures_programme limit 1").fetchone()
    facts = {"programme": programme, "nationality": "AFG", "sex": 2, "birth_date": "1990-05"}
    append_own("enrolled", [{"person": str(uuid.uuid4()), **facts}], occurred_at=datetime.now(UTC))
    export = str(tmp_path / "out.jsonl")
    filled.run("ledger", "export", export)
    empty.run("ledger", "import", export)
    assert empty.table() == filled.table()
    with psycopg.connect(filled.url) as one, psycopg.connect(empty.url) as other:
        sources = [link.execute("select source from ledger_own").fetchone()[0] for link in (one, other)]
        (written,) = other.execute("select source from ledger_entry order by position desc limit 1").fetchone()
    assert written == sources[0] != sources[1], "each has its own"
    assert json.loads(filled.run("ledger", "import", export, "--json").splitlines()[-1])["accepted"] == 0
