"""PostgreSQL's client programs: those that come with the embedded server, or the operator's own where these cannot do.

The package of the embedded server is built without TLS. A server that is spoken to by TLS is dumped by a `pg_dump` in
PATH, of the server's major version or a later one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg.conninfo import make_conninfo

from wayfare.site import external
from wayfare.site.account import binaries
from wayfare.site.external import DatabaseUnfit
from wayfare.site.processes import end_with_parent


def major(program: Path) -> int | None:
    """Return the major version of one of PostgreSQL's programs, None if it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else None


def problem(server: int, tls: bool, version: int | None, has_tls: bool) -> str:
    """Return why a pg_dump cannot dump a server, or nothing. Pure."""
    if version is None:
        return "is not installed"
    if version < server:
        return f"is of PostgreSQL {version}, and cannot read a server of PostgreSQL {server}"
    return "was built without TLS" if tls and not has_tls else ""


def pg_dump_for(link: psycopg.Connection[Any]) -> Path:
    """Return the pg_dump for the server of a connection. Raises: DatabaseUnfit, which says what to install."""
    server, tls = link.info.server_version // 10_000, bool(link.pgconn.ssl_in_use)
    own = shutil.which("pg_dump")
    found = [(binaries() / "pg_dump", False), *([(Path(own), True)] if own else [])]
    whys = []
    for program, has_tls in found:
        if not (why := problem(server, tls, major(program), has_tls)):
            return program
        whys.append(f"{program} {why}")
    raise DatabaseUnfit(
        f"the database is PostgreSQL {server}{', by TLS' if tls else ''}, and no pg_dump here can read it:"
        f" {'; '.join(whys)}. Install pg_dump {server} or later (Debian: postgresql-client-{server}), in PATH"
    )


def start(
    command: list[str | Path], database: Mapping[str, Any], output: int | IO[bytes] = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a client program; it dies with this process. The password stands in no list of processes."""
    parameters = external.parameters(dict(database))
    password = parameters.pop("password", None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "WAYFARE_"))}
    environment |= {"PGPASSWORD": password} if password else {}
    starter = os.getpid()
    return subprocess.Popen(  # noqa: S603 - PostgreSQL's own
        [*command, f"--dbname={make_conninfo(**parameters)}"],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        env=environment | {"LC_ALL": "C.UTF-8"},
        umask=0o077,
        preexec_fn=lambda: end_with_parent(signal.SIGKILL, starter),
    )
