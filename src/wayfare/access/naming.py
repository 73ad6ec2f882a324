"""How a file is named to who may know it: its case number, which the people package knows.

The access package is below it and cannot import it; it registers when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.utils.translation import gettext as _

Numbers = Callable[[Iterable[UUID]], Mapping[UUID, str | None]]
"""Within `acting`: the case number of each file that the actor may know of, None for one that was erased."""
Finder = Callable[[str], UUID | None]
"""Within `acting`: whose case number a text is meant as, None if the actor may know of no such file."""
_known: dict[str, tuple[Numbers, Finder]] = {}


def register(numbers: Numbers, finder: Finder) -> None:
    """Make case numbers known to the pages of the access record; twice is as once."""
    _known["people"] = numbers, finder


def numbers(people: Iterable[UUID]) -> Mapping[UUID, str | None]:
    """Return the case numbers of files, as `Numbers` says."""
    return _known["people"][0](people)


def person_of(text: str) -> UUID | None:
    """Return whose file a case number or a file's id names, as `Finder` says. An id names whoever has it."""
    try:
        return UUID(text)
    except ValueError:
        return _known["people"][1](text)


def file_name(person: UUID, known: Mapping[UUID, str | None]) -> str:
    """Return the name of a file: its case number, that it is erased, or a short id for who may not know the number."""
    if person not in known:
        return _("file %(short)s") % {"short": str(person)[:8]}
    return known[person] or _("erased file")
