"""Strict reading of one JSON object: each field is asked for by name, and what nobody asked for is refused. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import date
from typing import Any, TypeVar

import orjson

from wayfare.common.texts import has_writing, is_control, without_directions
from wayfare.ledger.rules import Refused, TooLong

TEXT_LIMIT = 200
LIST_LIMIT = 50
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
T = TypeVar("T")


class Invisible(Refused):
    """A text that is not empty and shows nothing: its characters are all invisible."""


def text_of(field: str, value: object, *, limit: int = TEXT_LIMIT, lines: bool = False) -> str:
    """Return a text in Unicode's form NFC without blanks at its ends.

    `limit`: characters. `lines`: line breaks are allowed. Raises: Refused.
    """
    if not isinstance(value, str):
        raise Refused(field, "is not text; write it in quotes")
    if len(value) > 4 * limit:  # too long in any form; and putting marks in order takes the square of their number
        raise TooLong(field, len(value), limit)
    text = without_directions(unicodedata.normalize("NFC", value)).strip()
    if not has_writing(text):
        kind = Invisible if text else Refused
        raise kind(field, "has no visible character; write it, or leave the whole of it out")
    if len(text) > limit:
        raise TooLong(field, len(text), limit)
    allowed = "\n\t" if lines else ""
    if text.isprintable():  # which most are
        return text
    if any(is_control(one) and one not in allowed for one in text):
        raise Refused(field, "has a character that is no writing; leave out control characters and line breaks")
    return text


class Reader:
    """One JSON object under reading; `at` is where it stands in the whole, such as `names[0].`."""

    stored = False
    """Whether it was stored earlier: then no list of codes, form or limit holds it, since they may have changed."""

    def __init__(self, value: object, at: str = "") -> None:
        if not isinstance(value, dict):
            raise Refused(at.rstrip(".") or "body", "is not a JSON object; write {…} with the fields by name")
        self._left: dict[str, Any] = dict(value)
        self._at = at

    def _take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def refuse(self, name: str, reason: str) -> Refused:
        """Return the refusal of one field."""
        return Refused(f"{self._at}{name}", reason)

    def require(self, good: bool, name: str, reason: str) -> None:
        """Refuse a field that breaks a rule for new input. What was stored earlier is not held to it."""
        if not (good or self.stored):
            raise self.refuse(name, reason)

    def text(self, name: str, *, limit: int = TEXT_LIMIT, lines: bool = False) -> str:
        """Return a text that must be there. Raises: Refused."""
        return self._text(name, self._take(name), limit, lines)

    def _text(self, name: str, value: object, limit: int, lines: bool) -> str:
        if self.stored and isinstance(value, str):
            return value
        return text_of(f"{self._at}{name}", value, limit=limit, lines=lines)

    def perhaps(self, name: str, *, limit: int = TEXT_LIMIT, lines: bool = False) -> str | None:
        """Return a text that may be missing or null. Raises: Refused."""
        value = self._take(name)
        return None if value is None else self._text(name, value, limit, lines)

    def one_of(self, name: str, known: Collection[str]) -> str:
        """Return one of the known words. Raises: Refused."""
        value = self._take(name)
        if not isinstance(value, str) or (value not in known and not self.stored):
            raise self.refuse(name, f"{value!r} is not known; one of " + ", ".join(known))
        return value

    def matching(self, name: str, form: re.Pattern[str], mend: str) -> str | None:
        """Return a text of a form, or None if it is missing or null. Raises: Refused."""
        value = self._take(name)
        if value is not None and not (isinstance(value, str) and (self.stored or form.fullmatch(value))):
            raise self.refuse(name, f"{value!r} is not {mend}")
        return value

    def number(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number, or None if it is missing or null. Raises: Refused."""
        value = self._take(name)
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise self.refuse(name, f"{value!r} is not a whole number from {low} to {high}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false; false if it is missing. Raises: Refused."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self.refuse(name, f"{value!r} is neither true nor false")
        return value

    def day(self, name: str) -> str | None:
        """Return a Gregorian date as YYYY-MM-DD, or None if it is missing or null. Raises: Refused."""
        value = self._take(name)
        if value is None:
            return None
        try:
            if not isinstance(value, str) or not _DAY.fullmatch(value):
                raise ValueError
            date.fromisoformat(value)
        except ValueError:
            raise self.refuse(name, f"{value!r} is not a day of the calendar; write 1990-05-17") from None
        return str(value)

    def many(self, name: str, read: Callable[[Reader], T], *, least: int = 0) -> tuple[T, ...]:
        """Return each object of a list as `read` gives it. Raises: Refused."""
        value = self._take(name)
        found: list[Any] = [] if value is None else value
        if not isinstance(found, list) or not (self.stored or least <= len(found) <= LIST_LIMIT):
            raise self.refuse(name, f"is not a list of {least} to {LIST_LIMIT} entries")
        return tuple(whole(type(self)(one, f"{self._at}{name}[{n}]."), read) for n, one in enumerate(found))

    def one(self, name: str, read: Callable[[Reader], T]) -> T | None:
        """Return an object as `read` gives it, or None if it is missing or null. Raises: Refused."""
        value = self._take(name)
        return None if value is None else whole(type(self)(value, f"{self._at}{name}."), read)

    def texts(self, name: str, form: re.Pattern[str], mend: str) -> tuple[str, ...]:
        """Return a list of texts of one form, each once. Raises: Refused."""
        value = self._take(name)
        found: list[Any] = [] if value is None else value
        if not isinstance(found, list) or (len(found) > LIST_LIMIT and not self.stored):
            raise self.refuse(name, f"is not a list of at most {LIST_LIMIT} texts")
        for n, one in enumerate(found):
            if not isinstance(one, str) or not (self.stored or form.fullmatch(one)):
                raise self.refuse(f"{name}[{n}]", f"{one!r} is not {mend}")
        return tuple(dict.fromkeys(found))

    def end(self) -> None:
        """Refuse what is left over. Raises: Refused."""
        if self._left:
            raise self.refuse(min(self._left), "is no field here; leave it out, or check its spelling")


class StoredReader(Reader):
    """One JSON object that was sealed earlier. What it says was right by the lists and rules of its day, and opens."""

    stored = True


def whole(reader: Reader, read: Callable[[Reader], T]) -> T:
    """Return what `read` makes of an object, all of whose fields it must have asked for. Raises: Refused."""
    found = read(reader)
    reader.end()
    return found


def bare(value: object) -> object:
    """Return a typed value as JSON has it: an object for each NamedTuple, without what is empty or unknown."""
    kind = type(value)
    if kind in _BARE:
        return value
    assert isinstance(value, tuple)
    if kind is tuple:
        return [bare(one) for one in value]
    found = {}
    for name, one in zip(kind._fields, value, strict=True):  # type: ignore[attr-defined]
        if (one := bare(one)) or type(one) in (str, int):
            found[name] = one
    return found


_BARE = frozenset({str, int, bool, type(None)})


def canonical(value: object) -> bytes:
    """Return the canonical JSON (RFC 8785) of a typed value; field names are ASCII, numbers small and whole."""
    return orjson.dumps(bare(value), option=orjson.OPT_SORT_KEYS)
