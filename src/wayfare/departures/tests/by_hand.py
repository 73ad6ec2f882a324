"""The reading of entries as it was written by hand, before entry types: `test_parsing.py` holds the derived one to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from wayfare.common.texts import is_direction
from wayfare.departures.rules import EVIDENCE
from wayfare.ledger import countries, registry
from wayfare.ledger.rules import EARLIEST_US, NO_IDS, Entry, Refused, instant_us, make_entry

ASSISTANCE = ("cash", "in_kind_before", "reintegration")
SEXES = frozenset({0, 1, 2, 9})
"""ISO 5218."""
TEXT_LIMIT = 500
LINE_LIMIT = 1 << 20
"""The longest JSON text of one entry, in bytes."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)
_BIRTH = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PLACE = re.compile(r"[A-Z]{3}|[A-Z]{2}[A-Z2-9]{3}", re.ASCII)

Check = Callable[[Any], Any]


class Kind(NamedTuple):
    """A kind of entry, and the fields that hold the ids it speaks of."""

    name: str
    subject: str
    object: str | None = None


_is_uuid = _UUID.fullmatch
_is_slug = _SLUG.fullmatch


def _uuid(value: Any) -> str:
    if not isinstance(value, str) or not _is_uuid(value):
        raise ValueError("is not a UUID; write it as 8-4-4-4-12 hexadecimal digits")
    lower: str = value.lower()
    if lower in NO_IDS:
        which = "nil" if lower[0] == "0" else "max"
        raise ValueError(f"is the {which} UUID, which identifies nothing; give each its own UUID")
    return lower


_good_slugs: set[str] = set()


def _slug(value: Any) -> str:
    if value.__class__ is str and value in _good_slugs:  # sources and programmes are few
        return value  # type: ignore[no-any-return]
    if not isinstance(value, str) or not _is_slug(value):
        raise ValueError("is not a slug; use letters, digits, hyphen and underscore, at most 100")
    if len(_good_slugs) < 10_000:
        _good_slugs.add(value)
    return value


def is_slug(value: str) -> bool:
    """Tell whether a text is a slug as sources and programmes have it."""
    return _SLUG.fullmatch(value) is not None


def is_uuid(value: str) -> bool:
    """Tell whether a text is a UUID as entries have it: not nil, not max."""
    return _UUID.fullmatch(value) is not None and value.lower() not in NO_IDS


def _country(value: Any) -> str:
    if not isinstance(value, str) or value not in countries.CODES:
        others = ", ".join(countries.OF_DOCUMENTS)
        raise ValueError(
            "is not an ISO 3166-1 alpha-3 code in capitals, nor XKX, "
            f"{others} or {countries.NOT_KNOWN} (not known){countries.mend(value)}"
        )
    return value


def _sex(value: Any) -> int:
    if type(value) is not int or value not in SEXES:
        raise ValueError("is not an ISO 5218 code; send 0, 1, 2 or 9 as a whole number")
    return value


def _birth_date(value: Any) -> str | None:
    if value is None:
        return None
    match = _BIRTH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a birth date; write YYYY, YYYY-MM or YYYY-MM-DD, or null when unknown")
    year, month, day = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise ValueError("is not a date of the calendar; leave out the part that is not known") from None
    return str(value)


def _assistance(value: Any) -> list[str]:
    if not isinstance(value, list) or any(not isinstance(x, str) or x not in ASSISTANCE for x in value):
        raise ValueError("is not a list of in_kind_before, cash, reintegration; send [] for none")
    if len(set(value)) != len(value):
        raise ValueError("names the same assistance twice; name each once")
    return value


def _planned_on(value: Any) -> str:
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not a day; write YYYY-MM-DD, or leave the field out") from None
    return value


def _evidence(value: Any) -> str:
    if not isinstance(value, str) or value not in EVIDENCE:
        raise ValueError("is not a kind of evidence; one of " + ", ".join(EVIDENCE))
    return value


def _place(value: Any) -> str:
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        raise ValueError("is not a UN/LOCODE (FRCDG) or IATA code (CDG) in capitals; leave it out when unknown")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_LIMIT:
        raise ValueError(f"is not a text of 1 to {TEXT_LIMIT} characters")
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF or ord(char) == 127 for char in value):
        raise ValueError("holds a control character or half a character; send plain text on one line")
    if not value.isascii() and any(map(is_direction, value)):
        raise ValueError("holds a character that turns the direction of the text (U+202A to U+202E, U+2066 to U+2069)")
    return value


def _persons(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("is not a list of two person ids")
    pair = [_uuid(person) for person in value]
    if pair[0] == pair[1]:
        raise ValueError("names one person twice; a link needs two ids")
    return pair


def _facts(checks: Mapping[str, Check]) -> Check:
    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or not value:
            raise ValueError("is not an object with at least one of " + ", ".join(checks))
        clean = {}
        for name, fact in value.items():
            if name not in checks:
                raise Refused(f"facts.{name}", "is not a fact of this kind; it takes " + ", ".join(checks))
            try:
                clean[name] = checks[name](fact)
            except ValueError as problem:
                raise Refused(f"facts.{name}", str(problem)) from None
        return clean

    return check


PERSON_FACTS: dict[str, Check] = {"nationality": _country, "sex": _sex, "birth_date": _birth_date}
DEPARTURE_FACTS: dict[str, Check] = {
    "destination": _country,
    "assistance": _assistance,
    "planned_on": _planned_on,
}


class Form(NamedTuple):
    """The fields of one kind beyond the common ones, each with its check."""

    kind: Kind
    required: dict[str, Check]
    optional: dict[str, Check] = {}  # noqa: RUF012 - never changed


FORMS: dict[str, Form] = {
    form.kind.name: form
    for form in (
        Form(Kind("enrolled", "person"), {"person": _uuid, "programme": _slug, **PERSON_FACTS}),
        Form(Kind("facts_corrected", "person"), {"person": _uuid, "facts": _facts(PERSON_FACTS)}),
        Form(
            Kind("departure_registered", "departure", "person"),
            {
                "departure": _uuid,
                "person": _uuid,
                "programme": _slug,
                "destination": _country,
                "assistance": _assistance,
            },
            {"planned_on": _planned_on},
        ),
        Form(Kind("departure_corrected", "departure"), {"departure": _uuid, "facts": _facts(DEPARTURE_FACTS)}),
        Form(Kind("departure_withdrawn", "departure"), {"departure": _uuid}, {"reason": _text}),
        Form(
            Kind("departure_confirmed", "departure"),
            {"departure": _uuid, "evidence": _evidence},
            {"place": _place},
        ),
        Form(
            Kind("confirmation_retracted", "confirmation"),
            {"confirmation": _uuid, "reason": _text},
        ),
        Form(Kind("returned", "person"), {"person": _uuid}),
        Form(
            Kind("persons_linked", "persons", "persons"),
            {"persons": _persons},
        ),
        Form(Kind("persons_unlinked", "link"), {"link": _uuid, "reason": _text}),
    )
}
KINDS: dict[str, Kind] = {name: form.kind for name, form in FORMS.items()}
ID_FIELDS = frozenset(
    {"entry_id"} | {name for kind in KINDS.values() for name in (kind.subject, kind.object) if name is not None}
)
_COMMON = frozenset({"entry_id", "kind", "occurred_at", "source"})
_FIELDS = {name: _COMMON | form.required.keys() | form.optional.keys() for name, form in FORMS.items()}
_COUNTS = {name: len(form.required) + 4 for name, form in FORMS.items()}
_CHECKS = {name: [("entry_id", _uuid), ("source", _slug), *form.required.items()] for name, form in FORMS.items()}


def _shape(raw: dict[str, Any], kind: str) -> None:
    """Refuse missing and unknown fields by name."""
    for name in ("entry_id", "occurred_at", "source", *FORMS[kind].required):
        if name not in raw:
            raise Refused(name, f"is missing; {kind} needs it")
    for name in raw:
        if name not in _FIELDS[kind]:
            raise Refused(name[:100], f"is not a field of {kind}; leave it out")


def parse(raw: object, *, programmes: Collection[str], latest_us: int) -> Entry:
    """Read one decoded JSON value strictly as an entry.

    `programmes`: the keys that are configured. `latest_us`: the latest `occurred_at` taken, in microseconds
    since 1970 (24 hours ahead of the clock of whoever asks).
    Raises: Refused, with the field, the problem and the mend; nothing is guessed.
    Source: `counting.md`, Entries.
    """
    if not isinstance(raw, dict):
        raise Refused("entry", "is not a JSON object; send one object an entry")
    kind = raw.get("kind")
    form = FORMS.get(kind) if isinstance(kind, str) else None
    try:
        if form is None or not isinstance(kind, str):
            problem = "is missing" if "kind" not in raw else "is not a kind of entry"
            raise Refused("kind", f"{problem}; one of " + ", ".join(registry.kinds))
        return _read(raw, kind, form, programmes, latest_us)
    except Refused as refusal:
        given = raw.get("entry_id")
        if isinstance(given, str) and is_uuid(given):
            refusal.entry_id = given.lower()
        raise


def _read(raw: dict[str, Any], kind: str, form: Form, programmes: Collection[str], latest_us: int) -> Entry:
    clean = raw.copy()
    name = ""
    try:
        for name, check in _CHECKS[kind]:
            clean[name] = check(raw[name])
        name = "occurred_at"
        at = instant_us(raw["occurred_at"])
        if len(raw) != _COUNTS[kind]:
            _shape(raw, kind)
            for name, check in form.optional.items():
                if name in raw:
                    clean[name] = check(raw[name])
    except KeyError:
        _shape(raw, kind)
        raise
    except Refused:
        raise
    except ValueError as problem:
        _shape(raw, kind)
        raise Refused(name, str(problem)) from None
    if not EARLIEST_US <= at <= latest_us:
        late = "is more than 24 hours in the future; check the sender's clock"
        raise Refused("occurred_at", late if at > latest_us else "is before 1900; check the year")
    if "programme" in clean and clean["programme"] not in programmes:
        raise Refused("programme", "is not configured here; add it with `wayfare programme add`, or correct the key")
    if kind == "persons_linked":
        subject, other = clean["persons"]
    else:
        of = form.kind
        subject = clean[of.subject]
        other = clean[of.object] if of.object else None
    return make_entry(at, subject, other, clean)
