"""What one projection gets of the ledger: its own kinds of entry, and its own connected components. Pure.

A component is what a projection works out together: entries that name the same ids, directly or through others, along
the references that the projection follows. Two projections may divide the same entries differently.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from wayfare.ledger.entries.fields import ENTRY
from wayfare.ledger.entries.types import EntryType, refers
from wayfare.ledger.rules import Connected, Entry


class Scope(NamedTuple):
    """The kinds that a projection gets, and those of them whose references it follows."""

    kinds: frozenset[str]
    by_subject: frozenset[str]
    """Kinds that are connected by their subject."""
    by_object: frozenset[str]
    """Kinds that are connected by their object."""
    naming: frozenset[str]
    """Kinds whose subject is the `entry_id` of another entry."""
    shared: frozenset[str]
    """Kinds whose subject may be the object of another entry."""
    nameable: frozenset[str]
    """Kinds whose `entry_id` may be the subject of another entry."""


def scope_of(names: Iterable[str], follows: Collection[str], kinds: Mapping[str, EntryType]) -> Scope:
    """Return the scope of a projection that gets the named kinds and follows the references in some fields.

    Raises: LookupError, if no room declares a kind; ValueError, if no kind has a field that is to be followed.
    """
    own = frozenset(names)
    if unknown := own - kinds.keys():
        raise LookupError(f"no room declares the kind {min(unknown)}")
    mine = [kinds[name] for name in own]
    if idle := frozenset(follows).difference(*((kind.subject, kind.object) for kind in mine)):
        raise ValueError(f"{min(idle)} is neither subject nor object of a kind that this projection gets")
    subjects = {kind.name: refers(kind, kind.subject) for kind in mine if kind.subject in follows}
    objects = {
        kind.name: refers(kind, kind.object) for kind in mine if kind.object is not None and kind.object in follows
    }
    if entry := next((name for name, one in objects.items() if one.to == ENTRY), None):
        raise ValueError(f"the object of {entry} is an entry; only a subject that is an entry can be followed")
    things = {one.to for one in objects.values()}
    return Scope(
        kinds=own,
        by_subject=frozenset(subjects),
        by_object=frozenset(objects),
        naming=frozenset(name for name, one in subjects.items() if one.to == ENTRY),
        shared=frozenset(name for name, one in subjects.items() if one.to in things),
        nameable=own.intersection(one.kind for one in subjects.values() if one.kind),
    )


def components(entries: Iterable[Entry | Connected], scope: Scope) -> tuple[list[int], dict[str, int]]:
    """Return for each entry, and for each id by which it is connected, the number of its component.

    The entries are of the scope's kinds. Ids are compared whatever they stand for: entries that are joined only by
    that may be worked out together without harm.
    """
    parent: list[int] = []
    number_of: dict[str, int] = {}

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    by_subject, by_object = scope.by_subject, scope.by_object
    found = []
    for entry in entries:
        kind, other, entry_id = entry.kind, entry.object, entry.entry_id
        subject = entry.subject if kind in by_subject else entry_id
        number = number_of.get(subject)
        if number is None:
            number = number_of[subject] = len(parent)
            parent.append(number)
        elif parent[number] != number:
            number = root(number)
        for name in (entry_id,) if other is None or kind not in by_object else (entry_id, other):
            known = number_of.get(name)
            if known is None:
                number_of[name] = number
            elif known != number:
                parent[root(known)] = number
        found.append(number)
    return [root(number) for number in found], {name: root(number) for name, number in number_of.items()}
