"""Numbers and moments as each language writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import format_decimal

_CLDR = {"en": "en_GB"}
"""CLDR's plain `en` writes dates the American way."""


def locale(language: str) -> Locale:
    """Return the CLDR locale of an interface language."""
    return Locale.parse(_CLDR.get(language, language))


def number(value: int, language: str) -> str:
    """Return a whole number, grouped as the language groups it."""
    return str(format_decimal(value, locale=locale(language)))


def moment(at: datetime, language: str) -> str:
    """Return an instant in UTC, by a clock of 24 hours in every language."""
    return day_and_time(at.astimezone(UTC), "HH:mm:ss 'UTC'", language)


def day_and_time(there: datetime, clock: str, language: str) -> str:
    """Return a day in words and its time, written by the CLDR pattern `clock`."""
    where = locale(language)
    parts = format_time(there.time(), clock, locale=where), format_date(there.date(), "long", locale=where)
    return str(get_datetime_format("medium", locale=where)).format(*parts)
