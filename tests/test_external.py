"""A PostgreSQL of the operator's own: shared by two installations, with settings of its own, behind a pooler."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.load import PROGRAMME, command
from wayfare.site import account as accounts
from wayfare.site import embedded, external
from wayfare.site.tests.test_embedded import keeper, wait

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
SETTINGS = {
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Australia/Lord_Howe",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "search_path": "pg_catalog",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
}
POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


class Cluster:
    """A PostgreSQL server in which nobody has made a role for Wayfare yet."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.home = embedded.Home(self.folder / "server")
        self.using = embedded.use(self.home.home)
        self.password = self.home.password("postgres")
        self.run("drop database wayfare with (force)", *(f"drop role {role}" for role in embedded.ROLES))

    def run(self, *statements):
        with psycopg.connect(self.home.conninfo("postgres", "postgres"), autocommit=True) as link:
            for statement in statements:
                link.execute(statement)

    def url(self, database, user="postgres", password=None, host=None):
        return (
            f"postgresql://{user}:{password or self.password}@/{database}?host={quote(str(host or self.home.sockets))}"
        )

    def installation(self, name, database, **more):
        """Return the environment of an installation with a home of its own."""
        path = os.pathsep.join(sys.path)
        return {
            **os.environ,
            "PYTHONPATH": path,
            "WAYFARE_HOME": str(self.folder / name),
            "DATABASE_URL": self.url(database, **more),
        }


@pytest.fixture(scope="module")
def cluster():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        cluster = Cluster(folder)
        # a keeper makes its roles at each start, and here only then
        cluster.run("create database one")
        works(cluster.installation("first", "one"))
        yield cluster
        cluster.using.close()
        wait(lambda: not keeper(cluster.home), "the keeper ends by itself", 30)


def works(environment):
    code, out, err = command(environment, "programme", "add", *PROGRAMME)
    assert code == 0, err
    return out


def refused(environment, *words):
    code, _, err = command(environment, "programme", "add", *PROGRAMME)
    assert code == 2, err
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return err


def test_a_second_installation_leaves_the_first_ones_role_alone_and_names_the_mend(cluster):
    cluster.run("create database two")
    first, second = cluster.installation("first", "one"), cluster.installation("second", "two")
    works(first)
    password = (cluster.folder / "first/keys/database-wayfare_app").read_text()
    app = {"user": "wayfare_app", "password": password, "host": str(cluster.home.sockets), "dbname": "one"}
    refused(second, "wayfare_app", "another installation", "Copy keys/database-wayfare_app")
    psycopg.connect(**app).close()
    works(first)

    shutil.copy(cluster.folder / "first/keys/database-wayfare_app", cluster.folder / "second/keys")
    assert "added" in works(second)
    for environment in (first, second):
        assert "nothing changed" in works(environment), "both go on working"

    with psycopg.connect(cluster.home.conninfo("postgres", "two"), autocommit=True) as link:
        owner = link.execute("select tableowner from pg_tables where tablename = 'ledger_entry'").fetchone()[0]
        assert (owner, *link.execute("select has_table_privilege('wayfare_app', 'ledger_entry', 'update')").fetchone()) == (
            "postgres", False,
        )  # fmt: skip
        try:  # control: this is what starts did to a role that was there
            link.execute("alter role wayfare_app password 'another'")
            refused(first, "wayfare_app", "password authentication failed")
        finally:
            link.execute(f"alter role wayfare_app password '{password}'")
    works(first)


def test_settings_of_the_server_the_database_and_the_role_change_nothing(cluster):
    cluster.run("create database styled", *(f"alter database styled set {n} = '{v}'" for n, v in SETTINGS.items()))
    environment = cluster.installation("first", "styled")  # whose role it may use
    works(environment)
    token = json.loads(
        command(environment, "token", "add", "--source", "office", "--scope", "read", "--json")[1].splitlines()[-1]
    )
    assert token
    for arguments in (("ledger", "status", "--json"), ("check", "--json"), ("staff", "list"), ("token", "list")):
        code, _, err = command(environment, *arguments)
        assert code in (0, 1), err
        assert "Traceback" not in err
    script = (
        "from wayfare.site import runtime; runtime.bring_up(); from django.db import connection\n"
        f"cursor = connection.cursor()\nfor name in {list(SETTINGS)}:\n"
        "    cursor.execute('select current_setting(%s)', [name]); print(cursor.fetchone()[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:5] == ["ISO, MDY", "postgres", "UTC", "hex", "on"]
    with psycopg.connect(cluster.home.conninfo("postgres", "styled")) as link:
        found = [link.execute(f"show {name}").fetchone()[0] for name in SETTINGS]
        assert found == list(SETTINGS.values()), "control: any other connection has them"


def test_the_first_start_in_a_database_that_says_read_only_makes_its_roles():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        cluster = Cluster(folder)
        cluster.run("create database still", "alter database still set default_transaction_read_only = on")
        assert "added" in works(cluster.installation("first", "still"))
        cluster.using.close()
        wait(lambda: not keeper(cluster.home), "the keeper ends by itself", 30)


def test_a_database_without_an_encoding_is_refused_by_name(cluster):
    cluster.run("create database plain encoding 'SQL_ASCII' locale 'C' template template0")
    refused(cluster.installation("plain", "plain"), "SQL_ASCII", "encoding 'UTF8'")


def test_a_wrong_password_is_told_with_its_reason(cluster):
    refused(cluster.installation("wrong", "postgres", password="guess"), "password authentication failed")


@pytest.fixture
def pooler(cluster):
    """Gives a function that runs PgBouncer in a mode before the cluster, and returns the folder of its socket."""
    running = []

    def run(mode):
        account = accounts.find()  # PgBouncer does not run as root either
        folder = Path(tempfile.mkdtemp(prefix="wf", dir="/tmp"))
        app = (cluster.folder / "first/keys/database-wayfare_app").read_text()
        (folder / "users").write_text(f'"postgres" "{cluster.password}"\n"wayfare_app" "{app}"\n')
        with accounts.handed_down(account, cluster.home.sockets) as ((sockets,), descriptors):
            (folder / "ini").write_text(
                f"[databases]\n* = host={sockets}\n[pgbouncer]\npool_mode = {mode}\nunix_socket_dir = {folder}\n"
                f"listen_port = 5432\nauth_type = plain\nauth_file = {folder}/users\nlogfile = {folder}/log\n"
            )
            for path in (folder, *folder.iterdir()):
                accounts.give(path, account)
            command = [POOLER, "-q", str(folder / "ini")]
            output = subprocess.DEVNULL
            process = accounts.start(command, account, signal.SIGKILL, output=output, descriptors=descriptors)
        running.append((process, folder))
        wait(lambda: (folder / ".s.PGSQL.5432").exists(), "PgBouncer listens", 10)
        return folder

    yield run
    for process, folder in running:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


@pytest.mark.skipif(POOLER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_mixes_sessions_is_refused_by_name(cluster, pooler, mode):
    environment = cluster.installation("first", "one", host=pooler(mode))
    for _ in range(3):
        refused(environment, "PgBouncer", "pool_mode = session") if mode == "transaction" else refused(
            environment, "pool"
        )
    code, _, err = command(environment, "check")
    assert (code, "pool_mode = session" in err) == (2, True), err


@pytest.mark.skipif(POOLER is None, reason="PgBouncer is not installed")
def test_a_pooler_that_keeps_sessions_apart_is_taken(cluster, pooler):
    assert "nothing changed" in works(cluster.installation("first", "one", host=pooler("session")))


def test_a_server_of_its_own_shows_no_pooler(cluster):
    database = {"HOST": str(cluster.home.sockets), "PORT": "", "USER": "postgres", "PASSWORD": cluster.password}
    database |= {"NAME": "postgres", "OPTIONS": {}}
    with external.connect(database) as link:
        assert external.pooler(database, link) == ""


def test_the_script_of_compose_makes_an_owner_who_is_no_superuser(tmp_path):
    """What the container runs once, on a server of its own; then an installation as that owner."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        cluster = Cluster(folder)
        (tmp_path / "password").write_text("of-the-owner\n")
        script = (ROOT / "deploy/database/10-owner.sh").read_text()
        assert "/run/secrets/database_password" in script
        (tmp_path / "script").write_text(script.replace("/run/secrets/database_password", str(tmp_path / "password")))
        environment = {
            "PATH": f"{embedded.binaries()}:{os.environ['PATH']}",
            "POSTGRES_USER": "postgres",
            "PGHOST": str(cluster.home.sockets),
            "PGPASSWORD": cluster.password,
        }
        subprocess.run(["sh", str(tmp_path / "script")], env=environment, check=True)
        try:
            works(cluster.installation("own", "wayfare", user="wayfare_owner", password="of-the-owner"))
            with psycopg.connect(cluster.home.conninfo("postgres", "wayfare")) as link:
                powers = "select rolsuper, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles where rolname = %s"
                assert link.execute(powers, ["wayfare_owner"]).fetchone() == (False, False, False, True)
                assert link.execute(powers, ["wayfare_app"]).fetchone() == (False, False, False, False)
                assert link.execute(powers, ["postgres"]).fetchone()[0], "control: the superuser is one"
        finally:
            cluster.using.close()
            wait(lambda: not keeper(cluster.home), "the keeper ends by itself", 30)
