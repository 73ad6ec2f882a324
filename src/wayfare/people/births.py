"""Birth dates as they were told: partial, in the calendar of the person; nationality and sex; and what of them the
ledger may know. Pure.

Hijri dates are read by the Umm al-Qura calendar, from which a sighted moon can differ by a day or two: what is coded
from them is therefore coarser where the day could lie in another month.
"""

from __future__ import annotations

import calendar as gregorian
import re
from datetime import date, timedelta
from typing import NamedTuple

import jdatetime
from hijridate import Hijri

from wayfare.ledger import countries
from wayfare.ledger.rules import Refused
from wayfare.people.fields import Reader

CALENDARS = {"gregorian": (1880, 2100), "hijri": (1343, 1500), "persian": (1258, 1480)}
"""Gregorian, Islamic lunar, Persian solar, each with the years it is read for; before 1343, tell it in another."""
_UNSURE = timedelta(days=2)
"""By which a hijri date as told may differ from ours."""
HIJRI_MONTH = 30
"""Days that every hijri month may have: tables and sightings disagree about which have 29; documents show either."""


UNSAID = ("not_known", "prefer_not_to_say")
"""Why a nationality or a sex is not there: kept apart in the file; for the ledger both are not known."""
SEXES = {"female": 2, "male": 1, "other": 9}
"""With their codes (ISO 5218)."""
_COUNTRY = re.compile(r"[A-Z]{3}", re.ASCII)


class Told(NamedTuple):
    """A birth date as told: a year, a year and month, or a day, in a calendar."""

    calendar: str
    year: int
    month: int | None = None
    day: int | None = None

    def text(self) -> str:
        """Return it as YYYY, YYYY-MM or YYYY-MM-DD of its own calendar."""
        parts = [f"{self.year:04}", *(f"{part:02}" for part in (self.month, self.day) if part is not None)]
        return "-".join(parts)


class Birth(NamedTuple):
    """The field group `birth`: everything unknown is left out, down to nothing at all."""

    told: Told | None = None
    estimated: bool = False
    """By somebody else than the person, such as an age that was guessed."""
    place: str | None = None
    on_document: Told | None = None
    """What a document says, where it differs."""
    nationality: str | None = None
    """A country's code as the ledger has it, `XXA` for stateless, or one of `UNSAID`."""
    sex: str | None = None
    """One of `SEXES`, or of `UNSAID`."""


def _days_in(calendar: str, year: int, month: int) -> int:
    if calendar == "gregorian":
        return gregorian.monthrange(year, month)[1]
    if calendar == "hijri":
        return Hijri(year, month, 1).month_length()
    leap: bool = jdatetime.date(year, 1, 1).isleap()
    return 31 if month <= 6 else 30 if month <= 11 or leap else 29


def _day(calendar: str, year: int, month: int, day: int) -> date:
    if calendar == "gregorian":
        return date(year, month, day)
    if calendar == "hijri":  # from the first, as a day 30 may be told of a month that has 29 here
        return date(*Hijri(year, month, 1).to_gregorian().datetuple()) + timedelta(days=day - 1)
    found: date = jdatetime.date(year, month, day).togregorian()
    return found


def _read_told(reader: Reader) -> Told:
    calendar = reader.one_of("calendar", CALENDARS)
    year = reader.number("year", *CALENDARS[calendar])
    if year is None:
        raise reader.refuse("year", "is missing; leave the whole date out if not even the year is known")
    month = reader.number("month", 1, 12)
    longest = 31 if month is None else _days_in(calendar, year, month)
    day = reader.number("day", 1, max(longest, HIJRI_MONTH) if calendar == "hijri" else longest)
    if month is None and day is not None:
        raise reader.refuse("month", "is missing; leave the day out too if the month is not known")
    return Told(calendar, year, month, day)


def read_birth(reader: Reader) -> Birth:
    """Return the field group `birth`. Raises: Refused."""
    told, document = reader.one("told", _read_told), reader.one("on_document", _read_told)
    estimated, place = reader.flag("estimated"), reader.perhaps("place")
    return Birth(told, estimated, place, document, _read_nationality(reader), _read_sex(reader))


def _read_nationality(reader: Reader) -> str | None:
    value = reader.perhaps("nationality")
    if value is not None and value not in UNSAID:
        mend = "three capital letters (ISO 3166-1 alpha-3), XXA for stateless, or one of " + ", ".join(UNSAID)
        reader.require(_COUNTRY.fullmatch(value) is not None, "nationality", f"{value!r} is not {mend}")
    return value


def _read_sex(reader: Reader) -> str | None:
    value = reader.perhaps("sex")
    if value is not None:
        known = (*SEXES, *UNSAID)
        reader.require(value in known, "sex", f"{value!r} is not known; one of " + ", ".join(known))
    return value


def check_nationality(birth: Birth) -> None:
    """Refuse a nationality that is no country's today; one that was stored earlier still opens. Raises: Refused."""
    value = birth.nationality
    if value is not None and value not in UNSAID and value not in countries.CODES - {countries.NOT_KNOWN}:
        raise Refused("birth.nationality", f"{value!r} is no country's code{countries.mend(value)}")


def days(told: Told) -> tuple[date, date]:
    """Return the first and the last Gregorian day that a told date can mean."""
    first_month, last_month = (1, 12) if told.month is None else (told.month, told.month)
    last_day = told.day or _days_in(told.calendar, told.year, last_month)
    unsure = _UNSURE if told.calendar == "hijri" else timedelta()
    first = _day(told.calendar, told.year, first_month, told.day or 1) - unsure
    return first, _day(told.calendar, told.year, last_month, last_day) + unsure


def coded(birth: Birth) -> str | None:
    """Return what the ledger is told: YYYY-MM if the whole of it lies in one month, else the year of most of it."""
    if birth.told is None:
        return None
    first, last = days(birth.told)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%Y-%m}"
    return f"{(first + (last - first) / 2).year:04}"


def at_the_latest(birth: Birth, today: date) -> None:
    """Refuse a birth that lies in the future. Raises: Refused."""
    if birth.told is not None and days(birth.told)[0] > today:
        raise Refused("told", f"{birth.told.text()} lies in the future; check the year and the calendar")
