"""Settings that every connection begins with, whatever the server, the database or the role has for them.

Dates, intervals, bytes and strings are read and written in one form. The application's connections also have time
limits: one that waits for a lock, runs or holds a transaction open for too long is refused or ended, so that one
session cannot stop all others. Commands and jobs have longer ones (`UNHURRIED`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

FORM = {
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "search_path": "public",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}
"""`lc_messages` is not among them: only a superuser may set it, and no code reads a message's words. The last three
because every role may give itself settings that outlive a restart: by the application's password somebody could have
every page refused for ever."""
LIMITS = {
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}
"""For pages and API, and for whatever connects as the application's role without setting its own."""
UNHURRIED = {
    "lock_timeout": "10min",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "10min",
}
"""For commands and jobs: an import, a rebuild, an export that somebody reads slowly."""
_limits = UNHURRIED


def in_a_hurry() -> None:
    """Say that this process answers people who wait: its connections from now on have `LIMITS`."""
    global _limits
    _limits = LIMITS


def for_alias(alias: str) -> dict[str, str]:
    """Return what a new connection begins with: the owner, who migrates, has no limits."""
    return FORM | (_limits if alias == "default" else {})


def begin(link: psycopg.Connection[Any], settings: dict[str, str]) -> None:
    """Give a new connection its settings, in one trip."""
    link.execute(
        sql.SQL("; ").join(
            sql.SQL("set {} = {}").format(sql.Identifier(name), sql.Literal(value)) for name, value in settings.items()
        )
    )
    if not link.autocommit:
        link.commit()
