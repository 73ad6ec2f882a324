"""Appending: the only way anything enters the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress
from typing import TYPE_CHECKING

import orjson
from django.db import connection, transaction

from wayfare.common import reserve, trouble
from wayfare.common.postgres.copy_rows import whole
from wayfare.common.postgres.literals import array, text_array
from wayfare.common.postgres.statements import copied, run
from wayfare.ledger import registry, rows
from wayfare.ledger.queries import references
from wayfare.ledger.registry import Projection
from wayfare.ledger.rules import EPOCH, MICROSECOND, Ahead, Connected, Entry, Fresh, Refused, Result, same_content

if TYPE_CHECKING:  # it brings NumPy, which only who appends very many needs
    from wayfare.ledger.presence import Presence

LOCK = 0x57415946  # "WAYF": the advisory lock under which positions are given, one writer at a time
CHANNEL = "wayfare_ledger"
FEW = 200
"""Up to so many entries are written by one statement; more, by COPY."""
_COPY = f"copy ledger_entry ({rows.ENTRY_COLUMNS}) from stdin (format binary)"
_TALLY = """
insert into ledger_tally as t (kind, entries) select * from unnest(%s::text[], %s::bigint[])
on conflict (kind) do update set entries = t.entries + excluded.entries
"""
_INSERT = f"""
with tallied as ({_TALLY}), written as (
  insert into ledger_entry (position, recorded_at, entry_id, occurred_at, kind, source, subject, object, body, digest)
  select n.position, timestamptz 'epoch' + %s * interval '1 microsecond', n.entry_id,
    timestamptz 'epoch' + n.at * interval '1 microsecond', n.kind, n.source, n.subject, n.object, n.body, n.digest
  from unnest(%s::bigint[], %s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::text[],
    %s::bytea[]) as n(position, entry_id, at, kind, source, subject, object, body, digest)
)
select pg_notify(%s, %s)
"""  # noqa: S608 - fixed text


def open_for_writing() -> tuple[int, int]:
    """Take the writers' lock; return the head and the database's clock in microseconds since 1970."""
    ((head, now_us),) = run("select * from ledger_open(%s)", [LOCK])
    return int(head), int(now_us)


Known = dict[str, tuple[int, bytes]]
"""Position and body of entries that the ledger holds already, by `entry_id`."""


def _sort(
    entries: Sequence[Entry | Refused], known: Known, position: int
) -> tuple[list[tuple[int, Entry]], list[Result]]:
    """Give each new entry its position, and every entry its result."""
    fresh: list[tuple[int, Entry]] = []
    results: list[Result] = []
    here: dict[str, tuple[int, Entry]] = {}
    for entry in entries:
        if isinstance(entry, Refused):
            results.append(Result(entry.entry_id, "rejected", None, entry.field, entry.reason))
            continue
        entry_id = entry.entry_id
        stored = known.get(entry_id)
        if stored is None and entry_id in here:
            stored = here[entry_id][0], here[entry_id][1].body
        if stored is None:
            position += 1
            fresh.append((position, entry))
            here[entry_id] = fresh[-1]
            results.append(Result(entry_id, "accepted", position))
        elif same_content(stored[1], entry.body):
            results.append(Result(entry_id, "duplicate", stored[0]))
        else:
            results.append(_conflict(entry, *stored))
    return fresh, results


def _conflict(entry: Entry, position: int, body: bytes) -> Result:
    """Refuse an entry whose id is taken; where, is told only to the source that took it."""
    if orjson.loads(body)["source"] == entry.source:
        reason = f"is in the ledger at position {position} with other content; send a new entry_id"
        return Result(entry.entry_id, "conflict", position, "entry_id", reason)
    return Result(entry.entry_id, "conflict", None, "entry_id", "is taken already; send a new entry_id")


def _write_few(fresh: Sequence[tuple[int, Entry]], recorded_us: int) -> None:
    positions, entries = zip(*fresh, strict=True)
    written = [
        *_tallied(fresh),
        recorded_us,
        array(positions),
        array(entry.entry_id for entry in entries),
        array(entry.at for entry in entries),
        array(entry.kind for entry in entries),
        text_array(entry.source for entry in entries),  # `null` is a slug too
        array(entry.subject for entry in entries),
        array(entry.object or "null" for entry in entries),
        text_array(entry.body.decode() for entry in entries),
        text_array("\\x" + entry.digest.hex() for entry in entries),
    ]
    run(_INSERT, [*written, CHANNEL, positions[-1]])


def _write_many(fresh: Sequence[tuple[int, Entry]], recorded_us: int) -> None:
    entries = (rows.entry_head(position, recorded_us) + entry.tail for position, entry in fresh)
    copied(_COPY, whole(entries))
    run(_TALLY, _tallied(fresh))
    run("select pg_notify(%s, %s)", [CHANNEL, fresh[-1][0]])


def _tallied(fresh: Sequence[tuple[int, Entry]]) -> tuple[str, str]:
    kinds = Counter([entry.kind for _, entry in fresh])
    return array(kinds), array(kinds.values())


class _View:
    """What one projection gets of an append: those of the entries sent that are of its kinds."""

    def __init__(self, projection: Projection, sent: Sequence[Entry]) -> None:
        self.projection = projection
        self.scope = registry.scope(projection.name)
        self._connectable, self._held, self._forecast = sent, frozenset[int](), None
        self.connected: list[Connected] = []

    def leave_to(self, ahead: Ahead, components: Sequence[int], here: Iterable[bool]) -> None:
        """Leave to what was worked out ahead all but the components that something stored may be connected to.

        `components` and `here`: of each entry in view, the number of its component, and whether one of its ids may be
        in the ledger.
        """
        held = self._held = frozenset(compress(components, here))
        self._forecast = ahead.forecast
        self._connectable = [entry for entry, n in zip(self._connectable, components, strict=True) if n in held]

    def question(self) -> list[str]:
        """Return what is asked of `ledger_connected`."""
        return references([(e.entry_id, e.kind, e.subject, e.object) for e in self._connectable], self.scope)

    def project(self, fresh: Sequence[tuple[int, Entry]]) -> None:
        """Bring the projection into step with what is new."""
        kinds = self.scope.kinds
        if not (mine := [one for one in fresh if one[1].kind in kinds]):
            return
        touched = [entry for _, entry in mine]
        if self._forecast is not None:
            connectable = set(map(id, self._connectable))
            touched = [entry for entry in touched if id(entry) in connectable]
        self.projection.project(Fresh(mine, touched, self._held, self._forecast), self.connected)


def _views(sent: Sequence[Entry], ahead: Mapping[str, Ahead], here: Sequence[bool] | None) -> list[_View]:
    """Return the views of the projections that get any of some entries.

    `here`: whether one of an entry's ids may be in the ledger, if that is known. Raises: UnknownKind.
    """
    registry.check_kinds(kinds := {entry.kind for entry in sent})
    views = []
    for projection in registry.projections.values():
        if kinds.isdisjoint(projection.kinds):
            continue
        mine = [entry.kind in projection.kinds for entry in sent]
        views.append(view := _View(projection, list(compress(sent, mine))))
        if here is not None and (foreseen := ahead.get(projection.name)) is not None:
            view.leave_to(foreseen, list(compress(foreseen.components, mine)), compress(here, mine))
    return views


def _may_be_here(sent: Sequence[Entry], presence: Presence) -> tuple[list[bool], list[bool]]:
    """Return of each entry whether its id may be in the ledger, and whether any id that it has or names may be."""
    from wayfare.ledger.presence import ids_of

    itself = presence.perhaps(ids_of([entry.entry_id for entry in sent]))
    named = itself | presence.perhaps(ids_of([entry.subject for entry in sent]))
    named |= presence.perhaps(ids_of([entry.object or entry.subject for entry in sent]))
    return itself.tolist(), named.tolist()


class _Look:
    """What an append looks at under the writers' lock, at once: the head, the clock, and of its entries those that are
    there and, for each projection, what they are connected to.
    """

    def __init__(
        self, entries: Sequence[Entry | Refused], presence: Presence | None, ahead: Mapping[str, Ahead]
    ) -> None:
        sent = [entry for entry in entries if isinstance(entry, Entry)]
        perhaps, here = sent, None
        if presence is not None and sent:
            itself, here = _may_be_here(sent, presence)
            perhaps = list(compress(sent, itself))
        self.views = _views(sent, _of_those(entries, ahead), here)
        self.known: Known = {}
        questions = "{" + ",".join(text_array(view.question()) for view in self.views) + "}"
        (_, self.head, now_us, *_), *found = run(
            "select * from ledger_look(%s, %s, %s)", [LOCK, array(entry.entry_id for entry in perhaps), questions]
        )
        self.now_us = int(now_us)
        for what, *row in found:
            if what == "known":
                self.known[row[1]] = row[0], row[-1].encode()
            else:
                self.views[int(what) - 1].connected.append(Connected._make(row))


def _of_those(entries: Sequence[Entry | Refused], ahead: Mapping[str, Ahead]) -> dict[str, Ahead]:
    """Return what was worked out ahead, of those only that were not refused."""
    sent = [isinstance(entry, Entry) for entry in entries]
    return {name: Ahead(list(compress(one.components, sent)), one.forecast) for name, one in ahead.items()}


def append(
    entries: Sequence[Entry | Refused],
    *,
    at: datetime | None = None,
    presence: Presence | None = None,
    ahead: Mapping[str, Ahead] | None = None,
) -> list[Result]:
    """Append entries in order, in one transaction, and bring every projection into step with them.

    What was refused before stays in its place in the list and comes back as *rejected*. An `entry_id` that is
    there already with the same content is a *duplicate*, with other content a *conflict*; neither has any
    effect. Positions follow the order given, without gaps, in the order of commits: a writer holds one
    advisory lock from giving positions until its commit is visible. `at` is the moment recorded (default: the
    database's clock). Who appends very many may keep a `presence`, which spares looking for what is not there,
    and with it say what was worked out `ahead`, by projection; neither changes the outcome. Returns one result an
    entry. Raises: UnknownKind.
    """
    with connection.wrap_database_errors, transaction.atomic():
        fresh, results = _append(entries, at, presence, ahead or {})
    if presence is not None and fresh and not connection.in_atomic_block:
        presence.note(fresh)
    return results


def _append(
    entries: Sequence[Entry | Refused], at: datetime | None, presence: Presence | None, ahead: Mapping[str, Ahead]
) -> tuple[list[tuple[int, Entry]], list[Result]]:
    reserve.check()
    if presence is not None:
        presence.cover(open_for_writing()[0])
    look = _Look(entries, presence, ahead)
    fresh, results = _sort(entries, look.known, look.head)
    if fresh:
        for view in look.views:
            view.project(fresh)
        write = _write_few if len(fresh) <= FEW else _write_many
        write(fresh, look.now_us if at is None else (at - EPOCH) // MICROSECOND)
    return fresh, results


class _Request:
    """One writer's entries, waiting to be appended together with others'."""

    def __init__(self, entries: Sequence[Entry | Refused]) -> None:
        self.entries = entries
        self.results: list[Result] | None = None
        self.error: BaseException | None = None
        self.called = threading.Event()
        """Its results are there, or it is its turn to lead."""

    def done(self) -> bool:
        return self.results is not None or self.error is not None

    def serve(self) -> None:
        try:
            self.results = append(self.entries)
        except Exception as error:  # noqa: BLE001 - handed to the writer whose entries these are
            self.error = error


TOGETHER = 5_000
"""No more entries than this in one shared transaction."""
_GATHER_SECONDS = 0.001


class _Writers:
    """The threads that write just now: one leads, and appends what all have brought."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._led = False
        self._expected = 1
        """As many as were served last and had come meanwhile: so many will be here again in a moment."""

    def join(self, request: _Request) -> None:
        """Have a request served, by whoever leads, or by leading."""
        with self._lock:
            self._waiting.append(request)
            lead = not self._led
            self._led = True
        if not lead:
            request.called.wait()
        if not request.done():
            self._lead()  # who leads is always the first that waits

    def _lead(self) -> None:
        served: list[_Request] = []
        try:
            self._gather()
            served = self._take()
            _serve(served)
        finally:
            with self._lock:
                self._expected = len(served) + len(self._waiting)
                self._led = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].called.set()
            for request in served:
                if not request.done():
                    request.error = RuntimeError("the writer that led was interrupted; send the same again")
                request.called.set()

    def _gather(self) -> None:
        """Give those who wrote a moment ago a moment to come again; alone, wait for nobody."""
        until = time.monotonic() + _GATHER_SECONDS
        while len(self._waiting) < self._expected and time.monotonic() < until:
            time.sleep(_GATHER_SECONDS / 20)

    def _take(self) -> list[_Request]:
        taken: list[_Request] = []
        entries = 0
        with self._lock:
            while self._waiting and (not taken or entries + len(self._waiting[0].entries) <= TOGETHER):
                taken.append(self._waiting.popleft())
                entries += len(taken[-1].entries)
        return taken


_writers = _Writers()


def _serve(requests: list[_Request]) -> None:
    """Append what some writers have brought in one transaction; if that fails, each one's in one of its own."""
    if len(requests) > 1:
        try:
            results = iter(append([entry for request in requests for entry in request.entries]))
        except Exception as error:
            if trouble.code_of(error) in ("busy", "storage_full"):  # it would be the same for each, one after the other
                for request in requests:
                    request.error = error
                return
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
    _writers.join(request)
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
