"""Appending: the only way anything enters the ledger."""

from __future__ import annotations

import logging
import struct
import threading
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from wayfare.ledger import registry
from wayfare.ledger.queries import array
from wayfare.ledger.rules import EPOCH, MICROSECOND, Entry, Refused, Result, same_content

LOCK = 0x57415946  # "WAYF": the advisory lock under which positions are given, one writer at a time
CHANNEL = "wayfare_ledger"
_POSTGRES_EPOCH_US = 946_684_800_000_000
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_POSITION = struct.Struct(">hiq")
_LENGTH = struct.Struct(">i")
_TIMES = struct.Struct(">iqiq")
_NULL = b"\xff\xff\xff\xff"
_UUID_LENGTH = _LENGTH.pack(16)
_DIGEST_LENGTH = _LENGTH.pack(32)
_COPY = (
    "copy ledger_entry (position, entry_id, occurred_at, recorded_at, kind, source, subject, object, body, digest)"
    " from stdin (format binary)"
)


def _uuid(text: str) -> bytes:
    return _UUID_LENGTH + bytes.fromhex(text.replace("-", ""))


def _row(position: int, entry: Entry, recorded_us: int) -> bytes:
    """Return one row in PostgreSQL's binary COPY format (documentation of COPY, "Binary Format")."""
    kind, source = entry.kind.encode(), entry.source.encode()
    return b"".join(
        (
            _POSITION.pack(10, 8, position),
            _uuid(entry.entry_id),
            _TIMES.pack(8, entry.at - _POSTGRES_EPOCH_US, 8, recorded_us - _POSTGRES_EPOCH_US),
            _LENGTH.pack(len(kind)),
            kind,
            _LENGTH.pack(len(source)),
            source,
            _uuid(entry.subject),
            _NULL if entry.object is None else _uuid(entry.object),
            _LENGTH.pack(len(entry.body)),
            entry.body,
            _DIGEST_LENGTH,
            entry.digest,
        )
    )


def _take_turn() -> None:
    """Wait for every other writer's commit, and make the next ones wait for ours."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def open_for_writing() -> tuple[int, int]:
    """Take the writers' lock; return the head and the database's clock in microseconds since 1970."""
    _take_turn()
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0), clock_timestamp() from ledger_entry")
        position, now = cursor.fetchone()
    return int(position), (now - EPOCH) // MICROSECOND


def _known(entries: Sequence[Entry | Refused]) -> dict[str, tuple[int, bytes]]:
    """Return position and body of those entries that the ledger holds already, by `entry_id`."""
    ids = [entry.entry_id for entry in entries if isinstance(entry, Entry)]
    with connection.cursor() as cursor:
        cursor.execute(
            "select e.entry_id::text, e.position, e.body from ledger_entry e"
            " join unnest(%s::uuid[]) as sent(id) on e.entry_id = sent.id",
            [array(ids)],
        )
        return {entry_id: (position, body.encode()) for entry_id, position, body in cursor.fetchall()}


def _sort(
    entries: Sequence[Entry | Refused], known: dict[str, tuple[int, bytes]], position: int
) -> tuple[list[tuple[int, Entry]], list[Result]]:
    """Give each new entry its position, and every entry its result."""
    fresh: list[tuple[int, Entry]] = []
    results: list[Result] = []
    for entry in entries:
        if isinstance(entry, Refused):
            results.append(Result(entry.entry_id, "rejected", None, entry.field, entry.reason))
            continue
        stored = known.get(entry.entry_id)
        if stored is None:
            position += 1
            fresh.append((position, entry))
            known[entry.entry_id] = (position, entry.body)
            results.append(Result(entry.entry_id, "accepted", position))
        elif same_content(stored[1], entry.body):
            results.append(Result(entry.entry_id, "duplicate", stored[0]))
        else:
            reason = f"is in the ledger at position {stored[0]} with other content; send a new entry_id"
            results.append(Result(entry.entry_id, "conflict", stored[0], "entry_id", reason))
    return fresh, results


def _write(fresh: Sequence[tuple[int, Entry]], recorded_us: int) -> None:
    with connection.cursor() as cursor:
        with cursor.cursor.copy(_COPY) as copy:
            copy.write(_HEADER)
            for start in range(0, len(fresh), 1000):
                copy.write(b"".join(_row(p, entry, recorded_us) for p, entry in fresh[start : start + 1000]))
            copy.write(_TRAILER)
        kinds = Counter(entry.kind for _, entry in fresh)
        cursor.execute(
            "insert into ledger_tally as t (kind, entries) select * from unnest(%s::text[], %s::bigint[])"
            " on conflict (kind) do update set entries = t.entries + excluded.entries",
            [list(kinds), list(kinds.values())],
        )
        cursor.execute("select pg_notify(%s, %s)", [CHANNEL, str(fresh[-1][0])])


def append(entries: Sequence[Entry | Refused], *, at: datetime | None = None) -> list[Result]:
    """Append entries in order, in one transaction, and bring every projection into step with them.

    What was refused before stays in its place in the list and comes back as *rejected*. An `entry_id` that is
    there already with the same content is a *duplicate*, with other content a *conflict*; neither has any
    effect. Positions follow the order given, without gaps, in the order of commits: a writer holds one
    advisory lock from giving positions until its commit is visible. `at` is the moment recorded (default: the
    database's clock). Returns one result an entry.
    """
    with transaction.atomic():
        position, now_us = open_for_writing()
        recorded_us = now_us if at is None else (at - EPOCH) // MICROSECOND
        fresh, results = _sort(entries, _known(entries), position)
        if fresh:
            for project in registry.projectors:
                project(fresh)
            _write(fresh, recorded_us)
    return results


class _Request:
    """One writer's entries, waiting to be appended together with others'."""

    def __init__(self, entries: Sequence[Entry | Refused]) -> None:
        self.entries = entries
        self.results: list[Result] | None = None
        self.error: Exception | None = None

    def serve(self) -> None:
        try:
            self.results = append(self.entries)
        except Exception as error:  # noqa: BLE001 - handed to the writer whose entries these are
            self.error = error


_waiting: deque[_Request] = deque()
_turn = threading.Lock()
TOGETHER = 5_000
"""No more entries than this in one shared transaction."""


def _serve_waiting() -> None:
    """Append what waits in one transaction; if that fails, each request in one of its own."""
    requests: list[_Request] = []
    entries: list[Entry | Refused] = []
    while _waiting and len(entries) < TOGETHER:
        requests.append(_waiting.popleft())
        entries.extend(requests[-1].entries)
    if len(requests) > 1:
        try:
            results = iter(append(entries))
        except Exception:
            logging.getLogger(__name__).warning("a shared append failed; appending one by one", exc_info=True)
        else:
            for request in requests:
                request.results = [next(results) for _ in request.entries]
            return
    for request in requests:
        request.serve()


def append_together(entries: Sequence[Entry | Refused]) -> list[Result]:
    """Append as `append` does, sharing one transaction and one commit with other threads that write just now.

    For writers with nothing else in their transaction; inside one, it is `append`. Returns when the entries are
    committed. Raises what `append` raises.
    """
    if connection.in_atomic_block:
        return append(entries)
    request = _Request(entries)
    _waiting.append(request)
    while request.results is None and request.error is None:
        with _turn:
            if request.results is None and request.error is None:
                _serve_waiting()
    if request.error is not None:
        raise request.error
    assert request.results is not None
    return request.results


def recount_tally() -> None:
    """Count the entries of each kind anew; the caller holds the writers' lock (`open_for_writing`)."""
    with connection.cursor() as cursor:
        cursor.execute("update ledger_tally set entries = 0")
        cursor.execute(
            "insert into ledger_tally (kind, entries) select kind, count(*) from ledger_entry group by kind"
            " on conflict (kind) do update set entries = excluded.entries"
        )
