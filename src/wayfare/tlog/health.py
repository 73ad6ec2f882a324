"""Whether a log is well: how far it is signed, how long what follows waits, who cosigned, what was verified last."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import orjson
from django.conf import settings

from wayfare.common import disk
from wayfare.tlog.queries import Signed
from wayfare.tlog.verify import Findings

WAITS_AT_MOST = timedelta(minutes=1)
"""What waits longer than this for its signature waits for a person to look after it; a second is usual."""


class Extent(NamedTuple):
    """How many entries there are, and when the first of them was made that is under no checkpoint yet, if there is."""

    entries: int
    waiting_since: datetime | None


def signing(extent: Extent, signed: Signed | None, now: datetime) -> str:
    """Return how the signing of a log stands. Pure.

    `empty`: there is nothing to sign. `well`: all is signed. `behind`: what is new waits, as it does for a second.
    `stopped`: it waits too long. `never`: so does the first. `ahead`: more was signed than there is, as after an older
    backup was put back.
    """
    size = signed.size if signed else 0
    if size > extent.entries:
        return "ahead"
    if size == extent.entries:
        return "well" if signed else "empty"
    waits = extent.waiting_since is None or now - extent.waiting_since > WAITS_AT_MOST
    return ("stopped" if signed else "never") if waits else "behind"


class Verification(NamedTuple):
    """What the last recomputation of a log found."""

    at: datetime
    leaves: int
    differences: list[str]


def _path(log: str) -> Path:
    return Path(settings.WAYFARE_HOME) / "verified" / f"{log}.json"


def remember(log: str, found: Findings, *, at: datetime) -> None:
    """Keep in the home what a recomputation found, in the place of the one before. Raises: OSError."""
    path = _path(log)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    disk.write(partial, orjson.dumps(Verification(at, found.leaves, found.differences)._asdict()))
    os.replace(partial, path)
    disk.sync(path.parent)


def last_verified(log: str) -> Verification | None:
    """Return what the last recomputation from this home found; None if there was none that can be read."""
    try:
        kept = orjson.loads(_path(log).read_bytes())
        return Verification(
            datetime.fromisoformat(kept["at"]), int(kept["leaves"]), list(map(str, kept["differences"]))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
