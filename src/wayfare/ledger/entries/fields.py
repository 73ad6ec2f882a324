"""Types of the fields that entries have: what is taken, what a refusal says, how JSON Schema describes it.

A room puts them into the TypedDict of an entry type (`types.py`). Each is read by Pydantic in strict mode. A check in
Python raises ValueError with the problem and the mend; for what Pydantic itself refuses, `Says` has the words. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainValidator, StringConstraints, WithJsonSchema

from wayfare.common.texts import is_direction
from wayfare.ledger import countries
from wayfare.ledger.rules import NO_IDS

TEXT_LIMIT = 500
_SEXES = frozenset({0, 1, 2, 9})
_NO_SEX = "is not an ISO 5218 code; send 0, 1, 2 or 9 as a whole number"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_SLUG = "[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
_BIRTH = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_is_uuid = re.compile(_UUID, re.ASCII).fullmatch
_is_slug = re.compile(_SLUG, re.ASCII).fullmatch


class Says(NamedTuple):
    """What a refusal says of a value that Pydantic does not take: the problem and the mend."""

    words: str | Callable[[Any], str]

    def of(self, value: object) -> str:
        """Return the words for a value."""
        return self.words if isinstance(self.words, str) else self.words(value)


ENTRY = "entry"
"""What the `entry_id` of another entry refers to."""


class Refers(NamedTuple):
    """What an id stands for."""

    to: str
    """A person, a departure, ENTRY, or whatever else a room keeps under ids."""
    kind: str | None = None
    """For the id of an entry: the kind of entry that it names."""


def is_slug(value: str) -> bool:
    """Tell whether a text is a slug as sources and programmes have it."""
    return _is_slug(value) is not None


def is_uuid(value: str) -> bool:
    """Tell whether a text is a UUID as entries have it: not nil, not max."""
    return _is_uuid(value) is not None and value.lower() not in NO_IDS


def _identifies(value: str) -> str:
    lower = value.lower()
    if lower in NO_IDS:
        which = "nil" if lower[0] == "0" else "max"
        raise ValueError(f"is the {which} UUID, which identifies nothing; give each its own UUID")
    return lower


_ID_SCHEMA = {"type": "string", "format": "uuid", "not": {"pattern": "^([0-]*|[Ff-]*)$"}}
Id = Annotated[
    str,
    StringConstraints(pattern=f"^{_UUID}$"),
    AfterValidator(_identifies),
    Says("is not a UUID; write it as 8-4-4-4-12 hexadecimal digits"),
    WithJsonSchema(_ID_SCHEMA),
]
"""Neither nil nor max (RFC 9562)."""
PersonId = Annotated[Id, Refers("person")]


def _pair(value: object) -> object:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("is not a list of two person ids")
    return value


def _two(value: list[str]) -> list[str]:
    if value[0] == value[1]:
        raise ValueError("names one person twice; a link needs two ids")
    return value


PersonIds = Annotated[
    list[Id],
    BeforeValidator(_pair),
    AfterValidator(_two),
    Refers("person"),
    WithJsonSchema({"type": "array", "items": _ID_SCHEMA, "minItems": 2, "maxItems": 2, "uniqueItems": True}),
]
Slug = Annotated[
    str,
    StringConstraints(pattern=f"^{_SLUG}$"),
    Says("is not a slug; use letters, digits, hyphen and underscore, at most 100"),
    WithJsonSchema({"type": "string", "pattern": f"^{_SLUG}$"}),
]


def _no_country(value: object) -> str:
    others = ", ".join(countries.OF_DOCUMENTS)
    return (
        "is not an ISO 3166-1 alpha-3 code in capitals, nor XKX, "
        f"{others} or {countries.NOT_KNOWN} (not known){countries.mend(value)}"
    )


def _country(value: str) -> str:
    if value not in countries.CODES:
        raise ValueError(_no_country(value))
    return value


Country = Annotated[
    str,
    AfterValidator(_country),
    Says(_no_country),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[A-Z]{3}$",
            "description": "ISO 3166-1 alpha-3; XKX Kosovo; XXA stateless; XXB, XXC refugees; XXX unspecified;"
            " GBD, GBN, GBO, GBP, GBS, UNO, UNA as in ICAO 9303; UNK not known",
        }
    ),
]


def _sex(value: int) -> int:
    if value not in _SEXES:
        raise ValueError(_NO_SEX)
    return value


Sex = Annotated[
    int,
    AfterValidator(_sex),
    Says(_NO_SEX),
    WithJsonSchema({"enum": sorted(_SEXES), "description": "ISO 5218"}),
]


@lru_cache(50_000)
def _birth_date(value: str) -> str:
    match = _BIRTH.fullmatch(value)
    if match is None:
        raise ValueError("is not a birth date; write YYYY, YYYY-MM or YYYY-MM-DD, or null when unknown")
    year, month, day = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise ValueError("is not a date of the calendar; leave out the part that is not known") from None
    return value


BirthDate = Annotated[
    Annotated[str, AfterValidator(_birth_date)] | None,
    Says("is not a birth date; write YYYY, YYYY-MM or YYYY-MM-DD, or null when unknown"),
    WithJsonSchema({"type": ["string", "null"], "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"}),
]


def _day(value: str) -> str:
    if not _DAY.fullmatch(value):
        raise ValueError("is not a day; write YYYY-MM-DD, or leave the field out")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a day; write YYYY-MM-DD, or leave the field out") from None
    return value


Day = Annotated[
    str,
    AfterValidator(_day),
    Says("is not a day; write YYYY-MM-DD, or leave the field out"),
    WithJsonSchema({"type": "string", "format": "date"}),
]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_LIMIT:
        raise ValueError(f"is not a text of 1 to {TEXT_LIMIT} characters")
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF or ord(char) == 127 for char in value):
        raise ValueError("holds a control character or half a character; send plain text on one line")
    if not value.isascii() and any(map(is_direction, value)):
        raise ValueError("holds a character that turns the direction of the text (U+202A to U+202E, U+2066 to U+2069)")
    return value


Text = Annotated[
    str,
    PlainValidator(_text),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": TEXT_LIMIT}),
]
