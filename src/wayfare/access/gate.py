"""Ending sessions that hold the gate of the access record for too long.

Who writes a line holds `access_gate` until the commit, so one session that never commits stops every opening of a file.
The application's role has time limits, but PostgreSQL lets every role lift its own. So the owner looks on.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.db import Error, connections

log = logging.getLogger("wayfare.access")
LIMIT_SECONDS = 60.0
"""Our own transactions hold it for milliseconds; the limits that they set themselves end them by then."""
PAUSE_SECONDS = 5.0
_HOLDERS = """
select a.pid, a.backend_start, a.xact_start from pg_locks l join pg_stat_activity a using (pid)
where l.granted and l.relation = 'access_gate'::regclass and l.mode = 'ExclusiveLock' and a.usename <> current_user
  and l.database = (select oid from pg_database where datname = current_database())"""
_END = """select pg_terminate_backend(pid) from pg_stat_activity
where (pid, backend_start, xact_start) = (%s, %s, %s)"""

Holder = tuple[Any, ...]


class Watch:
    """Knows since when each session was seen holding the gate without a break."""

    def __init__(self, limit_seconds: float = LIMIT_SECONDS) -> None:
        self.limit_seconds = limit_seconds
        self.since: dict[Holder, float] = {}

    def look(self, now: float) -> list[int]:
        """End the sessions of other roles that hold the gate for longer than the limit; return their process ids."""
        with connections["owner"].cursor() as cursor:
            cursor.execute(_HOLDERS)
            self.since = {one: self.since.get(one, now) for one in cursor.fetchall()}
            late = [one for one, since in self.since.items() if now - since >= self.limit_seconds]
            for one in late:
                cursor.execute(_END, one)
                log.error(
                    "a session held the gate of the access record for %.0f s and was ended", now - self.since[one]
                )
        return [one[0] for one in late]


def watch(stop: threading.Event, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Look on until told to stop. Outlives a restart of the database."""
    one, told = Watch(), ""
    while not stop.wait(pause_seconds):
        try:
            one.look(time.monotonic())
            told = ""
        except Error as problem:
            connections.close_all()
            if str(problem) != told:
                told = str(problem)
                log.warning("the gate of the access record is not watched: %s", told)
