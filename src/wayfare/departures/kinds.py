"""The entry types that speak of departures (`counting.md`, Entries). Pure.

The counting rule reads those of persons too (`people/kinds.py`), by their names in `rules.KINDS`.
"""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import AfterValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from wayfare.departures.rules import EVIDENCE
from wayfare.ledger.entries.fields import (
    Country,
    Day,
    Id,
    PersonId,
    Refers,
    Says,
    Slug,
    Text,
)
from wayfare.ledger.entries.types import EntryType

ASSISTANCE = ("cash", "in_kind_before", "reintegration")
_ASSISTANCE = frozenset(ASSISTANCE)
_PLACE = "[A-Z]{3}|[A-Z]{2}[A-Z2-9]{3}"
_NO_EVIDENCE = "is not a kind of evidence; one of " + ", ".join(EVIDENCE)


def _evidence(value: str) -> str:
    if value not in EVIDENCE:
        raise ValueError(_NO_EVIDENCE)
    return value


def _assistance(value: list[str]) -> list[str]:
    named = set(value)
    if not named <= _ASSISTANCE:
        raise ValueError("is not a list of in_kind_before, cash, reintegration; send [] for none")
    if len(named) != len(value):
        raise ValueError("names the same assistance twice; name each once")
    return value


DepartureId = Annotated[Id, Refers("departure")]
Evidence = Annotated[str, AfterValidator(_evidence), Says(_NO_EVIDENCE), WithJsonSchema({"enum": list(EVIDENCE)})]
Assistance = Annotated[
    list[str],
    AfterValidator(_assistance),
    Says("is not a list of in_kind_before, cash, reintegration; send [] for none"),
    WithJsonSchema({"type": "array", "items": {"enum": list(ASSISTANCE)}, "uniqueItems": True}),
]
Place = Annotated[
    str,
    StringConstraints(pattern=f"^({_PLACE})$"),
    Says("is not a UN/LOCODE (FRCDG) or IATA code (CDG) in capitals; leave it out when unknown"),
    WithJsonSchema({"type": "string", "pattern": f"^({_PLACE})$", "description": "UN/LOCODE or IATA"}),
]


class DepartureFacts(TypedDict, total=False):
    """What may be corrected of a departure."""

    destination: Country
    assistance: Assistance
    planned_on: Day


class DepartureRegistered(TypedDict):
    """A person is going to leave."""

    departure: DepartureId
    person: PersonId
    programme: Slug
    destination: Country
    assistance: Assistance
    planned_on: NotRequired[Day]


class DepartureCorrected(TypedDict):
    """Facts of a departure are otherwise."""

    departure: DepartureId
    facts: DepartureFacts


class DepartureWithdrawn(TypedDict):
    """A departure does not take place."""

    departure: DepartureId
    reason: NotRequired[Text]


class DepartureConfirmed(TypedDict):
    """Something shows that a departure took place."""

    departure: DepartureId
    evidence: Evidence
    place: NotRequired[Place]


class ConfirmationRetracted(TypedDict):
    """A confirmation was wrong."""

    confirmation: Annotated[Id, Refers("entry", "departure_confirmed")]
    reason: Text


ENTRY_TYPES = (
    EntryType("departure_registered", DepartureRegistered, "departure", "person"),
    EntryType("departure_corrected", DepartureCorrected, "departure"),
    EntryType("departure_withdrawn", DepartureWithdrawn, "departure"),
    EntryType("departure_confirmed", DepartureConfirmed, "departure"),
    EntryType("confirmation_retracted", ConfirmationRetracted, "confirmation"),
)
