"""What keeps the database or a disk from doing its work, by one name each: for API, pages and commands."""

from __future__ import annotations

import errno

import psycopg
from django.db import InterfaceError, OperationalError

_BUSY = {"55P03", "57014"}  # a lock or a statement took longer than this session may wait
_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def code_of(problem: BaseException) -> str | None:
    """Return `storage_full`, `busy` or `unavailable`, or None for what is none of these."""
    state = getattr(problem, "sqlstate", None) or getattr(problem.__cause__, "sqlstate", None)
    if state == "53100" or getattr(problem, "errno", None) == errno.ENOSPC:
        return "storage_full"
    if state in _BUSY:
        return "busy"
    return "unavailable" if isinstance(problem, _AWAY) else None
