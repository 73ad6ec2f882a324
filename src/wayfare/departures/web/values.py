"""What the live page's template shows: plain values, every number and date written as the language writes it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wayfare.departures import live
from wayfare.departures.web import words
from wayfare.departures.web.chart import Bar, Drawing, chart, means

SHOWN = 9
"""Destinations that stand by themselves; the rest are told together."""
_TICKED = (1, 7, 14, 21, 28)
_RIGHT_TO_LEFT = ("ar",)


def _drawing(places: int, unfinished: int, language: str) -> Drawing:
    number = partial(words.number, language=language)
    return Drawing(places, language in _RIGHT_TO_LEFT, number, unfinished)


def _own_days(found: live.Cells) -> tuple[date, date]:
    """Return the earliest and the latest day that is today for some of the programmes."""
    days = [date.fromisoformat(day) for day in found.own_days]
    return min(days), max(days)


def _by_day(found: live.Cells, first: date, language: str) -> dict[str, Any]:
    bars = []
    for n, number in enumerate(found.days):
        day = first + timedelta(days=n)
        tick = words.number(day.day, language) if day.day in _TICKED else ""
        bars.append(Bar(number, words.short_day(day, language), tick))
    length = max(len(bars), (live.month_before(first, -1) - first).days)
    earliest, _latest = _own_days(found)
    last = first + timedelta(days=len(bars) - 1)
    running = (last - max(first, earliest)).days + 1 if last >= earliest else 0
    whole_days = found.days[: len(bars) - running]
    return chart(bars, _drawing(length, running, language), means(whole_days, found.before))


def _by_month(found: live.Cells, language: str) -> dict[str, Any]:
    bars = []
    earliest, latest = _own_days(found)
    last = latest.replace(day=1) if found.present else date.fromisoformat(found.first_day)
    for n, number in enumerate(found.months):
        month = live.month_before(last, 11 - n)
        name, letter = words.month_and_year(month, language), words.month_letter(month, language)
        bars.append(Bar(number, name, letter, f"?month={month:%Y-%m}"))
    running = sum(earliest.replace(day=1) <= live.month_before(last, n) for n in range(12))
    return chart(bars, _drawing(12, running, language))


def _rows(pairs: list[tuple[str, int]], whole: int, language: str) -> list[dict[str, Any]]:
    most = max([number for _, number in pairs], default=1) or 1
    return [
        {
            "name": name,
            "number": words.number(number, language),
            "bar": f"{100 * number / most:.0f}%",
            "share": words.share(number, whole, language),
        }
        for name, number in pairs
    ]


def _month_name(found: live.Cells, language: str) -> str:
    """Return the name of the month shown; of two, where one runs in some programmes and the next in others."""
    first = date.fromisoformat(found.first_day)
    if not found.present:
        return words.month_and_year(first, language)
    latest = _own_days(found)[1]
    if (latest.year, latest.month) == (first.year, first.month):
        return words.month_name(first, language)
    return _("%(first)s and %(second)s") % {
        "first": words.month_name(first, language),
        "second": words.month_name(latest, language),
    }


def _today(found: live.Cells, language: str) -> dict[str, str]:
    number, (earliest, latest) = words.number(found.today, language), _own_days(found)
    note = _("Yesterday: %(n)s.") % {"n": words.number(found.yesterday, language)}
    if earliest < latest:
        days = {"first": words.short_day(earliest, language), "second": words.short_day(latest, language)}
        note = _("Each programme's own day: %(first)s to %(second)s.") % days + " " + note
    return {"name": _("Today"), "number": number, "note": note}


def _this_month(found: live.Cells, language: str) -> dict[str, str]:
    number, (earliest, latest) = words.number(found.month, language), _own_days(found)
    name = words.month_name(earliest, language)
    if (earliest.year, earliest.month) != (latest.year, latest.month):
        months = {"first": name, "second": words.month_name(latest, language)}
        note = _("Each programme's own month: %(first)s or %(second)s.") % months
        return {"name": _("This month"), "number": number, "note": note}
    before = words.month_name(live.month_before(earliest.replace(day=1), 1), language)
    return {
        "name": _("%(month_name)s so far") % {"month_name": name},
        "number": number,
        "note": _("In %(month_name)s: %(n)s.") % {"month_name": before, "n": words.number(found.months[-2], language)},
    }


def _year(found: live.Cells, first: date, language: str) -> dict[str, str]:
    number, (earliest, latest) = words.number(found.year, language), _own_days(found)
    if found.present and earliest.year != latest.year:
        years = {"first": str(earliest.year), "second": str(latest.year)}
        note = _("Each programme's own year: %(first)s or %(second)s.") % years
        return {"name": _("This year"), "number": number, "note": note}
    year = str(first.year)
    name = _("%(year_name)s so far") % {"year_name": year} if first.year >= earliest.year else year
    return {"name": name, "number": number, "note": _("Each departure counted once.")}


def _figures(found: live.Cells, first: date, language: str) -> list[dict[str, str]]:
    """Return the large numbers, each with a name and a sentence."""
    of_year = _year(found, first, language)
    if found.present:
        return [_today(found, language), _this_month(found, language), of_year]
    over = live.month_before(first, -1) <= _own_days(found)[0]
    note = _("Late reports can still change it.") if over else _("This month is not over in every programme.")
    name = words.month_and_year(first, language)
    return [{"name": name, "number": words.number(found.month, language), "note": note}, of_year]


def _since(found: live.Cells, language: str) -> str:
    """Return since when the oldest report waits, in words."""
    if found.oldest_pending is None:
        return ""
    at = datetime.fromisoformat(found.oldest_pending).astimezone(ZoneInfo(found.timezone))
    day, clock = words.long_day(at.date(), language), words.clock(at, language)
    return _("The oldest has been waiting since %(day)s, %(clock)s.") % {"day": day, "clock": clock}


def _notes(found: live.Cells, language: str) -> list[dict[str, str]]:
    """Return what does not count, each with the reason in words."""
    counts = found.findings
    waiting = {kind: n for kind, n in counts.items() if kind.startswith("waits_") and kind != "waits_for_registration"}
    told: list[tuple[int, str, str, str, str]] = []
    if n := counts.get("waits_for_registration", 0):
        told.append(
            (
                n,
                ngettext(
                    "%(n)s report is waiting for its registration.",
                    "%(n)s reports are waiting for their registration.",
                    n,
                ),
                _("They came before the office registered the departure. They count once it is registered.")
                + " "
                + _since(found, language),
                "unk",
                _("Not known yet"),
            )
        )
    if n := sum(waiting.values()):
        told.append(
            (
                n,
                ngettext(
                    "%(n)s entry refers to something that has not arrived.",
                    "%(n)s entries refer to something that has not arrived.",
                    n,
                ),
                _("A person, a report or a link. Nothing is lost."),
                "unk",
                _("Not known yet"),
            )
        )
    if n := counts.get("word_only", 0):
        told.append(
            (
                n,
                ngettext("%(n)s departure has too little evidence.", "%(n)s departures have too little evidence.", n),
                _("The person’s word alone does not count in this programme. This says nothing about the person."),
                "due",
                _("Waiting for evidence"),
            )
        )
    if n := counts.get("confirmed_after_withdrawal", 0):
        told.append(
            (
                n,
                ngettext("%(n)s report for a withdrawn departure.", "%(n)s reports for withdrawn departures.", n),
                _(
                    "The person had changed their mind. These reports are never counted; "
                    "the office must review what happened."
                ),
                "late",
                _("Needs review"),
            )
        )
    if n := counts.get("joined", 0):
        told.append(
            (
                n,
                ngettext(
                    "%(n)s duplicate report merged.",
                    "%(n)s duplicate reports merged.",
                    n,
                ),
                _("A person cannot leave twice without coming back. Each report is kept; none adds to the count."),
                "good",
                _("Settled"),
            )
        )
    return [
        {"text": text % {"n": words.number(n, language)}, "hint": hint, "state": state, "word": word}
        for n, text, hint, state, word in told
    ]


def _moment(found: live.Cells, language: str) -> str:
    at = datetime.fromisoformat(found.at)
    parts = {
        "day": words.long_day(at.date(), language),
        "clock": words.clock(at, language),
        "city": words.city(found.timezone, language),
    }
    return (_("%(day)s, %(clock)s UTC") if parts["city"] == "UTC" else _("%(day)s, %(clock)s in %(city)s")) % parts


def values(found: live.Cells, language: str) -> dict[str, Any]:
    """Return what the page's template shows; the language has to be the active one."""
    number = partial(words.number, language=language)
    first = date.fromisoformat(found.first_day)
    named = [(words.country_name(code, language), n) for code, n in found.by_destination]
    rest = sum(n for _, n in named[SHOWN:])
    others = {
        "text": ngettext("%(n)s other country", "%(n)s other countries", len(named[SHOWN:]))
        % {"n": number(len(named[SHOWN:]))},
        "number": number(rest),
        "share": words.share(rest, found.month, language),
    }
    by_day = _by_day(found, first, language)
    earlier = live.month_before(_own_days(found)[1].replace(day=1) if found.present else first, 1)
    return {
        "position": number(found.position),
        "moment": _moment(found, language),
        "zones": found.zones,
        "city": "" if found.programme == live.EVERYTHING else words.city(found.timezone, language),
        "month_name": _month_name(found, language),
        "present": found.present,
        "earlier": {
            "name": words.month_and_year(earlier, language),
            "address": f"?month={earlier:%Y-%m}",
        },
        "later": {
            "name": words.month_and_year(live.month_before(first, -1), language),
            "address": f"?month={live.month_before(first, -1):%Y-%m}",
        },
        "figures": _figures(found, first, language),
        "by_day": by_day if any(found.days) else {**by_day, "peak": None},
        "by_month": _by_month(found, language),
        "month": number(found.month),
        "twelve": number(sum(found.months)),
        "today": number(found.today),
        "destinations": _rows(named[:SHOWN], found.month, language),
        "others": others if rest else None,
        "evidence": _rows([(words.evidence_name(code), n) for code, n in found.by_evidence], found.month, language),
        "notes": _notes(found, language),
    }
