"""What the rooms above tell the ledger: their kinds of entry, and their projections.

The ledger stands below those who use it, so it cannot import them; they register when they start.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from wayfare.ledger.entries import types
from wayfare.ledger.entries.types import EntryType
from wayfare.ledger.rules import Ahead, Connected, Entry, Fresh, Refused
from wayfare.ledger.scopes import Scope, scope_of

Project = Callable[[Fresh, Sequence[Connected]], None]
"""Called inside the append's transaction, before the new entries are written, with what is new of the projection's
kinds and every stored entry that it is connected to. Its statements go through `statements.run`."""
Precount = Callable[[Sequence[Entry | Refused]], Ahead]
"""Works out ahead, in a process without Django or database, what entries come to. Must be picklable."""


class Projection(NamedTuple):
    """What a room derives from entries of some kinds. It can be thrown away and made anew from the ledger."""

    name: str
    kinds: frozenset[str]
    """The kinds it gets, its own room's or another's."""
    follows: frozenset[str]
    """The fields, each the subject or object of one of the kinds, by which entries belong together here."""
    project: Project
    rebuild: Callable[[int], None]
    """Makes everything anew from the entries up to the head, which is given; the caller holds the writers' lock."""
    check: Callable[[], str]
    """Tells quickly whether it holds together: the problem with its mend, or nothing."""
    precount: Callable[[], Precount] | None = None
    """Returns the function that works ahead of an import, with what it needs of the database."""
    status: Callable[[], dict[str, Any]] = dict
    """Returns what `ledger status` shows: `pending`, a number; `anomalies` and others, numbers by name."""
    ready: Callable[[], object] = bool
    """Called before files are imported. Raises Refused, where it cannot be kept under what is installed."""


kinds: dict[str, EntryType] = {}
projections: dict[str, Projection] = {}
_scopes: dict[str, tuple[Projection, Scope]] = {}

Recount = Callable[[int], Iterator[str]]
"""Compares a projection with what another implementation makes of the entries up to a position; yields differences."""
recounts: dict[str, Recount] = {}
"""By the projection's name. A room above the projection's own may register it."""

Reading = Callable[[int, int], None]
"""Told of the first and last position, before a command on this machine shows whole entries of the ledger."""
readings: list[Reading] = []
beside_the_logs: list[Callable[[Event], None]] = []
"""What runs in the process of the logs (`jobs.py`) besides, each in a thread, until told to stop."""


class UnknownKind(KeyError):
    """An entry of a kind that no room declares."""


def _no_programmes(named: Set[str] | None) -> Collection[str]:
    return ()


programmes: Callable[[Set[str] | None], Collection[str]] = _no_programmes
"""Returns the configured programmes: those that are named at least, all for None. The room that keeps them sets it."""


class Beside(NamedTuple):
    """A file that lies beside an export, with what its entries name and the ledger does not hold."""

    name: str
    """What is in it; an export called FILE has it in `FILE.NAME.json`."""
    command: str
    """What prints the same, for an export that goes to no file."""
    written: Callable[[], bytes]
    """Returns what the file holds."""
    take_in: Callable[[Path], None]
    """Adds what is in the file and is not here, before the entries are imported; tells the operator."""

    def path(self, file: str) -> Path:
        """Return where it lies beside an export."""
        return Path(f"{file}.{self.name}.json")


beside_exports: dict[str, Beside] = {}
"""By name; each room puts its own here."""


class Offered(NamedTuple):
    """A programme to choose."""

    key: str
    title: str
    of_office: bool
    """Whether it is one of the office's own."""


def _none_offered(office: str) -> Sequence[Offered]:
    return ()


offered_programmes: Callable[[str], Sequence[Offered]] = _none_offered
"""Returns the programmes that an office's staff choose from, the office's own first; set as `programmes` is."""


def register(new_kinds: Iterable[EntryType] = (), new_projections: Iterable[Projection] = ()) -> None:
    """Make entry types and projections known to the ledger; to register the same again changes nothing.

    A projection may get kinds that another room declares, also one that registers later.
    Raises: ValueError, if a type does not hold together, or a name is taken: a kind never changes its shape, a new
    shape is a new kind.
    """
    for kind in new_kinds:
        types.check(kind)
        if kinds.setdefault(kind.name, kind) != kind:
            raise ValueError(f"the kind {kind.name} is declared already, in another shape; choose a new name")
    for projection in new_projections:
        if projections.setdefault(projection.name, projection) != projection:
            raise ValueError(f"there is another projection called {projection.name}; choose a new name")


def scope(name: str) -> Scope:
    """Return the scope of a projection. Raises: LookupError, if there is none, or no room declares one of its kinds."""
    projection = projections[name]
    known = _scopes.get(name)
    if known is None or known[0] is not projection:
        known = _scopes[name] = projection, scope_of(projection.kinds, projection.follows, kinds)
    return known[1]


def check_kinds(names: Iterable[str]) -> None:
    """Raise UnknownKind if no room declares one of these kinds."""
    for name in names:
        if name not in kinds:
            raise UnknownKind(f"no room declares the kind {name}; register it before it is appended")


def note_reading(first: int, last: int) -> None:
    """Have the rooms above put on record that a command reads entries, committed when this returns."""
    for note in readings:
        note(first, last)
