"""Load a dump through a connection of ours, in its transaction: it needs no client of the server's version, and no TLS.

`pg_restore` only turns the file into a script; psycopg runs it. A process that dies half-way commits nothing.
"""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from os import getpid
from pathlib import Path
from typing import IO, Any

import psycopg

from wayfare.site.account import binaries
from wayfare.site.processes import end_with_parent

_PASSED_OVER = (b"\\restrict ", b"\\unrestrict ", b"SET transaction_timeout = ")
"""Words for psql, and a setting that servers before 17 do not have."""
_END = b"\\.\n"
_THE_SERVERS = re.compile(rb"^\d+; \d+ \d+ (EXTENSION|COMMENT - EXTENSION) ")


def _program() -> Path:
    return binaries() / "pg_restore"


class DumpUnreadable(RuntimeError):
    """pg_restore cannot read the dump; the text is its own."""


def load(link: psycopg.Connection[Any], dump: Path) -> None:
    """Run a dump's script as whoever is connected, without grants. Within a transaction.

    Raises: DumpUnreadable, psycopg.Error.
    """
    with tempfile.NamedTemporaryFile(prefix="wayfare-restore-") as wanted:
        wanted.write(_ours(dump))
        wanted.flush()
        command: list[str | Path] = [
            _program(),
            "--file=-",
            "--no-owner",
            "--no-privileges",
            f"--use-list={wanted.name}",
        ]
        _pass_on(link, [*command, dump])


def _ours(dump: Path) -> bytes:
    """Return the list of what is in a dump, without extensions, which are the server's."""
    done = subprocess.run([_program(), "--list", dump], capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        raise DumpUnreadable(done.stderr.decode(errors="replace").strip())
    return b"".join(line for line in done.stdout.splitlines(keepends=True) if not _THE_SERVERS.search(line))


def _pass_on(link: psycopg.Connection[Any], command: list[str | Path]) -> None:
    """Run the script that a command writes. Raises: DumpUnreadable, psycopg.Error."""
    starter = getpid()
    process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: end_with_parent(signal.SIGKILL, starter),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            _run(link, process.stdout)
            said = process.stderr.read().decode(errors="replace").strip()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise DumpUnreadable(said or f"pg_restore ended with {process.returncode}")


def _run(link: psycopg.Connection[Any], script: IO[bytes]) -> None:
    statements: list[bytes] = []
    for line in script:
        if line.startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
            _execute(link, statements)
            with link.cursor().copy(line) as copy:
                for row in _rows(script):
                    copy.write(row)
        elif not line.startswith(_PASSED_OVER):
            statements.append(line)
    _execute(link, statements)
    link.execute("reset all")


def _execute(link: psycopg.Connection[Any], statements: list[bytes]) -> None:
    if statements:
        link.execute(b"".join(statements))
        statements.clear()


def _rows(script: IO[bytes]) -> Iterator[bytes]:
    """Yield the rows of one table; its end is always there in a whole script."""
    for line in script:
        if line == _END:
            return
        yield line
    raise DumpUnreadable("the dump ends within a table")
