"""What is stored of people who are enrolled, made for many at once. Pure, apart from the randomness of keys and ids."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

from wayfare.access.purposes import GROUPS
from wayfare.common.postgres.arrays import BYTES, NULL, TEXTS, UUIDS, array, binary, item
from wayfare.people import tokens
from wayfare.people.births import Birth
from wayfare.people.index import Keyed, Rows, Slots, There, padded
from wayfare.people.masterkeys import MasterKeys
from wayfare.people.names import Names, initials
from wayfare.people.rules import Group, case_number, write_group
from wayfare.people.sealing import Place, Sealing, new_key

MARK = "initials"
"""What a mark is sealed as, under the epoch's key for marks."""
_GROUPS = [item(group.encode()) for group in GROUPS]


class Enrolled(NamedTuple):
    """A person whose file was made."""

    person: UUID
    case_number: str


class File(NamedTuple):
    """A person to enrol: their field groups, those that are missing being empty, and their family's id if known."""

    groups: Mapping[str, Group]
    family: UUID | None = None
    person: UUID | None = None
    """Their id, if it was chosen before, so that the same file is not made twice; never one that somebody typed."""


class Written(NamedTuple):
    """Files that are ready to be stored: whose they are, and the columns for `people_enrol`, as binary arrays."""

    people: list[Enrolled]
    columns: list[bytes]


def named(groups: Mapping[str, Group]) -> tuple[Names, Birth]:
    """Return the two groups that are searched."""
    names, birth = groups["names"], groups.get("birth", Birth())
    assert isinstance(names, Names)
    assert isinstance(birth, Birth)
    return names, birth


def texts_of(groups: Mapping[str, Group]) -> set[str]:
    """Return the texts of which a file's tokens are made."""
    names, birth = named(groups)
    return tokens.of_names(names, birth) | tokens.of_birth(birth)


class Writer:
    """Seals files of one office in one epoch; for one transaction, as it keeps the epoch's keys at hand."""

    def __init__(self, epoch: int, keys: MasterKeys, keyed: Keyed, there: There) -> None:
        """Get the keys ready. `there`: as for `index.Slots`. Raises: MasterKeyProblem."""
        self._epoch, self._wrapping = epoch, keys.wrapping(epoch)
        self._marks = Sealing(keys.token_key(epoch, "marks"))
        self._keyed, self._slots = keyed, Slots(keyed, there)

    def mark(self, person: UUID, names: Names) -> bytes:
        """Return the initials of a person, sealed under the epoch's key for marks."""
        return self._marks.seal(Place(person, MARK, 1, self._epoch), initials(names).encode())

    def rows(self, many: Sequence[Mapping[str, Group]]) -> Rows:
        """Return the index's rows by which several files are found."""
        texts = [texts_of(groups) for groups in many]
        block = {text: self._keyed.block(text) for text in set().union(*texts)}
        tokens, signs = self._slots.rows([[block[text] for text in some] for some in texts])
        return Rows(list(map(padded, tokens)), signs)

    def _sealed(self, person: UUID, key: bytes, groups: Mapping[str, Group]) -> list[bytes]:
        """Return every field group of a person, sealed."""
        sealing = Sealing(key)
        plain = [write_group(groups[group]) if group in groups else b"{}" for group in GROUPS]
        places = [Place(person, group, 1, self._epoch) for group in GROUPS]
        return [sealing.seal(place, one) for place, one in zip(places, plain, strict=True)]

    def written(self, files: Sequence[File]) -> Written:
        """Seal files, each under a new key of its own. Raises: Refused."""
        people = [Enrolled(file.person or uuid4(), case_number(secrets.randbits(40))) for file in files]
        wrapped, marks, sealed = list[bytes](), list[bytes](), list[bytes]()
        for (person, _), file in zip(people, files, strict=True):
            key = new_key()
            wrapped.append(item(self._wrapping.wrap(person, key)))
            marks.append(item(self.mark(person, named(file.groups)[0])))
            sealed += map(item, self._sealed(person, key, file.groups))
        found, signs = self.rows([file.groups for file in files])
        ids = [item(person.bytes) for person, _ in people]
        families = [NULL if file.family is None else item(file.family.bytes) for file in files]
        columns = (
            (UUIDS, ids),
            (TEXTS, [item(number.encode()) for _, number in people]),
            (UUIDS, families),
            (BYTES, wrapped),
            (BYTES, marks),
            (UUIDS, [one for one in ids for _ in GROUPS]),
            (TEXTS, _GROUPS * len(files)),
            (BYTES, sealed),
            (UUIDS, [one for one, some in zip(ids, found, strict=True) for _ in some]),
            (UUIDS, [item(token) for some in found for token in some]),
        )
        return Written(people, [*(binary(kind, items) for kind, items in columns), array(UUIDS, signs)])
