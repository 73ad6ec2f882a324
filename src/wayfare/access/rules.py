"""What a token is, who acts, what they may not, and how often one may knock. Pure: no clock, no database."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wayfare.access.purposes import APPROVERS, CONFIRMERS, FIGURE_READERS, OPENERS, READERS, WATCHERS

SCOPES = {
    "ledger:write": "append entries, as its own source only",
    "ledger:own": "read the entries of its own source, and their receipts",
    "ledger:read": "read every entry, and every receipt; each call is on the access record",
    "statistics:exact": "read exact and live figures of every programme",
}
"""What a token may do: the closed list of scopes."""
FORMER_SCOPES = {"read": "ledger:own", "write": "ledger:write"}
"""Names that scopes had, and what they mean now: never more than they meant."""
_PRESENTED = re.compile(r"wayfare_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


class Forbidden(Exception):
    """What the actor may not do, or what is not there: from outside the two look alike. `code` is for the log only."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Actor(NamedTuple):
    """A member of staff who is signed in."""

    staff: UUID
    name: str
    office: str
    roles: frozenset[str]
    language: str
    timezone: str
    """Of their office."""

    @property
    def opens(self) -> bool:
        """Whether they open files for some purpose."""
        return bool(self.roles & OPENERS)

    @property
    def reads_figures(self) -> bool:
        """Whether they read exact figures: those of their office's programmes."""
        return not self.roles.isdisjoint(FIGURE_READERS)

    @property
    def reads_looks(self) -> bool:
        """Whether there are looks for them to read."""
        return bool(self.roles & READERS)

    @property
    def confirms(self) -> bool:
        """Whether they may confirm the roles of a colleague."""
        return not self.roles.isdisjoint(CONFIRMERS)

    @property
    def watches(self) -> bool:
        """Whether they read what was done to staff, and watch the logs."""
        return not self.roles.isdisjoint(WATCHERS)

    @property
    def approves(self) -> bool:
        """Whether they may be the second person in an emergency."""
        return not self.roles.isdisjoint(APPROVERS)


class Reader(NamedTuple):
    """Whose exact figures somebody may read: those of every programme, of one office's, or, as it is, of none."""

    everything: bool = False
    office: str = ""


EVERYTHING = Reader(everything=True)
"""A command on this machine, a token with `statistics:exact`, and everybody in a demo."""
NOTHING = Reader()


class Token(NamedTuple):
    """A token as it may be shown: never with its secret."""

    id: str
    source: str
    """The only source that this token may write as."""
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute: written at most once a minute."""


def scopes_named(names: Collection[str]) -> tuple[str, ...]:
    """Return scopes by their names, also by those they had, in the order of the list; a name of none is left out."""
    wanted = {FORMER_SCOPES.get(name, name) for name in names}
    return tuple(scope for scope in SCOPES if scope in wanted)


def reader(actor: Actor | None) -> Reader:
    """Return what a member of staff reads of exact figures; of somebody who is not signed in, nothing."""
    return Reader(office=actor.office) if actor is not None and actor.reads_figures else NOTHING


def write_secret(token_id: str, secret: str) -> str:
    """Return the text that a client presents: a mark that scanners find, the public id, the secret."""
    return f"wayfare_{token_id}_{secret}"


def read_secret(text: str) -> tuple[str, str] | None:
    """Return public id and secret of a presented text, None if it does not have the form of one."""
    match = _PRESENTED.fullmatch(text)
    return (match[1], match[2]) if match else None


def secret_hash(secret: str) -> bytes:
    """Return the SHA-256 of a secret. One round is enough: the secret is 256 random bits, no password."""
    return hashlib.sha256(secret.encode()).digest()


def state(token: Token, now: datetime) -> str:
    """Return valid, revoked or expired. A token ends at the instant of `expires_at`."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is not None and token.expires_at <= now:
        return "expired"
    return "valid"


def address_key(address: str) -> str:
    """Return whom an address stands for: an IPv4 address itself, of IPv6 the /64 that one customer holds."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Limiter:
    """At most so many requests a second for each key, with a burst: the generic cell rate algorithm.

    In the memory of one process: nothing is written for a request, and a limit is that of one web worker. It
    protects the machine from a runaway client; it is not an account of use. Source: ATM Forum, Traffic
    Management 4.0, section 4.4.2, in its virtual scheduling form.
    """

    def __init__(self, per_second: float, burst: int, keys_max: int = 10_000) -> None:
        self._step = 1.0 / per_second
        self._ahead = burst * self._step
        self._keys_max = keys_max
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_seconds(self, key: str, clock: Callable[[], float]) -> float:
        """Take one request for a key; return 0 if it may pass, else the seconds until one may (none is taken)."""
        with self._lock:
            now = clock()
            due = max(self._due.get(key, now), now) + self._step
            if due - now > self._ahead + self._step / 2:
                return due - now - self._ahead
            self._due[key] = due
            if len(self._due) > self._keys_max:
                self._forget(now)
            return 0.0

    def _forget(self, now: float) -> None:
        """Drop the keys that are as good as new; if all are in use, those nearest to it."""
        self._due = {key: due for key, due in self._due.items() if due > now}
        if len(self._due) > self._keys_max:
            latest = sorted(self._due.items(), key=lambda pair: pair[1])[self._keys_max // 2 :]
            self._due = dict(latest)
