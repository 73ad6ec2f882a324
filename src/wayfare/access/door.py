"""The door: what shows the database that sign-in itself, or a command on this machine, is at work in a transaction.

Whoever holds the application's password alone has no key of it, and can neither begin a session nor take on a colleague
nor read a password's hash. The database has the key where the application's role cannot read it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from wayfare.access.statements import bound, rows
from wayfare.ledger.macs import pads

log = logging.getLogger("wayfare.access")


def _key() -> bytes:
    return hashlib.sha256(settings.STAFF_DOOR_KEY.encode()).digest()


def hang(cursor: Any) -> None:
    """Let the database know the key of this installation's door. As the owner of the tables, at each start."""
    halves = pads(_key())  # so that the database only hashes
    cursor.execute("select inner_pad = %s and outer_pad = %s from access_door", halves)
    known = cursor.fetchone()
    if known == (True,):
        return
    if known:
        log.warning("the door has another key now: processes that were started with the old one let nobody in")
    cursor.execute(
        "insert into access_door (inner_pad, outer_pad) values (%s, %s) on conflict (alone)"
        " do update set inner_pad = excluded.inner_pad, outer_pad = excluded.outer_pad",
        halves,
    )


@contextmanager
def door() -> Iterator[None]:
    """Open the door for one transaction and no longer than it lasts; within one that has it open, go on."""
    with transaction.atomic():
        ((this, shown),) = bound("select access_transaction(), current_setting('app.door', true)")
        proof = hmac.new(_key(), f"wayfare door {this}".encode(), hashlib.sha256).hexdigest()
        if shown == proof:
            yield
            return
        bound("select set_config('app.door', %s, true)", [proof])
        yield
        if connection.savepoint_ids:  # within a longer transaction, which must not go on with the door open
            bound("select set_config('app.door', '', true)")


def read(query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Return the rows that a statement gives with the door open."""
    with door():
        return rows(query, parameters)
