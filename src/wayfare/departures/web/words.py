"""Codes and moments in words, as each language writes them."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from functools import cache

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_percent
from django.utils.translation import gettext as _

from wayfare.common.web.formats import locale
from wayfare.common.web.formats import number as number
from wayfare.ledger.web.words import country_name as country_name


def evidence_name(code: str) -> str:
    """Return what an evidence is, in the active language."""
    return {
        "pass_scanned": _("Pass scanned at the exit"),
        "carrier_flown": _("Reported flown by the carrier"),
        "exit_stamp": _("Exit stamp"),
        "arrival_confirmed": _("Arrival confirmed by a partner"),
        "boarding_pass": _("Boarding pass handed in"),
        "self_reported": _("The person's own word"),
    }[code]


@cache
def city(timezone: str, language: str) -> str:
    """Return the city that a time zone is named after; UTC stays UTC."""
    if timezone in ("UTC", "Etc/UTC"):
        return "UTC"
    named = locale(language).time_zones.get(timezone, {}).get("city")
    return str(named or timezone.rpartition("/")[2].replace("_", " "))


def share(part: int, whole: int, language: str) -> str:
    """Return a part of a whole in percent; a part that is there is never 0%."""
    if not whole:
        return ""
    if 0 < part < whole / 200:
        return "< " + str(format_percent(0.01, locale=locale(language)))
    return str(format_percent(part / whole, locale=locale(language)))


def long_day(day: date, language: str) -> str:
    """Return a date with its weekday, in full."""
    return str(format_date(day, "full", locale=locale(language)))


def short_day(day: date, language: str) -> str:
    """Return a day of a month with its weekday, short."""
    return str(format_skeleton("MMMEd", day, locale=locale(language)))


def clock(at: datetime, language: str) -> str:
    """Return a time of day."""
    return str(format_time(at, "short", locale=locale(language)))


def month_name(day: date, language: str) -> str:
    """Return a month's name as it stands alone."""
    return str(format_date(day, "LLLL", locale=locale(language)))


def month_and_year(day: date, language: str) -> str:
    """Return a month with its year."""
    return str(format_skeleton("yMMMM", day, locale=locale(language)))


def month_letter(day: date, language: str) -> str:
    """Return a month in as few letters as are common."""
    return str(format_date(day, "LLLLL", locale=locale(language)))


def folded(text: str) -> str:
    """Return a text as searches compare it: without case, accents and vowel marks."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).strip()
