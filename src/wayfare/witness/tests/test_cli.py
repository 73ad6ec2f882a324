"""The commands of a witness, which need neither a database nor the settings of an installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from wayfare.tlog import notes
from wayfare.witness import cli
from wayfare.witness.tests.example import Log


@pytest.fixture
def wayfare(tmp_path, monkeypatch):
    """Return a function that runs a command in a witness's folder and gives its lines."""
    monkeypatch.setenv("WAYFARE_WITNESS_HOME", str(tmp_path / "w"))

    def run(command, *words, fails=""):
        done = CliRunner().invoke(command, [str(word) for word in words])
        assert (done.exit_code == 2) == bool(fails), done.output
        assert fails in done.output
        return done.stdout.splitlines()

    return run


def test_keys_are_made_once_and_shown(wayfare):
    wayfare(cli.key, fails="first: wayfare witness key --name")
    shown = wayfare(cli.key, "--name", "witness.example/one")
    assert [notes.parse_verifier(line).kind for line in shown] == [0x04, 0x06]
    assert wayfare(cli.key) == shown
    wayfare(cli.key, "--name", "witness.example/other", fails="keeps the name")


def test_logs_are_added_listed_and_dropped(wayfare):
    log, other = Log(), Log("log.example/two")
    wayfare(cli.add_log, *log.verifiers)
    wayfare(cli.add_log, other.verifiers[0], "--origin", "two")
    listed = json.loads(wayfare(cli.logs, "--json")[0])["logs"]
    assert [(one["origin"], one["size"], len(one["keys"])) for one in listed] == [
        (log.origin, None, 2),
        ("two", None, 1),
    ]
    assert wayfare(cli.logs)[1] == f"two\tnever seen\t{other.verifiers[0]}"
    wayfare(cli.drop_key, other.verifiers[0])
    wayfare(cli.drop_key, other.verifiers[0], fails="not trusted here")
    assert len(wayfare(cli.logs)) == 1


def test_what_is_wrong_is_refused(wayfare):
    log, other = Log(), Log("log.example/two")
    wayfare(cli.add_log, "log.example", fails="a verifier key is")
    wayfare(cli.add_log, *log.verifiers, *other.verifiers, fails="several names (log.example/one, log.example/two)")
    wayfare(cli.add_log, *log.verifiers, "--origin", "x" * 256, fails="1 to 255 bytes")
    assert wayfare(cli.logs) == []


def test_no_database_and_no_home_is_needed(tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "WAYFARE_HOME": str(tmp_path / "home"),
        "WAYFARE_WITNESS_HOME": str(tmp_path / "w"),
        "DATABASE_URL": "nonsense",
    }
    command = [sys.executable, "-X", "importtime", "-m", "wayfare.site.cli", "witness", "key", "--name", "w.example"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert "wayfare.witness.state" in done.stderr
    assert "wayfare.site.settings" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
