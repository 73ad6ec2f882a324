"""The process that keeps the log: at most a second behind while it runs, unhurt by what goes wrong around it."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.load import command, prepare
from tests.test_api_race import ask, batch
from wayfare.site.tests.test_embedded import wait
from wayfare.site.tests.test_up import Installation
from wayfare.tlog import notes


@pytest.fixture
def installation():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        installation = Installation(folder, WAYFARE_LOG_NAME="log.example/ledger")
        try:
            yield installation
        finally:
            installation.stop()


def sent(installation, token, departures):
    path, body = "/api/v1/ledger/entries", json.dumps(batch(departures))
    status, _ = ask(installation.port, token, "POST", path, body)
    assert status == 200


def signed(installation):
    code, out, _ = command(installation.environment, "log", "checkpoint")
    return notes.parse_checkpoint(notes.parse_note(out.encode()).text).size if code == 0 else 0


@pytest.mark.slow
def test_every_command_of_the_log_as_an_operator_and_a_journalist_would(installation, tmp_path):
    environment = installation.environment
    token = prepare(environment)
    assert command(environment, "log", "prove", "1") == (1, "", "wayfare: the log ledger has no position 1\n")
    sent(installation, token, 3)
    wait(lambda: signed(installation) == 9, "what was recorded is signed")
    key = command(environment, "log", "keys")[1].splitlines()[0]
    for number in (1, 9):
        receipt = tmp_path / f"{number}.tlog-proof"
        assert command(environment, "log", "prove", number, "--output", receipt)[0] == 0
        elsewhere = {**environment, "WAYFARE_HOME": str(tmp_path / "journalist")}
        code, out, err = command(elsewhere, "log", "check", receipt, "--key", key)
        assert (code, f"position {number} of the log log.example/ledger" in out) == (0, True), err
        receipt.write_bytes(receipt.read_bytes().replace(b"index", b"index ", 1))
        code, _, err = command(elsewhere, "log", "check", receipt, "--key", key)
        assert (code, "(number)" in err) == (1, True), err
    assert command(environment, "log", "verify", "--json")[1].splitlines()[-1] == json.dumps(
        {"leaves": 9, "signed": 9, "differences": []}
    )
    kept = json.loads((Path(environment["WAYFARE_HOME"]) / "verified" / "ledger.json").read_text())
    assert (kept["leaves"], kept["differences"]) == (9, [])
    assert len(command(environment, "log", "consistency", "3", "9")[1].splitlines()) == 5
    assert command(environment, "log", "consistency", "9", "10")[0] == 1
    assert command(environment, "log", "export", tmp_path / "log")[0] == 0
    for place in (tmp_path / "log", f"http://127.0.0.1:{installation.port}/log"):
        state = tmp_path / "state"
        code, out, err = command(elsewhere, "log", "audit", place, "--key", key, "--state", state)
        assert (code, "bears out its checkpoint of 9 leaves" in out) == (0, True), err
    table = tmp_path / "table.csv"
    assert command(environment, "stats", "publish", "--by", "year", "--output", table)[0] == 0
    assert command(environment, "stats", "verify", table, "--key", key)[0] == 0
    table.write_bytes(table.read_bytes()[:-2] + b"9\n")
    code, _, err = command(environment, "stats", "verify", table)
    assert (code, "(rows_differ)" in err) == (1, True), err
    code, out, _ = command(environment, "log", "rotate")
    assert (code, len(out.splitlines())) == (0, 2)
    sent(installation, token, 1)
    wait(lambda: signed(installation) == 12, "the new keys sign")
    listed = command(environment, "log", "keys")[1].splitlines()
    assert [line.startswith("# retired") for line in listed] == [False, False, True, True]


@pytest.mark.parametrize("bad", [("--key", "nonsense"), ("--key",), ()])
def test_what_is_asked_wrongly_is_told_without_a_traceback(bad, tmp_path):
    environment = {**os.environ, "WAYFARE_HOME": str(tmp_path)}
    for asked in (("audit", tmp_path / "nowhere"), ("check", tmp_path / "nothing")):
        code, out, err = command(environment, "log", *asked, *bad)
        assert (code, out, "Traceback" in err) == (2, "", False)


@pytest.mark.slow
def test_a_home_whose_keys_are_gone_signs_nothing_more_and_says_why(installation, tmp_path):
    environment = installation.environment
    token = prepare(environment)
    sent(installation, token, 1)
    wait(lambda: signed(installation) == 3, "it is signed")
    (installation.home.home / "keys" / "log-ledger").rename(tmp_path / "kept")
    sent(installation, token, 1)
    wait(lambda: "its keys are not in" in installation.log.read_text(), "it is told")
    assert signed(installation) == 3
    (tmp_path / "kept").rename(installation.home.home / "keys" / "log-ledger")
    until = time.monotonic() + 30
    while signed(installation) != 6:
        assert time.monotonic() < until, "with its keys back it goes on"
        time.sleep(0.5)
