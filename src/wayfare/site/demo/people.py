"""The people of the example, as `people.csv` writes them. Pure.

Each of them is invented. Their telephone numbers are among those that France and Australia keep for fiction.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("people.csv")
_PARTS = {1: ("whole",), 2: ("given", "family")}
"""What the parts of a name are where the file does not say."""


class Person(NamedTuple):
    """An invented person: a key, their office and counsellor's first name, a family, and when they were registered."""

    key: str
    office: str
    counsellor: str
    family: str
    days_ago: int
    groups: dict[str, Any]
    """By field group, as `people.operations.file_from` reads it."""


def read(today: date) -> list[Person]:
    """Return the people in the order of the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [_person(row, today) for row in csv.DictReader(file)]


def _person(row: dict[str, str], today: date) -> Person:
    registered = today - timedelta(days=int(row["days"]))
    groups = {
        "names": {"names": [_name(one) for one in row["names"].split(" || ")]},
        "birth": _birth(row["birth"]) | {name: row[name] for name in ("nationality", "sex") if row[name]},
        "contact": _contact(row["phone"], row["languages"]),
        "documents": {"documents": [_document(row["document"])] if row["document"] else []},
        "notes": {"notes": [{"on": registered.isoformat(), "text": row["note"]}] if row["note"] else []},
    }
    return Person(row["key"], row["office"], row["counsellor"], row["family"], int(row["days"]), groups)


def _name(text: str) -> dict[str, Any]:
    use, separator, written = text.rpartition("> ")
    return {"use": use if separator else "used", "written": [_written(one) for one in written.split(" ; ")]}


def _written(text: str) -> dict[str, Any]:
    """Read such as `Latn~: given=Abebe / father=Bekele`; the tilde says that somebody transliterated it."""
    script, _, name = text.partition(": ")
    texts = name.split(" / ")
    usual = _PARTS.get(len(texts), ())
    kinds = [one.split("=")[0] if "=" in one else usual[n] for n, one in enumerate(texts)]
    parts = [{"kind": kind, "text": one.split("=")[-1]} for kind, one in zip(kinds, texts, strict=True)]
    return {"script": script.removesuffix("~"), "transliterated": script.endswith("~"), "parts": parts}


def _birth(text: str) -> dict[str, Any]:
    """Read such as `hijri 1405-03`; a tilde at the end says that somebody else estimated it."""
    if not text:
        return {}
    calendar, _, day = text.removesuffix("~").partition(" ")
    told = dict(zip(("year", "month", "day"), map(int, day.split("-")), strict=False))
    return {"told": {"calendar": calendar, **told}, "estimated": text.endswith("~")}


def _contact(phone: str, languages: str) -> dict[str, Any]:
    channels = [{"kind": "phone", "value": phone, "allowed": True}] if phone else []
    spoken = languages.split()
    return {"channels": channels, "languages": spoken, "interpreter": not {"en", "fr"} & set(spoken)}


def _document(text: str) -> dict[str, Any]:
    kind, country, number, seen = text.split()
    return {"kind": kind, "country": country, "number": number, "seen": seen}
