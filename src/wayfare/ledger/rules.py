"""What an entry is, whatever it speaks of: identity, canonical form, digest, and the names of its refusals.

Pure: no clock, no database. The ledger knows nothing of migration; the rooms above declare their kinds
(`Kind`) and parse what comes in (`Entry`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Set
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from wayfare.ledger import rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# RFC 3339, section 5.6; a leap second is named apart, so that its refusal can say what to send instead.
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_FRACTION_MOST = 12
"""Digits of a fraction of a second, down to picoseconds. Six are kept."""
EARLIEST_US = (datetime(1900, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
"""Before 1900 civil time was local mean time almost everywhere; no departure is that old."""

NO_IDS = frozenset({"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"})
"""The nil and the max UUID (RFC 9562, sections 5.9 and 5.10): software writes them for "none", so they identify
nothing. Five people entered as nil would become one. A constraint of the ledger's table refuses them too."""


class Refused(ValueError):
    """An entry that the ledger does not take: `field` names the place, `reason` the problem and the mend."""

    def __init__(self, field: str, reason: str, entry_id: str | None = None) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.entry_id = entry_id

    def __reduce__(self) -> tuple[type[Refused], tuple[str, str, str | None]]:
        return Refused, (self.field, self.reason, self.entry_id)


class TooLong(Refused):
    """A text of more characters than its field takes."""

    def __init__(self, field: str, length: int, limit: int) -> None:
        super().__init__(field, f"has {length} characters; {limit} at most")
        self.length, self.limit = length, limit

    def __reduce__(self) -> tuple[type[TooLong], tuple[Any, ...]]:
        return TooLong, (self.field, self.length, self.limit)


class Entry(NamedTuple):
    """One entry, parsed and normalised; what the ledger stores and the projectors read."""

    entry_id: str
    kind: str
    at: int
    """`occurred_at` as microseconds since 1970-01-01T00:00Z."""
    source: str
    subject: str
    """The UUID this entry speaks of: the thing, or for a retraction the entry."""
    object: str | None
    """The second UUID it speaks of, if any."""
    tail: bytes
    """All of this and the canonical form as the ledger's table takes it (`rows.entry_tail`)."""
    known_data: dict[str, Any] | None = None

    @property
    def body(self) -> bytes:
        """Canonical JSON (RFC 8785) of the entry as accepted, `occurred_at` with the offset it came with."""
        return rows.body_of(self.tail, self.kind, self.source, self.object)

    @property
    def digest(self) -> bytes:
        """SHA-256 of `body`."""
        return rows.digest_of(self.tail)

    @property
    def data(self) -> dict[str, Any]:
        """The entry's fields; what comes from another process leaves them behind and reads them anew."""
        return orjson.loads(self.body) if self.known_data is None else self.known_data


def make_entry(at: int, subject: str, other: str | None, data: dict[str, Any]) -> Entry:
    """Return an entry of checked and normalised fields: its canonical form, its digest, its row."""
    entry_id, kind, source = data["entry_id"], data["kind"], data["source"]
    body = canonical(data)
    tail = rows.entry_tail(entry_id, at, kind, source, subject, other, body, digest(body))
    return Entry(entry_id, kind, at, source, subject, other, tail, data)


class Connected(NamedTuple):
    """One stored entry found by following references."""

    position: int
    entry_id: str
    kind: str
    subject: str
    object: str | None
    body: str


class Ahead(NamedTuple):
    """What a projection's precount worked out of many entries before the ledger's turn.

    `components`: for each entry sent, the number of the component it belongs to among those sent with it; -1 for one
    that is not the projection's. `forecast`: what it foresees if nothing stored is connected to a component.
    """

    components: list[int]
    forecast: Any


class Fresh(NamedTuple):
    """What is new in an append of one projection's kinds, in the append's own transaction, before it is written."""

    entries: list[tuple[int, Entry]]
    """(position, entry) in order; never empty."""
    touched: list[Entry]
    """Those for whose components nothing is foreseen, or which something stored may be connected to."""
    held: Set[int]
    """The components that a forecast must leave out: those of `touched`."""
    forecast: Any
    """As in `Ahead`; None if nothing is foreseen."""


class Result(NamedTuple):
    """What became of one entry: `status` is accepted, duplicate, conflict or rejected."""

    entry_id: str | None
    status: str
    position: int | None = None
    field: str | None = None
    reason: str | None = None


def canonical(data: dict[str, Any]) -> bytes:
    """Return the JSON Canonicalization Scheme form (RFC 8785) of an entry's fields.

    Entries hold ASCII field names, text, lists, small whole numbers and null only; for these orjson's sorted
    output is the canonical form (a test holds it against an independent implementation).
    """
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def digest(body: bytes) -> bytes:
    """Return the SHA-256 of an entry's canonical form (32 bytes)."""
    return hashlib.sha256(body).digest()


@lru_cache(100_000)
def _day_us(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - EPOCH.toordinal()) * 86_400_000_000


@lru_cache(100_000)
def _time_us(time: str) -> int:
    hour, minute, second = int(time[:2]), int(time[3:5]), int(time[6:])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError
    return ((hour * 60 + minute) * 60 + second) * 1_000_000


@lru_cache(10_000)
def _offset_us(offset: str) -> int:
    if offset in "Zz":
        return 0
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    return (minutes if offset[0] == "+" else -minutes) * 60_000_000


def instant_us(text: object) -> int:
    """Return an RFC 3339 date-time with offset as microseconds since 1970, finer digits cut off.

    Raises: ValueError with the problem and the mend.
    """
    match = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("is not an RFC 3339 date and time with an offset; write 2026-07-01T14:30:00+02:00")
    day, time, fraction, offset = match.groups()
    if time.endswith("60"):
        raise ValueError("names a leap second; write second 59 instead")
    if fraction and len(fraction) > _FRACTION_MOST:
        digits = f"has a fraction of a second with {len(fraction)} digits"
        raise ValueError(f"{digits}; write at most {_FRACTION_MOST}, of which 6 are kept")
    try:
        at = _day_us(day) + _time_us(time) - _offset_us(offset)
    except ValueError:
        raise ValueError("is not a moment that exists in the calendar; check day, hour and minute") from None
    return at + int(fraction[:6].ljust(6, "0")) if fraction else at


def datetime_of(us: int) -> datetime:
    """Return the UTC date-time of an instant in microseconds since 1970."""
    return EPOCH + timedelta(microseconds=us)


def same_content(stored: bytes, sent: bytes) -> bool:
    """Tell whether two canonical forms under one `entry_id` say the same thing.

    Instants compare as instants (`counting.md`, Entries): an entry read out in UTC and sent in again is the
    same entry, though its digest differs.
    """
    if stored == sent:
        return True
    one, other = orjson.loads(stored), orjson.loads(sent)
    try:
        one["occurred_at"], other["occurred_at"] = (
            instant_us(one["occurred_at"]),
            instant_us(other["occurred_at"]),
        )
    except (KeyError, ValueError):
        return False
    return bool(one == other)
