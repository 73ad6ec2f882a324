"""What the forms about people give, as the field groups that `rules.read_group` reads."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from wayfare.ledger.rules import Refused
from wayfare.people.births import Told
from wayfare.people.web import choices

SCRIPTS = {
    "ARABIC": "Arab",
    "CYRILLIC": "Cyrl",
    "ETHIOPIC": "Ethi",
    "GREEK": "Grek",
    "HEBREW": "Hebr",
    "LATIN": "Latn",
}
SCRIPTS |= {
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "ARMENIAN": "Armn",
    "GEORGIAN": "Geor",
    "CJK": "Hani",
    "TAMIL": "Taml",
}
SCRIPTS |= {
    "ADLAM": "Adlm",
    "CHAKMA": "Cakm",
    "COPTIC": "Copt",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HANIFI": "Rohg",
    "HIRAGANA": "Hira",
    "KANNADA": "Knda",
    "KATAKANA": "Kana",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "MALAYALAM": "Mlym",
    "MEETEI": "Mtei",
    "MONGOLIAN": "Mong",
    "MYANMAR": "Mymr",
    "NKO": "Nkoo",
    "OL": "Olck",
    "ORIYA": "Orya",
    "SINHALA": "Sinh",
    "SYRIAC": "Syrc",
    "TELUGU": "Telu",
    "THAANA": "Thaa",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
    "TIFINAGH": "Tfng",
    "VAI": "Vaii",
}
"""By the first word of a letter's name in Unicode."""


def script_of(text: str) -> str:
    """Return the script that most letters of a text are in (ISO 15924), `Zyyy` where none is known."""
    found = [SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "Zyyy") for letter in text if letter.isalpha()]
    return max(set(found), key=found.count, default="Zyyy")


def born(given: Mapping[str, str], *, only_year: bool = False) -> Told | None:
    """Return a birth as told, None where not even the year is. Raises: Refused."""
    numbers: dict[str, int | None] = {}
    for field in ("year",) if only_year else ("year", "month", "day"):
        text = given.get(field, "").strip()
        if text and not (text.isdecimal() and len(text) <= 4):
            raise Refused(f"birth.{field}", f"{text!r} is not a number; write digits")
        numbers[field] = int(text) if text else None
    if numbers["year"] is None:
        if any(numbers.values()):
            raise Refused("birth.year", "is missing")
        return None
    return Told(
        given.get("calendar", "gregorian") or "gregorian", numbers["year"], numbers.get("month"), numbers.get("day")
    )


def person(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the field groups of a person from a form: names, birth, nationality, sex, how to reach them.

    Raises: Refused.
    """
    used = given.get("name", "").strip()
    if not used:
        raise Refused("names.name", "is missing")
    names = [{"use": "used", "written": _written(used, given.get("latin", "").strip())}]
    if document := given.get("document_name", "").strip():
        names.append({"use": "document", "written": _written(document, "")})
    found: dict[str, Any] = {"names": {"names": names, "address": given.get("address", "").strip() or None}}
    if birth := _birth(given):
        found["birth"] = birth
    if phone := given.get("phone", "").strip():
        channel = {"kind": "phone", "value": phone, "allowed": given.get("may_call") == "yes"}
        found["contact"] = {"channels": [channel]}
    if language := given.get("speaks", "").strip():
        found.setdefault("contact", {})["languages"] = [choices.language_tag(language)]
    return found


def _birth(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (told := born(given)) is not None:
        found["told"] = {name: value for name, value in told._asdict().items() if value is not None}
    if nationality := given.get("nationality", "").strip():
        found["nationality"] = choices.nationality_code(nationality)
    if sex := given.get("sex", ""):
        found["sex"] = sex
    return found


def _written(name: str, latin: str) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = [{"script": script_of(name), "parts": [{"kind": "whole", "text": name}]}]
    if latin and script_of(name) != "Latn":
        written.append({"script": "Latn", "parts": [{"kind": "whole", "text": latin}], "transliterated": True})
    return written
