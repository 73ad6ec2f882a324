"""The embedded server: what it promises, and every kill of what keeps it."""

from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from wayfare.site import embedded
from wayfare.site.tests.killing import kill


@pytest.fixture(scope="module")
def home():
    """A home that is closed to others, as pytest's and root's are, and whose server runs while the module does."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        with embedded.use(home.home):
            yield home
        wait(lambda: not keeper(home), "the keeper ends when nobody uses the home")


@pytest.fixture
def here(django_db_setup):
    """The home of this session of tests."""
    return embedded.Home(settings.WAYFARE_HOME)


def wait(condition, promise, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, promise
        time.sleep(0.05)


def answers(home):
    try:
        psycopg.connect(home.conninfo()).close()
    except psycopg.OperationalError:
        return False
    return True


def keeper(home):
    """Return the keeper's process id, or 0."""
    wanted = ["-m", "wayfare.site.keeper", str(home.home)]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_text().split("\0")[1:4] == wanted:
                return int(path.parent.name)
    return 0


def running_keeper(home):
    """Return the keeper's process id, once there is one: it is started, and has its name a moment later."""
    wait(lambda: keeper(home), "the home has a keeper")
    return keeper(home)


def postmaster(home):
    return int((home.data / "postmaster.pid").read_text().split()[0])


def another(home, dying):
    """Tell whether another server has come; one that was killed leaves backends that write on for a moment."""
    try:
        return postmaster(home) != dying
    except (OSError, IndexError):
        return False


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def setting(home, name):
    with psycopg.connect(home.conninfo()) as connection:
        return connection.execute("select current_setting(%s)", [name]).fetchone()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("data_checksums", "on"), ("fsync", "on"), ("full_page_writes", "on"), ("synchronous_commit", "on"),
     ("listen_addresses", ""), ("password_encryption", "scram-sha-256")],
)  # fmt: skip
def test_what_was_acknowledged_is_kept_and_no_port_is_open(here, name, value):
    assert setting(here, name) == value


@pytest.mark.slow
def test_keys_are_closed_to_others(home):
    assert stat.S_IMODE(home.keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(key.stat().st_mode) for key in home.keys.iterdir()} == {0o600}


def test_postgresql_does_not_run_as_root(here):
    assert Path(f"/proc/{postmaster(here)}").stat().st_uid != 0


@pytest.mark.parametrize("role", ["postgres", *embedded.ROLES])
def test_a_wrong_password_is_refused(here, role):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(here.conninfo(role, "postgres" if role == "postgres" else "wayfare"), password="guess")


@pytest.mark.parametrize("role", embedded.ROLES)
@pytest.mark.parametrize(
    "attempt",
    ["set role postgres", "set session authorization postgres", "create role friend superuser",
     "alter role current_user superuser", "alter role current_user createrole", "alter role current_user bypassrls",
     "grant postgres to current_user", "create database another", "alter system set fsync = off",
     "copy (select 1) to program 'true'", "select pg_read_file('postgresql.conf')"],
)  # fmt: skip
def test_no_role_can_raise_itself(here, role, attempt):
    with psycopg.connect(here.conninfo(role), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(attempt)


@pytest.mark.parametrize("role", ["wayfare_app", "wayfare_reader"])
def test_a_running_role_can_neither_become_the_owner_nor_make_tables(here, role):
    with psycopg.connect(here.conninfo(role), autocommit=True) as connection:
        for attempt in ("set role wayfare_owner", "create table mine ()", "create schema mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attempt)


@pytest.mark.slow
def test_kill_9_of_the_postmaster_loses_no_acknowledged_row(home):
    """A writer notes each row once its commit was answered; after three kills every noted row is there."""
    acknowledged, stop = [], threading.Event()
    with psycopg.connect(home.conninfo("wayfare_owner"), autocommit=True) as owner:
        owner.execute("create table kept (number int primary key)")

    def write():
        number = 0
        while not stop.is_set():
            try:
                with psycopg.connect(home.conninfo("wayfare_owner"), autocommit=True) as connection:
                    while not stop.is_set():
                        number += 1
                        connection.execute("insert into kept values (%s)", [number])
                        acknowledged.append(number)
            except psycopg.Error:
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            before, dying = len(acknowledged), postmaster(home)
            wait(lambda before=before: len(acknowledged) > before + 20, "rows are written")
            kill(dying)
            wait(lambda dying=dying: another(home, dying), "another server is up after the kill")
            before = len(acknowledged)
            wait(lambda before=before: len(acknowledged) > before + 20, "rows are written again after the kill")
    finally:
        stop.set()
        writer.join()
    with psycopg.connect(home.conninfo("wayfare_owner")) as connection:
        there = {number for (number,) in connection.execute("select number from kept")}
    assert set(acknowledged) <= there


@pytest.mark.slow
def test_kill_9_of_a_backend_is_outlived(home):
    with psycopg.connect(home.conninfo()) as connection:
        kill(connection.info.backend_pid)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    wait(lambda: answers(home), "the server answers again")


@pytest.mark.slow
def test_kill_9_of_the_keeper_ends_the_server_and_tending_brings_both_back(home):
    dying, server = running_keeper(home), postmaster(home)
    kill(dying)
    wait(lambda: not alive(server), "the death signal ends PostgreSQL", 15)
    assert not answers(home)
    embedded.tend(home.home)
    wait(lambda: answers(home), "a new keeper brings the server back")
    assert keeper(home) != dying
    embedded.tend(home.home)  # with a keeper there, this changes nothing
    assert answers(home)


@pytest.mark.slow
def test_kill_9_of_the_keeper_does_not_hinder_the_next_command(home):
    kill(running_keeper(home))
    with embedded.use(home.home):
        assert answers(home)


@pytest.mark.slow
def test_eight_commands_at_once_on_an_empty_home_share_one_server():
    program = (
        "import sys, psycopg; from pathlib import Path; from wayfare.site import embedded\n"
        "folder = Path(sys.argv[1]); lock = embedded.use(folder)\n"
        "with psycopg.connect(embedded.Home(folder).conninfo()) as c:\n"
        "    print(c.execute('select system_identifier from pg_control_system()').fetchone()[0])\n"
        "lock.close()"
    )
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        commands = [
            subprocess.Popen([sys.executable, "-c", program, str(home.home)], stdout=subprocess.PIPE, text=True)
            for _ in range(8)
        ]
        said = [command.communicate(timeout=120)[0] for command in commands]
        assert [command.returncode for command in commands] == [0] * 8
        assert len(set(said)) == 1
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)
        assert not (home.data / "postmaster.pid").exists(), "PostgreSQL was stopped cleanly"


@pytest.mark.slow
def test_a_killed_initdb_leaves_nothing_in_the_way():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        home.make()
        partial = home.data.with_name("data.partial")
        (partial / "base").mkdir(parents=True)
        (partial / "PG_VERSION").write_text("18\n")
        with embedded.use(home.home):
            assert answers(home)
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)


@pytest.fixture
def long_home():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / ("long" * 30) / "home")
        yield home
        with suppress(OSError):
            home.sockets.unlink() if home.sockets.is_symlink() else home.sockets.rmdir()


@pytest.mark.slow
def test_a_long_home_gets_a_socket_that_the_system_can_name(long_home):
    with embedded.use(long_home.home):
        assert answers(long_home)
        assert len(str(long_home.sockets / ".s.PGSQL.5432")) < 107
        assert stat.S_IMODE(long_home.sockets.stat().st_mode) == 0o700
    wait(lambda: not keeper(long_home), "the keeper ends by itself", 30)


def test_a_link_laid_where_the_sockets_go_is_refused_and_what_it_points_at_untouched(long_home, tmp_path):
    owner = tmp_path.stat().st_uid
    long_home.sockets.symlink_to(tmp_path)
    with pytest.raises(embedded.EmbeddedError, match="shorter path"):
        long_home.make()
    assert tmp_path.stat().st_uid == owner


def test_a_folder_for_sockets_that_others_may_write_is_refused(long_home):
    long_home.sockets.mkdir()
    long_home.sockets.chmod(0o777)
    with pytest.raises(embedded.EmbeddedError, match="not ours alone"):
        long_home.make()


def test_a_long_log_is_put_aside_and_the_oldest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "LOG_BYTES", 10)
    log = tmp_path / "postgresql.log"
    with log.open("ab") as written:  # by a server that knows nothing of it
        for n in range(embedded.LOG_FILES + 3):
            written.write(b"line of number %d\n" % n)
            written.flush()
            embedded.put_aside(log)
            assert log.read_bytes() == b""
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["postgresql.log", *(f"postgresql.log.{n + 1}" for n in range(embedded.LOG_FILES))]
    assert "number 7" in (tmp_path / "postgresql.log.1").read_text()
