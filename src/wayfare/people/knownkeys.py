"""The keys that the database knows, by their fingerprints, against those in the folder. Makes and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from wayfare.people.masterkeys import MEND, MasterKeyProblem, MasterKeys

INDEX = 0
"""Stands for the index key where epochs are numbered."""
QUERY = (
    "select 0, mark, true from people_index union all"
    " select epoch, mark, closed_at is null from people_epoch where destroyed_at is null order by 1"
)
Run = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""


class KnownKey(NamedTuple):
    """A key that the database knows: its epoch or INDEX, its fingerprint, and whether people are enrolled under it."""

    epoch: int
    mark: bytes
    is_open: bool

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"epoch-{self.epoch}" if self.epoch else "index"


def known_keys(run: Run) -> list[KnownKey]:
    """Return the keys that the database knows and that were not destroyed: the index key first, then by epoch."""
    return [KnownKey(epoch, bytes(mark), is_open) for epoch, mark, is_open in run(QUERY)]


def compare(keys: MasterKeys, known: Sequence[KnownKey]) -> None:
    """Compare the folder's keys with those that the database knows. Raises: MasterKeyProblem, which says the cause."""
    here = keys.names()
    present = [key for key in known if key.name in here]
    if known and not present:
        raise _gone(keys, known, here)
    marks = {key: keys.mark(key.epoch) if key.epoch else keys.index_mark() for key in present}
    wrong = [key for key, mark in marks.items() if mark != key.mark]
    if wrong:
        raise _wrong(keys, wrong, alone=len(wrong) == len(present))
    if missing := [key for key in known if key.name not in here]:
        raise _missing(keys, missing)


def _gone(keys: MasterKeys, known: Sequence[KnownKey], here: Sequence[str]) -> MasterKeyProblem:
    if here:
        what = (
            f"{', '.join(here)} in {keys.place} are not keys that the database knows: they are another installation's"
        )
        return MasterKeyProblem("other_folder", f"{what}; {MEND}")
    names = ", ".join(key.name for key in known)
    return MasterKeyProblem("gone", f"all master keys ({names}) are missing from {keys.place}; {MEND}")


def _wrong(keys: MasterKeys, wrong: Sequence[KnownKey], *, alone: bool) -> MasterKeyProblem:
    names = ", ".join(key.name for key in wrong)
    if alone:
        text = f"the keys in {keys.place} are another installation's: {names} are not those that the database knows"
        return MasterKeyProblem("other_folder", f"{text}; {MEND}")
    return MasterKeyProblem("wrong", f"{names} in {keys.place} is not the key that the database knows; {MEND}")


def _missing(keys: MasterKeys, missing: Sequence[KnownKey]) -> MasterKeyProblem:
    newest = missing[-1]
    if newest.is_open and newest.epoch:
        text = f"the keys in {keys.place} are older than the database: {newest.name}, the newest, is missing"
        return MasterKeyProblem("older", f"{text}; {MEND}")
    return MasterKeyProblem("gone", f"{newest.name} is missing from {keys.place}; {MEND}")
