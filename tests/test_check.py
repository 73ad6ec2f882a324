"""`wayfare check`: well when all is well, and each problem it can name, by really making it."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from click.testing import CliRunner
from django.conf import settings
from django.db import connections

from tests.test_api_race import batch
from wayfare.access import door, keyfiles
from wayfare.access import operations as access
from wayfare.access.signin import cli as signin_cli
from wayfare.access.signin import keys as codes
from wayfare.access.signin import operations as signin
from wayfare.access.signin import queries as signin_queries
from wayfare.departures import operations as departures
from wayfare.ledger import jobs, operations, projections
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries import own, parsing
from wayfare.ledger.source import LEDGER
from wayfare.people.tests.cast import Colleague
from wayfare.site import check, embedded, homes, restore
from wayfare.site.tests.test_embedded import keeper, wait
from wayfare.tlog import keys
from wayfare.tlog import operations as log_operations

PARIS = ("fra", "France", "FRA", "Europe/Paris")


def problems():
    """Return what the command says is wrong, by the name of what was looked at, and hold its exit code to it."""
    done = CliRunner().invoke(check.check, ["--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["well"] == (not said["problems"])
    assert done.exit_code == (1 if said["problems"] else 0)
    return said["problems"]


@pytest.fixture
def database(fresh_database):
    """A database of the test's own with one counted departure; gives a function that runs SQL as its owner."""
    departures.add_programme(*PARIS)
    intake.record(batch(1))

    def as_owner(*statements, role="wayfare_owner"):
        with psycopg.connect(fresh_database(role), autocommit=True) as owner:
            for statement in statements:
                owner.execute(statement)

    return as_owner


@contextmanager
def as_superuser(*statements, undo):
    home = embedded.Home(settings.WAYFARE_HOME)
    with psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True) as connection:
        try:
            for statement in statements:
                connection.execute(statement)
            yield
        finally:
            for statement in undo:
                connection.execute(statement)


def test_all_is_well(database):
    assert problems() == {}
    *lines, source, last = CliRunner().invoke(check.check).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(check.CHECKS)
    assert "no backup was made yet" in last, "which is a note, and no fault"
    assert all(line.endswith("well") for line in lines)
    assert re.fullmatch(r"source +wayfare-[0-9a-f]{8}", source)
    told = json.loads(CliRunner().invoke(check.check, ["--json"]).stdout.splitlines()[-1])
    assert told["source"] == source.split()[1] == own.source()


def test_master_keys_that_the_database_knows_are_gone(database, settings, tmp_path):
    settings.PEOPLE_KEYS = tmp_path / "people"
    Colleague("paris", "counsellor").enrols("Maryam Karimi")
    assert problems() == {}
    settings.PEOPLE_KEYS.rename(tmp_path / "away")
    assert "all master keys (index, epoch-1) are missing" in problems()["vault"]
    assert not settings.PEOPLE_KEYS.exists()


def test_master_keys_that_cannot_be_used(database, settings, tmp_path):
    settings.PEOPLE_KEYS, settings.KEYS_PIN_FILE = tmp_path / "people", tmp_path / "pin"
    settings.KEYS_TOKEN = ("/nowhere/module.so", "wayfare")
    assert "WAYFARE_KEYS_PIN_FILE" in problems()["vault"]
    settings.KEYS_TOKEN = None
    settings.PEOPLE_KEYS.mkdir(mode=0o750)
    assert "chmod 700" in problems()["vault"]
    settings.PEOPLE_KEYS.chmod(0o700)
    assert problems() == {}


def test_fsync_is_off(database):
    off = ("alter system set fsync = off", "select pg_reload_conf()")
    on = ("alter system reset fsync", "select pg_reload_conf()")
    with as_superuser(*off, undo=on):
        wait(lambda: "fsync is off" in problems().get("database", ""), "check sees the new setting")
    wait(lambda: problems() == {}, "all is well again")


@pytest.mark.parametrize(("version", "good"), [(140012, False), (150000, True), (180004, True), (190000, False)])
def test_a_postgresql_that_is_not_one_of_ours(monkeypatch, version, good):
    """Only one server is at hand: the versions around our limits are told by a stand-in for its connection."""
    answers = {"show server_version_num": str(version), "show fsync": "on", "show server_encoding": "UTF8"}

    class Cursor:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def execute(self, query):
            self.answer = answers[query]

        def fetchone(self):
            return (self.answer,)

    monkeypatch.setattr(check, "connection", SimpleNamespace(cursor=Cursor))
    assert (check._database() == "") is good


def test_a_migration_is_not_applied(database):
    database(
        "delete from django_migrations where (app, name) = (select 'departures', max(name) from django_migrations where app = 'departures')"
    )
    assert "1 migrations are not applied" in problems()["migrations"]


def test_the_application_may_change_the_ledger(database):
    database("grant update on ledger_entry to wayfare_app")
    assert "wayfare_app may change the ledger" in problems()["roles"]


def test_a_key_that_others_can_read(database):
    key = settings.WAYFARE_HOME / "keys" / "database-wayfare_reader"
    before = stat.S_IMODE(key.stat().st_mode)
    key.chmod(0o640)
    try:
        assert f"{key} can be read by others; chmod 600" in problems()["keys"]
    finally:
        key.chmod(before)
    assert problems() == {}


def test_the_last_entry_was_recorded_in_the_future(database):
    entries = [intake._read(one, frozenset({"fra"}), 2**62, None) for one in batch(1)]
    operations.append(entries, at=datetime.now(UTC) + timedelta(hours=1))
    assert "recorded in the future" in problems()["clock"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("delete from ledger_tally where kind = 'enrolled'", "3 positions but 2 entries tallied"),
        ("delete from departures_counted", "0 counted, 1 in cells by month, 1 by day"),
        ("update departures_monthcell set departures = 5", "1 counted, 5 in cells by month, 1 by day"),
        ("delete from departures_daycell", "1 counted, 1 in cells by month, 0 by day"),
    ],
)
def test_a_projection_is_out_of_step_and_the_mend_it_names_mends_it(database, damage, says):
    database(damage)
    said = problems()["projections"]
    assert says in said
    assert "wayfare ledger rebuild" in said
    projections.rebuild()
    assert problems() == {}


def test_recording_has_stopped_while_the_home_has_room(database, tmp_path, monkeypatch):
    """The database's folder can be a disk of its own; the control is the reserve that is not used up."""
    with monkeypatch.context() as there:
        there.setattr(settings, "DISK_RESERVE", (tmp_path, 2**62))
        assert problems()["disk"] == (
            f"less than WAYFARE_DISK_RESERVE is free at {tmp_path}, so nothing more is recorded; make room"
        )
    assert "disk" not in problems()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_little_room_is_left(database, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
        if mounted.returncode:
            pytest.skip("no file system can be mounted here")
        try:
            (Path(folder) / "keys").mkdir()
            with monkeypatch.context() as there:
                there.setattr(settings, "WAYFARE_HOME", Path(folder))
                assert f"GB are free at {folder}; make room" in problems()["disk"]
        finally:
            subprocess.run(["umount", folder], check=True)


def test_the_database_does_not_answer_and_the_command_says_so_in_one_line(tmp_path):
    (tmp_path / "keys").mkdir()
    environment = {**os.environ, "WAYFARE_HOME": str(tmp_path), "DATABASE_URL": f"postgresql://u@/gone?host={tmp_path}"}
    command = [sys.executable, "-m", "wayfare.site.cli", "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "The database does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def log_folder(tmp_path, monkeypatch):
    """Where the ledger's log has its keys, in this test."""
    monkeypatch.setattr(jobs, "folder", lambda name="ledger": tmp_path / name)
    return tmp_path / "ledger"


def test_the_log_is_behind_or_cannot_be_read(database, log_folder):
    held = keys.opened(log_folder, "log.example/ledger")
    log_operations.keep_up(LEDGER, held)
    raws = [parsing.parse(raw, programmes=("fra",), latest_us=2**62) for raw in batch(1)]
    operations.append(raws, at=datetime.now(UTC) - timedelta(hours=2))
    assert "position 4 of" in problems()["log"]
    assert "keep wayfare up running" in problems()["log"]
    for hours, expected in ((0, {}), (2, problems())):  # nobody could sign before the home was restored
        note = Path(settings.WAYFARE_HOME) / restore.RESTORED
        note.write_text(json.dumps({"at": (datetime.now(UTC) - timedelta(hours=hours)).isoformat()}))
        assert problems() == expected
        note.unlink()
    log_operations.keep_up(LEDGER, held)
    assert problems() == {}
    database("alter table log_checkpoint disable trigger user", "update log_checkpoint set note = 'nonsense'")
    assert "run wayfare log verify" in problems()["log"]


def test_the_log_s_keys_are_gone_or_another_s(database, log_folder, tmp_path):
    log_operations.keep_up(LEDGER, keys.opened(log_folder, "log.example/ledger"))
    assert problems() == {}
    away = log_folder.rename(tmp_path / "away")
    assert "its keys are not in" in problems()["log"]
    assert not log_folder.exists(), "looking makes none"
    keys.opened(log_folder, "log.example/ledger")
    assert "never signed the log ledger" in problems()["log"]
    shutil.rmtree(log_folder)
    away.rename(log_folder)
    assert problems() == {}


def test_a_key_of_sign_in_is_gone_or_another_s(database):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    codes.of_this_home()
    for name in (door.NAME, codes.NAME):
        path = keyfiles.path_of(name)
        away = path.rename(path.with_suffix(".away"))
        try:
            assert f"{path} is missing" in problems()["sign-in"]
            assert not path.exists(), "looking makes none"
            with pytest.raises(keyfiles.KeyProblem), door.door():
                codes.of_this_home()
            assert not path.exists()
            keyfiles.make(path)
            assert f"{path} is not the key that the database knows" in problems()["sign-in"]
            with pytest.raises(keyfiles.KeyProblem), door.door():
                codes.of_this_home()
        finally:
            away.replace(path)
        assert problems() == {}, "the control"


@pytest.mark.parametrize("name", [door.NAME, codes.NAME])
def test_a_lost_key_of_sign_in_is_made_anew_on_purpose_alone(database, name):
    codes.of_this_home()
    path = keyfiles.path_of(name)
    before = path.read_bytes()
    try:
        path.write_bytes(b"x" * 32)
        assert "renew-key" in problems()["sign-in"]
        asked = CliRunner().invoke(signin_cli.renew_key, [name], input="n\n")
        assert (asked.exit_code, "code generator" in asked.output) == (1, name == "staff-codes")
        assert path.read_bytes() == b"x" * 32
        assert CliRunner().invoke(signin_cli.renew_key, [name, "--yes"]).exit_code == 0
        codes.of_this_home()
        assert path.read_bytes() not in (before, b"x" * 32)
        with door.door():
            pass
        assert problems() == {}
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["log_parameter_max_length", "log_parameter_max_length_on_error"])
def test_the_server_s_log_would_show_values(database, name):
    assert problems() == {}
    role = "alter role wayfare_app"
    with as_superuser(f"{role} set {name} = 100", undo=[f"{role} reset {name}"]):
        connections["default"].close()
        connections["default"].close_pool()
        assert f"set {name} = 0" in problems()["logging"]
    connections["default"].close()
    connections["default"].close_pool()
    assert problems() == {}


def test_each_problem_has_a_test():
    """What is looked at and what is made wrong above are the same."""
    text = Path(__file__).read_text()
    looked_at = {"database", "logging", "migrations", "roles", "keys", "vault", "sign-in", "clock", "disk", "log"}
    looked_at |= {"projections"}
    assert set(check.CHECKS) == looked_at
    assert all(f'["{name}"]' in text or f'get("{name}"' in text for name in looked_at)


@pytest.mark.slow
def test_check_works_whether_or_not_up_is_running():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        environment = {**os.environ, "WAYFARE_HOME": str(home.home)}
        homes.make(home.home, with_database=True)
        command = [sys.executable, "-m", "wayfare.site.cli", "check", "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode, json.loads(done.stdout)["problems"]) == (0, {}), done.stderr
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)


def test_an_open_recovery_is_told_with_the_command_that_stops_it(database):
    """It is no fault of the installation: the owner decides whether somebody expected it."""
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    ada = Colleague("paris", "counsellor")
    signin.ask_recovery(signin_queries.email_of(ada.id), at=datetime.now(UTC))

    def notes():
        *found, backup = json.loads(CliRunner().invoke(check.check, ["--json"]).stdout.splitlines()[-1])["notes"]
        assert backup.startswith("no backup was made yet")
        return found

    (told,) = notes()
    (found,) = signin_queries.open_recoveries(at=datetime.now(UTC))
    assert told.endswith(f"0 approvals; to stop it: wayfare staff stop-recovery {found.id}")
    with door.door():
        signin.stop_recovery(found.id)
    assert notes() == []
