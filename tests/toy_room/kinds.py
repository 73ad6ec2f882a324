"""One entry type. Pure."""

from __future__ import annotations

from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from wayfare.ledger.entries.fields import Id, PersonId, Refers, Text
from wayfare.ledger.entries.types import EntryType


class ToyBoarded(TypedDict):
    """A person is on a flight."""

    person: PersonId
    flight: Annotated[Id, Refers("flight")]
    seat: NotRequired[Text]


ENTRY_TYPES = (EntryType("toy_boarded", ToyBoarded, "person", "flight"),)
