"""Enrolling, opening, correcting, erasing: the only ways in and out of the vault.

All run within `access.operations.acting`, to whose session the database holds them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection

from wayfare.access import operations as access
from wayfare.access.operations import Look
from wayfare.access.purposes import GROUPS
from wayfare.ledger.queries import array, text_array
from wayfare.ledger.rules import Refused
from wayfare.ledger.statements import run
from wayfare.people import sealing, tokens
from wayfare.people.births import Birth, at_the_latest
from wayfare.people.fields import LIST_LIMIT
from wayfare.people.installed import current_epoch, keyed, master_keys
from wayfare.people.names import Names, initials
from wayfare.people.rules import Group, Notes, case_number, group_of, read_group, stored_group, write_group
from wayfare.people.sealing import Place
from wayfare.people.statements import Stale, called

MARK = "initials"
"""What a mark is sealed as, under the epoch's key for marks."""
REMAINS = ("person", "office", "created_at", "erased_at")
"""All that the vault keeps of a person after erasure."""


class Enrolled(NamedTuple):
    """A person whose file was made."""

    person: UUID
    case_number: str


class Opened(NamedTuple):
    """What of a file is open, and the look by which it is."""

    look: Look
    groups: dict[str, Group]
    versions: dict[str, int]


class File(NamedTuple):
    """A person to enrol: their field groups, those that are missing being empty, and their family's id if known."""

    groups: Mapping[str, Group]
    family: UUID | None = None


def file_from(data: Mapping[str, Any], *, at: datetime, family: UUID | None = None) -> File:
    """Return a file to enrol from what JSON gave for each of its groups. Raises: Refused."""
    groups = {group: read_group(group, value) for group, value in data.items()}
    if "names" not in groups:
        groups["names"] = read_group("names", {})
    birth = groups.get("birth")
    if isinstance(birth, Birth):
        at_the_latest(birth, at.date())
    return File(groups, family)


def enrol(data: Mapping[str, Any], *, at: datetime, family: UUID | None = None) -> Enrolled:
    """Make the file of a person in the actor's own office, sealed. Raises: Refused, Forbidden, Stale,
    MasterKeyProblem.

    `data`: by field group, as `rules.read_group` reads it; `names` must be there.
    """
    return enrol_many([file_from(data, at=at, family=family)], at=at)[0]


def enrol_many(files: Iterable[File], *, at: datetime) -> list[Enrolled]:
    """Make the files of several people at once, all or none. Raises: Refused, Forbidden, MasterKeyProblem."""
    epoch, keys = current_epoch(), master_keys()
    making, marks_key = keyed(epoch), keys.token_key(epoch, "marks")
    people: list[tuple[Any, ...]] = []
    values: list[tuple[UUID, str, bytes]] = []
    found: list[tuple[UUID, bytes]] = []
    for file in files:
        person, key = uuid4(), sealing.new_key()
        names, birth = _named(file.groups)
        mark = _mark(person, names, epoch, marks_key)
        number = case_number(secrets.randbits(40))
        people.append((person, number, file.family, keys.wrap(epoch, person, key), mark))
        for group in GROUPS:
            plain = write_group(file.groups[group]) if group in file.groups else b"{}"
            values.append((person, group, sealing.seal(key, Place(person, group, 1, epoch), plain)))
        texts = tokens.of_names(names, birth) | tokens.of_birth(birth)
        found += [(person, token) for token in making.tokens(texts)]
    columns = [*_columns(people, "utubb"), *_columns(values, "utb"), *_columns(found, "ub")]
    called(
        "select people_enrol(%s, %s, %s::uuid[], %s::text[], %s::uuid[], %s::bytea[], %s::bytea[],"
        " %s::uuid[], %s::text[], %s::bytea[], %s::uuid[], %s::bytea[])",
        [at, epoch, *columns],
    )
    return [Enrolled(person, number) for person, number, *_ in people]


def _mark(person: UUID, names: Names, epoch: int, key: bytes) -> bytes:
    """Return the initials of a person, sealed under the epoch's key for marks."""
    return sealing.seal(key, Place(person, MARK, 1, epoch), initials(names).encode())


def _columns(rows: Sequence[tuple[Any, ...]], kinds: str) -> list[str]:
    """Return rows as one array's text for each column; `kinds`: u for UUIDs or null, t for words, b for bytes."""
    if not rows:
        return ["{}" for _ in kinds]
    columns = list(zip(*rows, strict=True))
    return [_AS_TEXT[kind](column) for kind, column in zip(kinds, columns, strict=True)]


_AS_TEXT: dict[str, Callable[[Iterable[Any]], str]] = {
    "u": lambda column: array("null" if one is None else str(one) for one in column),
    "t": text_array,
    "b": lambda column: text_array("\\x" + one.hex() for one in column),
}


def _named(groups: Mapping[str, Group]) -> tuple[Names, Birth]:
    names, birth = groups["names"], groups.get("birth", Birth())
    assert isinstance(names, Names)
    assert isinstance(birth, Birth)
    return names, birth


def opened(task: UUID, groups: Iterable[str], how: str = "page") -> Opened:
    """Open field groups of the file that a task is about: the one verb that gives plaintext.

    The look is written first; then what it opens is read and unsealed, in the same transaction.
    Raises: Forbidden; SealRefusal, if what is stored does not open in its place; MasterKeyProblem.
    """
    look = access.look(task, list(groups), how)
    key, rows = _read(look)
    return Opened(look, _unsealed(look.person, key, rows), {group: version for group, version, *_ in rows})


def _unsealed(person: UUID, key: bytes, rows: Iterable[tuple[str, int, int, bytes]]) -> dict[str, Group]:
    return {
        group: stored_group(group, sealing.unseal(key, Place(person, group, version, epoch_made), bytes(sealed)))
        for group, version, epoch_made, sealed in rows
    }


def _read(look: Look) -> tuple[bytes, list[tuple[str, int, int, bytes]]]:
    """Return the data key and the sealed values that a look opens. Raises: as `opened`."""
    rows = run(
        "select k.epoch, k.wrapped, s.grp, s.version, s.epoch_made, s.sealed from people_key k"
        " join people_sealed s using (person) where person = %s and s.grp = any(%s)",
        [look.person, array(look.groups)],
    )
    if {row[2] for row in rows} != set(look.groups):
        raise sealing.SealRefusal("length", "a field group of this file is missing from the database")
    epoch, wrapped, *_ = rows[0]
    return master_keys().unwrap(epoch, look.person, bytes(wrapped)), [row[2:] for row in rows]


def correct(task: UUID, group: str, data: Any, *, version: int, at: datetime, how: str = "page") -> Look:
    """Put a new version of a field group in the place of the one that was read as `version`.

    Names and birth are looked at together, because each is searched with the other.
    Raises: Refused, Forbidden, Stale, SealRefusal, MasterKeyProblem.
    """
    value = read_group(group, data)
    if isinstance(value, Birth):
        at_the_latest(value, at.date())
    plain = write_group(value)  # before the look: what is refused leaves none
    needs = ["names", "birth"] if group in ("names", "birth") else [group]
    look = access.look(task, needs, how)
    key, rows = _read(look)
    if not _put(look.person, group, key, version, plain):
        raise Stale(group)
    if group in ("names", "birth"):
        _name_again(look.person, key, rows, value, current_epoch())
    return look


def _put(person: UUID, group: str, key: bytes, version: int, plain: bytes) -> bool:
    """Seal a field group in the place of the version that was read; return False if that is there no more."""
    epoch = current_epoch()
    sealed = sealing.seal(key, Place(person, group, version + 1, epoch), plain)
    with connection.cursor() as cursor:
        cursor.execute(
            "update people_sealed set version = %s, epoch_made = %s, sealed = %s"
            " where person = %s and grp = %s and version = %s",
            [version + 1, epoch, sealed, person, group, version],
        )
        return int(cursor.rowcount) == 1


def add_note(task: UUID, text: str, *, on: date, how: str = "page") -> Look:
    """Add a note to a file, with its day. Of two colleagues who do so at once each finds their note there.

    Raises: Refused, also when there are as many as a file holds; Forbidden, SealRefusal, MasterKeyProblem.
    """
    added = read_group("notes", {"notes": [{"on": on.isoformat(), "text": text}]})
    look = access.look(task, ["notes"], how)
    while True:  # what was written meanwhile is read, and added to
        key, rows = _read(look)
        ((_, version, *_),) = rows
        known = _unsealed(look.person, key, rows)["notes"]
        assert isinstance(known, Notes)
        assert isinstance(added, Notes)
        if len(known.notes) >= LIST_LIMIT:
            raise Refused("notes.notes", f"are {len(known.notes)} already; a file holds {LIST_LIMIT}")
        plain = write_group(Notes((*known.notes, *added.notes)))
        if _put(look.person, "notes", key, version, plain):
            return look


def _name_again(
    person: UUID, key: bytes, rows: Iterable[tuple[str, int, int, bytes]], value: Group, epoch: int
) -> None:
    """Make a person's tokens and mark anew, of the corrected group and the other one as it is stored."""
    names, birth = _named(_unsealed(person, key, rows) | {group_of(value): value})
    mark = _mark(person, names, epoch, master_keys().token_key(epoch, "marks"))
    found = keyed(epoch).tokens(tokens.of_names(names, birth) | tokens.of_birth(birth))
    called("select people_name_again(%s, %s, %s, %s::bytea[])", [person, epoch, mark, found])


def erase(person: UUID, *, at: datetime) -> bool:
    """Erase a person: their key, sealed values, tokens and mark are deleted; only `REMAINS` stays.

    Return False if they were erased before. What older backups hold opens until the epoch of then is destroyed.
    Raises: Forbidden.
    """
    ((done,),) = called("select people_erase(%s, %s)", [person, at])
    return bool(done)
