"""The door: what shows the database that sign-in itself, or a command on this machine, is at work in a transaction.

Whoever holds the application's password alone has no key of it, and can neither begin a session nor take on a colleague
nor read a password's hash. The database has the key where the application's role cannot read it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from wayfare.access import keyfiles
from wayfare.access.keyfiles import KeyProblem
from wayfare.access.statements import bound, rows
from wayfare.common.macs import pads
from wayfare.tlog import keys

log = logging.getLogger("wayfare.access")


NAME = "staff-door"
"""The file of the key, in the home's `keys`."""
RESTORED = "restored.json"
"""A note in a home that was restored: a backup holds no key, so that the note alone says which one was the door's."""
_PUT = "insert into access_door (inner_pad, outer_pad) values (%s, %s) on conflict (alone) do"
"""Both pads of HMAC, so that the database only hashes."""


def _key() -> bytes:
    return hashlib.sha256(keyfiles.read(keyfiles.path_of(NAME))).digest()


def put(cursor: Any, key: bytes) -> None:
    """Let the database know the door's key, where it knows of none. As owner."""
    cursor.execute(f"{_PUT} nothing", pads(key))


def key_in(path: Path) -> bytes:
    """Return the door's key as its file holds it."""
    return hashlib.sha256(path.read_bytes()).digest()


def mark(inner: bytes, outer: bytes) -> str:
    """Return what a key is known again by, from its pads: it tells nothing of them."""
    return hashlib.sha256(b"wayfare staff door" + inner + outer).digest()[:8].hex()


def _restored() -> str | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found: str | None = json.loads((Path(settings.WAYFARE_HOME) / RESTORED).read_bytes())["door"]
        return found
    return None


def hang(cursor: Any) -> None:
    """Make the key of this installation's door where the database knows of none. As owner, at each start.

    A key that is gone or is another one is not replaced: whoever needs the door is told (`door`, `wayfare check`). So
    it is in a home that was restored without its keys, until they are put there.
    """
    cursor.execute("select from access_door")
    if cursor.fetchone() is None:
        restored = _restored()
        if restored is None:
            keyfiles.make(keyfiles.path_of(NAME), secrets.token_urlsafe(48).encode())
        with suppress(KeyProblem):
            if restored in (None, mark(*pads(_key()))):
                put(cursor, _key())
    try:
        check(cursor)
    except KeyProblem as problem:
        log.error("nobody can sign in, and no command changes staff: %s", problem)


def check(cursor: Any) -> None:
    """Compare the key with the one that the database knows. As owner. Raises: KeyProblem."""
    cursor.execute("select inner_pad = %s and outer_pad = %s from access_door", pads(_key()))
    if cursor.fetchone() != (True,):
        raise keyfiles.wrong(keyfiles.path_of(NAME))


def renew(cursor: Any) -> None:
    """Make a new key in the place of one that is lost, and let the database know it. As owner."""
    keyfiles.path_of(NAME).unlink(missing_ok=True)
    keyfiles.make(keyfiles.path_of(NAME), secrets.token_urlsafe(48).encode())
    cursor.execute(f"{_PUT} update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad", pads(_key()))


@contextmanager
def door() -> Iterator[None]:
    """Open the door for one transaction and no longer than it lasts; within one that has it open, go on.

    Raises: KeyProblem, if the key is gone or is not the one that the database knows.
    """
    with transaction.atomic():
        ((this, shown),) = bound("select access_transaction(), current_setting('app.door', true)")
        proof = hmac.new(_key(), f"wayfare door {this}".encode(), hashlib.sha256).hexdigest()
        if shown == proof:
            yield
            return
        ((is_open,),) = bound("select access_door_open() from set_config('app.door', %s, true)", [proof])
        if not is_open:
            raise keyfiles.wrong(keyfiles.path_of(NAME))
        yield
        if connection.savepoint_ids:  # within a longer transaction, which must not go on with the door open
            bound("select set_config('app.door', '', true)")


@contextmanager
def log_door() -> Iterator[None]:
    """Open the door for one transaction that writes a log. Raises: the log's own KeyProblem."""
    with ExitStack() as opened:
        try:
            opened.enter_context(door())
        except KeyProblem as problem:
            raise keys.KeyProblem(str(problem)) from None
        yield


def read(query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows that a statement gives with the door open."""
    with door():
        return rows(query, parameters)
