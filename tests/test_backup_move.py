"""docs/operating.md, Backup and restore: its commands as pasted, into real servers of one's own, also of PostgreSQL 15."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests import lived
from tests.load import command
from wayfare.site import account as accounts
from wayfare.site import embedded

pytestmark = pytest.mark.slow
GUIDE = Path(__file__).parents[1] / "docs" / "operating.md"
FIFTEEN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def server(programs):
    """Run a PostgreSQL by these programs; give a function user, database → URL."""
    account = accounts.find()
    with tempfile.TemporaryDirectory(prefix="wfpg", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        accounts.give(folder, account)
        data = folder / "data"
        options = ["-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = accounts.start([str(programs / "initdb"), *options], account, signal.SIGKILL, output=subprocess.PIPE)
        said = made.communicate()[0]
        assert made.returncode == 0, said
        with tempfile.TemporaryFile() as log:
            words = ["-D", str(data), "-k", str(folder), "-c", "listen_addresses="]
            running = accounts.start([str(programs / "postgres"), *words], account, signal.SIGINT, output=log)
            try:
                for _ in range(200):
                    try:
                        psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
                        break
                    except psycopg.OperationalError:
                        time.sleep(0.1)
                yield lambda user, database: f"postgresql://{user}@/{database}?host={folder}"
            finally:
                running.send_signal(signal.SIGINT)
                running.wait(60)


@pytest.fixture(scope="module")
def external():
    """An empty database of an owner who may create roles, on PostgreSQL 15 where that is installed, else on 18."""
    programs = FIFTEEN if (FIFTEEN / "postgres").exists() else accounts.binaries_for(accounts.find())
    with server(programs) as url:
        with psycopg.connect(url("postgres", "postgres"), autocommit=True) as link:
            link.execute("create role wayfare_owner login createrole")
            link.execute("create role plain_owner login")
            for name, owner in (("wayfare", "wayfare_owner"), ("plain", "plain_owner"), ("killed", "wayfare_owner")):
                link.execute(f"create database {name} owner {owner}")
        yield url


def pasted(heading):
    """Return the commands of the console block after a heading of the guide."""
    text = GUIDE.read_text()
    (block,) = re.findall(r"```console\n(.*?)```", text[text.index(f"**{heading}") :], re.DOTALL)[:1]
    return [line.removeprefix("$ ") for line in block.splitlines()]


def run(commands, folder, env, replaced):
    """Run the lines of the guide one after the other in one shell; fail at the first that fails."""
    text = "\n".join(["set -e", *commands])
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, str(new))
    (folder / "wayfare").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wayfare.site.cli "$@"\n')
    (folder / "wayfare").chmod(0o755)
    done = subprocess.run(["bash", "-c", text], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done


@pytest.fixture(scope="module")
def embedded_home():
    """An embedded installation in which something of everything happened."""
    with tempfile.TemporaryDirectory(prefix="wf", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        home = folder / "home"
        told = lived.live(home)
        passphrase = folder / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text("correct horse battery staple\n")
        (folder / "backups").mkdir()
        (folder / "elsewhere").mkdir()
        yield SimpleNamespace(folder=folder, home=home, told=told, env=lived.environment(home))


def test_from_the_embedded_database_to_postgresql_as_the_guide_says(embedded_home, external):
    folder, moved = embedded_home.folder, embedded_home.folder / "moved"
    with embedded.use(embedded_home.home):
        before = lived.rows(embedded.Home(embedded_home.home).conninfo("wayfare_owner"))
    url = external("wayfare_owner", "wayfare")
    replaced = {
        "/backups/": f"{folder}/backups/",
        "/elsewhere/": f"{folder}/elsewhere/",
        "/var/lib/wayfare/home": moved,
        "postgresql://wayfare_owner:secret@db.example.org/wayfare": f"'{url}'",
    }
    done = run(pasted("From the embedded database"), folder, embedded_home.env, replaced)
    assert "check and log verify say well" in done.stdout
    env = lived.environment(moved, url)
    after = lived.rows(url)
    assert {name for name in before if before[name] != after[name]} == set()
    with psycopg.connect(url) as link:
        version = int(link.execute("show server_version_num").fetchone()[0]) // 10_000
        assert version == (15 if (FIFTEEN / "postgres").exists() else 18)
    assert lived.NAME in lived.opened(env, embedded_home.told)
    assert command(env, "check")[0] == 0
    assert command(env, "programme", "add", *PROGRAMME)[0] == 0, "it goes on there"
    for name in ("log-ledger/note.pem", "log-ledger/last", "people/index", "staff-door"):
        assert (moved / "keys" / name).read_bytes() == (embedded_home.home / "keys" / name).read_bytes()

    # and back, from a server of one's own into an embedded one
    code, _, err = command(
        env, "backup", folder / "backups/back", "--keys-to", folder / "elsewhere/back", *sealed(folder)
    )
    assert code == 0, err
    home = folder / "back"
    words = ("restore", folder / "backups/back", "--keys-from", folder / "elsewhere/back", *sealed(folder))
    code, _, err = command(lived.environment(home), *words)
    assert code == 0, err
    assert lived.NAME in lived.opened(lived.environment(home), embedded_home.told)

    # a database that is filled is refused, and stays as it is
    now = lived.rows(url)
    code, _, err = command(lived.environment(folder / "again", url), *words)
    assert (code, "is not empty" in err, (folder / "again").exists()) == (2, True, False), err
    assert lived.rows(url) == now


PROGRAMME = ("--key", "bel", "--title", "Belgium", "--country", "BEL", "--timezone", "Europe/Brussels")


def sealed(folder):
    return ("--passphrase-file", folder / "passphrase")


def test_the_drill_of_the_guide(embedded_home):
    folder = embedded_home.folder
    replaced = {"/backups/": f"{folder}/backups/", "/elsewhere/": f"{folder}/elsewhere/"}
    lines = pasted("No key is in the folder")
    assert shutil.which("openssl")
    run(lines, folder, embedded_home.env, replaced)
    done = run(pasted("A drill"), folder, embedded_home.env, replaced | {"/tmp/drill": folder / "drill"})
    assert "Ledger position: 60" in done.stdout
    assert "agree" in done.stdout


def test_a_restore_into_a_server_is_there_whole_or_not_at_all(embedded_home, external):
    """Killed in its midst it leaves an empty database, without a role: the next one goes through."""
    folder, url = embedded_home.folder, external("wayfare_owner", "killed")
    keys = folder / "elsewhere/killed"
    code, _, err = command(embedded_home.env, "backup", folder / "backups/killed", "--keys-to", keys, *sealed(folder))
    assert code == 0, err
    words = ("restore", folder / "backups/killed", "--keys-from", keys, *sealed(folder))
    env = lived.environment(folder / "killed", url)
    with psycopg.connect(external("postgres", "killed")) as link:
        # the restore waits for this name to be given up, in the midst of its transaction
        link.execute("create table ledger_entry (alone int)")
        restoring = subprocess.Popen(
            [sys.executable, "-m", "wayfare.site.cli", *map(str, words)], env=env, stderr=subprocess.DEVNULL
        )
        with psycopg.connect(external("postgres", "postgres"), autocommit=True) as seen:
            waits = "select count(*) from pg_stat_activity where datname = 'killed' and wait_event_type = 'Lock'"
            for _ in range(600):
                if seen.execute(waits).fetchone() == (1,) or restoring.poll() is not None:
                    break
                time.sleep(0.1)
            assert seen.execute(waits).fetchone() == (1,), "control: it is in its midst"
        restoring.kill()
        restoring.wait()
        link.rollback()
    for _ in range(100):
        with psycopg.connect(external("postgres", "killed")) as link:
            (left,) = link.execute("select count(*) from pg_stat_activity where datname = 'killed'").fetchone()
            if left == 1:
                break
        time.sleep(0.1)
    assert lived.rows(url) == {}
    assert not (folder / "killed").exists()
    # the server's roles are another installation's now (the first test's): their password comes with the keys
    code, _, err = command(env, *words)
    assert code == 0, err
    assert lived.NAME in lived.opened(env, embedded_home.told)


def test_an_owner_who_may_not_make_roles_gets_everything_without_them(embedded_home):
    folder = embedded_home.folder
    with server(accounts.binaries_for(accounts.find())) as url:
        with psycopg.connect(url("postgres", "postgres"), autocommit=True) as link:
            link.execute("create role plain_owner login")
            link.execute("create database plain owner plain_owner")
        env = lived.environment(folder / "plain", url("plain_owner", "plain"))
        keys = folder / "elsewhere/plain"
        code, _, err = command(
            embedded_home.env, "backup", folder / "backups/plain", "--keys-to", keys, *sealed(folder)
        )
        assert code == 0, err
        words = ("restore", folder / "backups/plain", "--keys-from", keys, *sealed(folder), "--json")
        code, out, err = command(env, *words)
        said = lived.last_json(out)
        assert set(said["problems"]) == {"roles"}, said["problems"]
        assert code == 1
        # and back to where the roles are needed, which get their rights
        code, _, err = command(
            env, "backup", folder / "backups/plain-again", "--keys-to", folder / "elsewhere/plain2", *sealed(folder)
        )
        assert code == 0, err
        words = ("restore", folder / "backups/plain-again", "--keys-from", folder / "elsewhere/plain2", *sealed(folder))
        code, _, err = command(lived.environment(folder / "roles"), *words)
        assert code == 0, err
        assert lived.NAME in lived.opened(lived.environment(folder / "roles"), embedded_home.told)


def test_a_pg_dump_that_cannot_read_the_server_is_told_by_name(embedded_home, monkeypatch):
    """The package's programs, if they were of PostgreSQL 15."""
    if not (FIFTEEN / "pg_dump").exists():
        pytest.skip("needs the programs of PostgreSQL 15")
    script = (
        "from pathlib import Path\nfrom wayfare.site import account, clients\n"
        f"clients.binaries = lambda: Path({str(FIFTEEN)!r})\n"
        "import sys\nsys.argv = ['wayfare', 'backup', sys.argv[1]]\nfrom wayfare.site.cli import main\nmain()"
    )
    target = embedded_home.folder / "backups/old"
    env = embedded_home.env | {"PATH": os.path.dirname(sys.executable)}
    done = subprocess.run([sys.executable, "-c", script, str(target)], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is of PostgreSQL 15, and cannot read a server of PostgreSQL 18" in done.stderr
    assert "postgresql-client-18" in done.stderr
    assert not target.exists()
