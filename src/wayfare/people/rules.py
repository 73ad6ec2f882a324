"""The field groups of a file, read strictly and written canonically; the facts that the ledger may know. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from wayfare.access.purposes import GROUPS
from wayfare.ledger import countries, languages
from wayfare.ledger.rules import Refused
from wayfare.people.births import SEXES, UNSAID, Birth, check_nationality, coded, read_birth
from wayfare.people.fields import Reader, StoredReader, canonical, whole
from wayfare.people.names import Names, read_names

CHANNELS = ("phone", "text_message", "messenger", "email", "post", "in_person", "through_somebody")
DOCUMENTS = (
    "passport",
    "identity_card",
    "travel_document",
    "laissez_passer",
    "residence_permit",
    "birth_record",
    "family_record",
    "driving_licence",
    "other",
)
SEEN = ("original", "copy", "told")
"""How a document is known to us."""
NOTE_LIMIT = 4_000
CHANNEL_LIMIT = 400
SEARCH_LIMIT = 200
"""Characters of what is searched for."""
GROUP_LIMIT = 64_000
"""The canonical JSON of a group, in bytes."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)
_LANGUAGE_MEND = "a language's tag (BCP 47); write ar, fr, ku-Arab, pt-BR"
_COUNTRY = re.compile(r"[A-Z]{3}|D", re.ASCII)
_PHONE = re.compile(
    r"[\d\s()+./\-‐‑–\u200e\u200f\u202a-\u202e\u2066-\u2069]{3,50}"
    r"(?:(?:ext|extension|poste|int|x|#|تحويلة|داخلي)\.?\s{0,3}\d{1,8})?",
    re.IGNORECASE,
)
"""Digits of any script, +, blanks, brackets and signs between; an extension; marks of direction, as they are copied."""
_CASE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", re.ASCII)


class Channel(NamedTuple):
    """A way to reach the person, and whether they allow it."""

    kind: str
    value: str
    allowed: bool
    note: str | None = None
    """In their words, such as the hours at which they can speak."""


class Contact(NamedTuple):
    """The field group `contact`."""

    channels: tuple[Channel, ...] = ()
    languages: tuple[str, ...] = ()
    """In the order they prefer."""
    interpreter: bool = False


class Document(NamedTuple):
    """A document; its number is nowhere but here, sealed."""

    kind: str
    seen: str
    country: str | None = None
    """Whose document it is: ISO 3166-1 alpha-3, `XKX`, or an ICAO 9303 code; written as printed, kept as ours."""
    number: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None


class Documents(NamedTuple):
    """The field group `documents`."""

    documents: tuple[Document, ...] = ()


class Note(NamedTuple):
    """A note on the file; the person will read it."""

    on: str
    text: str


class Notes(NamedTuple):
    """The field group `notes`."""

    notes: tuple[Note, ...] = ()


Group = Names | Birth | Contact | Documents | Notes


def is_phone(text: str) -> bool:
    """Tell whether a text is a telephone number as people write one, with an extension or without."""
    return _PHONE.fullmatch(text) is not None and 3 <= sum(map(str.isdecimal, text)) <= 24


def can_be_dialled(text: str) -> bool:
    """Tell whether a telephone number is one that a person has: 6 to 24 digits; with a country's code 7 to 15 (E.164).

    Shorter ones are a service's or a house's own, which nobody outside reaches.
    """
    number = re.split(r"[^\W\d]|#", text, maxsplit=1)[0]  # without an extension
    digits = sum(map(str.isdecimal, number))
    return 7 <= digits <= 15 if number.lstrip(_BEFORE_PLUS).startswith("+") else 6 <= digits <= 24


_BEFORE_PLUS = " (\u200e\u200f"


def _check_new(value: Group) -> None:
    """Check what only new input is held to, so that what was stored earlier still opens. Raises: Refused."""
    if isinstance(value, Birth):
        check_nationality(value)
    if not isinstance(value, Contact):
        return
    for n, tag in enumerate(value.languages):
        if not languages.is_known(tag):
            raise Refused(f"contact.languages[{n}]", f"{tag!r} is no language that has a name; write ar, fr, ku-Arab")
    for n, one in enumerate(value.channels):
        if one.kind in ("phone", "text_message") and not can_be_dialled(one.value):
            mend = "write all of it, with the area's code, or +33 and so on"
            raise TooShort(f"contact.channels[{n}].value", f"is too short for a telephone number, or too long; {mend}")


class TooShort(Refused):
    """A telephone number that has too few digits to be one, or too many."""


def _channel(reader: Reader) -> Channel:
    kind, value = reader.one_of("kind", CHANNELS), reader.text("value", limit=CHANNEL_LIMIT, lines=True)
    if kind in ("phone", "text_message"):
        mend = "is no telephone number; write it as it is dialled, such as +33 1 23 45 67 89"
        reader.require(is_phone(value), "value", mend)
    if kind == "email":
        is_address = re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None
        reader.require(is_address, "value", "is not an address; write name@example.org")
    return Channel(kind, value, reader.flag("allowed"), reader.perhaps("note"))


def _contact(reader: Reader) -> Contact:
    languages = reader.texts("languages", _LANGUAGE, _LANGUAGE_MEND)
    return Contact(reader.many("channels", _channel), languages, reader.flag("interpreter"))


def _document(reader: Reader) -> Document:
    kind, seen = reader.one_of("kind", DOCUMENTS), reader.one_of("seen", SEEN)
    country = reader.matching("country", _COUNTRY, "three capital letters (ISO 3166-1 alpha-3)")
    country = None if country is None else countries.of_document(country)
    if country is not None:
        problem = f"{country!r} is no country's code (ISO 3166-1 alpha-3, or ICAO 9303)"
        reader.require(country in countries.ISSUERS, "country", problem)
    valid_from, valid_until = reader.day("valid_from"), reader.day("valid_until")
    if valid_from is not None and valid_until is not None:
        reader.require(valid_from <= valid_until, "valid_until", f"{valid_until} is before valid_from, {valid_from}")
    return Document(kind, seen, country, reader.perhaps("number", limit=60), valid_from, valid_until)


def _note(reader: Reader) -> Note:
    on = reader.day("on")
    if on is None:
        raise reader.refuse("on", "is missing; write the day as 2026-05-17")
    return Note(on, reader.text("text", limit=NOTE_LIMIT, lines=True))


_READERS: dict[str, Callable[[Reader], Group]] = {
    "names": read_names,
    "birth": read_birth,
    "contact": _contact,
    "documents": lambda reader: Documents(reader.many("documents", _document)),
    "notes": lambda reader: Notes(reader.many("notes", _note)),
}
assert tuple(_READERS) == GROUPS


def read_group(group: str, data: object) -> Group:
    """Return a field group from what JSON gave for it. Raises: Refused, with the field's place in the file."""
    if group not in _READERS:
        raise Refused("group", f"{group!r} is none; one of " + ", ".join(GROUPS))
    return whole(Reader(data, f"{group}."), _READERS[group])


def write_group(value: Group) -> bytes:
    """Return a field group as canonical JSON: what is sealed. Raises: Refused."""
    _check_new(value)
    found = canonical(value)
    if len(found) > GROUP_LIMIT:
        raise Refused(group_of(value), f"is {len(found)} bytes long; {GROUP_LIMIT} at most: shorten its texts")
    return found


def group_of(value: Group) -> str:
    """Return the name of a value's field group."""
    return type(value).__name__.lower()


def stored_group(group: str, plain: bytes) -> Group:
    """Return a field group that was sealed earlier, from its canonical JSON.

    Codes, forms and limits that have changed since do not keep it shut; a field that nobody knows does, since the next
    correction would lose it. Raises: Refused.
    """
    return whole(StoredReader(orjson.loads(plain), f"{group}."), _READERS[group])


def ledger_facts(birth: Birth) -> dict[str, Any]:
    """Return all that the ledger learns of an identity: nationality, sex, and the birth to the month at most.

    What the person does not say and what nobody knows is the same there: not known.
    """
    known = birth.nationality if birth.nationality not in UNSAID else None
    # a code that a file has from earlier and that is none today is told to nobody
    nationality = known if known in countries.CODES else countries.NOT_KNOWN
    return {"nationality": nationality, "sex": SEXES.get(birth.sex or "", 0), "birth_date": coded(birth)}


def is_case_number(text: str) -> bool:
    """Tell whether a text has the form of a case number (`case_number`)."""
    return _CASE.fullmatch(text) is not None


def case_number(chance: int) -> str:
    """Return the case number that 40 random bits give: Crockford's base32, which nobody misreads aloud."""
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    found = "".join(letters[chance >> 5 * n & 31] for n in range(8))
    return f"{found[:4]}-{found[4:]}"


def case_number_in(text: str) -> str | None:
    """Return the case number that a text is meant as, whatever its case, hyphens and look-alike letters."""
    found = re.sub(r"[\s\-–]", "", text[:SEARCH_LIMIT].upper()).translate(str.maketrans("OIL", "011"))
    spelled = f"{found[:4]}-{found[4:]}"
    return spelled if is_case_number(spelled) else None
