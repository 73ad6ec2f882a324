"""The entry types that speak of persons (`counting.md`, Entries). Pure.

They hold coded facts under an opaque id, never an identity. Rooms that may not see an
identity follow these kinds by their names, through the ledger's registry.
"""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from wayfare.ledger.entries.fields import BirthDate, Country, Id, PersonId, PersonIds, Refers, Sex, Slug, Text
from wayfare.ledger.entries.types import EntryType


class PersonFacts(TypedDict, total=False):
    """What may be corrected of a person."""

    nationality: Country
    sex: Sex
    birth_date: BirthDate


class Enrolled(TypedDict):
    """A person takes part in a programme."""

    person: PersonId
    programme: Slug
    nationality: Country
    sex: Sex
    birth_date: BirthDate


class FactsCorrected(TypedDict):
    """Facts of a person are otherwise."""

    person: PersonId
    facts: PersonFacts


class Returned(TypedDict):
    """A person is back in the country of departure."""

    person: PersonId


class PersonsLinked(TypedDict):
    """Two person ids are one human being."""

    persons: PersonIds


class PersonsUnlinked(TypedDict):
    """Two person ids were linked wrongly."""

    link: Annotated[Id, Refers("entry", "persons_linked")]
    reason: Text


ENTRY_TYPES = (
    EntryType("enrolled", Enrolled, "person"),
    EntryType("facts_corrected", FactsCorrected, "person"),
    EntryType("returned", Returned, "person"),
    EntryType("persons_linked", PersonsLinked, "persons", "persons"),
    EntryType("persons_unlinked", PersonsUnlinked, "link"),
)
