"""The live page: a door, with plain values for its template."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any

import pycountry
from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wayfare.departures import live, queries

SHOWN = 9
"""Destinations that stand by themselves; the rest are told together."""
CHART_HEIGHT = 200


@cache
def country_name(code: str, language: str) -> str:
    """Return a country's name in a language; codes that are no country in words."""
    with translation.override(language):
        special = {
            "XXA": _("Stateless"),
            "XXB": _("Refugee, country not given"),
            "XXX": _("Country not given"),
            "UNK": _("Not known"),
        }
    if code in special:
        return special[code]
    known = pycountry.countries.get(alpha_3=code)
    names: dict[str, str] = dict(Locale.parse(language).territories)
    return names.get(known.alpha_2, known.name) if known else code


def _evidence(code: str) -> str:
    return {
        "pass_scanned": _("Pass scanned at the exit"),
        "carrier_flown": _("Carrier says flown"),
        "exit_stamp": _("Exit stamp"),
        "arrival_confirmed": _("Arrival confirmed by a partner"),
        "boarding_pass": _("Boarding pass handed in"),
        "self_reported": _("The person's own word"),
    }[code]


def _chart(days: list[int], month: date, language: str) -> dict[str, Any]:
    """Return the bars of a month so far, x in percent of the width and y in pixels; x mirrored in right-to-left."""
    length = 31
    step = 10 ** max(0, len(str(max([*days, 1]))) - 1)
    while max([*days, 1]) / step < 2 and step > 1:
        step //= 2
    top = step * (max([*days, 1]) // step + 1)
    mirrored = language == "ar"

    def x(percent: float) -> str:
        return f"{100 - percent if mirrored else percent:.2f}%"

    width = 94 / length
    bars = []
    for n, number in enumerate(days):
        left = 5 + width * n
        height = CHART_HEIGHT * number / top * 0.93
        bars.append(
            {
                "x": x(left + width * 0.86) if mirrored else x(left + width * 0.14),
                "y": f"{CHART_HEIGHT - height:.1f}",
                "height": f"{height:.1f}",
                "width": f"{width * 0.72:.2f}%",
                "unfinished": n == len(days) - 1,
                "middle": x(left + width / 2),
                "number": format_decimal(number, locale=language),
                "label": format_date(month.replace(day=n + 1), "EEE d MMM", locale=language),
                "day": format_decimal(n + 1, locale=language),
                "ticked": n + 1 in (1, 7, 14, 21, 28),
            }
        )
    lines = [
        {"y": f"{CHART_HEIGHT - CHART_HEIGHT * value / top * 0.93:.1f}", "text": format_decimal(value, locale=language)}
        for value in range(step, top, step)
    ]
    return {"bars": bars, "lines": lines[:6], "edge": x(0)}


def _rows(pairs: list[tuple[str, int]], whole: int, language: str) -> list[dict[str, Any]]:
    most = max([number for _, number in pairs], default=1) or 1
    return [
        {
            "name": name,
            "number": format_decimal(number, locale=language),
            "bar": f"{100 * number / most:.0f}%",
            "share": format_percent(number / whole, format="#,##0%", locale=language) if whole else "",
        }
        for name, number in pairs
    ]


def _notes(found: live.Cells, language: str) -> list[dict[str, str]]:
    """Return what does not count, each with the reason in words."""
    counts = found.findings
    waiting = {kind: n for kind, n in counts.items() if kind.startswith("waits_") and kind != "waits_for_registration"}
    told: list[tuple[int, str, str, str, str]] = []
    if n := counts.get("waits_for_registration", 0):
        told.append(
            (
                n,
                ngettext("%(n)s report waits for its registration.", "%(n)s reports wait for their registration.", n),
                _("They came before the office registered the departure. They count when it arrives."),
                "unk",
                _("Not known yet"),
            )
        )
    if n := sum(waiting.values()):
        told.append(
            (
                n,
                ngettext("%(n)s entry waits for something it names.", "%(n)s entries wait for something they name.", n),
                _("A person, a report or a link that has not arrived yet. Nothing is lost."),
                "unk",
                _("Not known yet"),
            )
        )
    if n := counts.get("word_only", 0):
        told.append(
            (
                n,
                ngettext("%(n)s departure rests on too weak a proof.", "%(n)s departures rest on too weak a proof.", n),
                _("A bare word does not count in this programme. It says nothing about the person."),
                "due",
                _("Waits for proof"),
            )
        )
    if n := counts.get("confirmed_after_withdrawal", 0):
        told.append(
            (
                n,
                ngettext("%(n)s report is of a departure withdrawn.", "%(n)s reports are of departures withdrawn.", n),
                _("The person had changed their mind. Never counted; somebody has to say what happened."),
                "late",
                _("To be cleared up"),
            )
        )
    if n := counts.get("joined", 0):
        told.append(
            (
                n,
                ngettext(
                    "%(n)s second departure joined the one it belongs to.",
                    "%(n)s second departures joined the one they belong to.",
                    n,
                ),
                _("One human being cannot leave twice without coming back. Each is kept, none adds to the count."),
                "good",
                _("Settled"),
            )
        )
    return [
        {
            "text": text % {"n": format_decimal(n, locale=language)},
            "hint": hint,
            "state": state,
            "word": word,
        }
        for n, text, hint, state, word in told
    ]


def values(found: live.Cells, language: str) -> dict[str, Any]:
    """Return what the page's template shows, every number written as the language writes it."""
    now = datetime.fromisoformat(found.at)

    def number(value: int) -> str:
        return format_decimal(value, locale=language)

    named = [(country_name(code, language), n) for code, n in found.by_destination]
    rest = sum(n for _, n in named[SHOWN:])
    return {
        "position": number(found.position),
        "moment": format_datetime(now, "EEEE d MMMM y, HH:mm", locale=language),
        "timezone": found.timezone,
        "month_name": format_date(now.date(), "LLLL", locale=language),
        "year_name": format_date(now.date(), "y", locale=language),
        "today": number(found.today),
        "month": number(found.month),
        "year": number(found.year),
        "chart": _chart(found.days, now.date().replace(day=1), language),
        "destinations": _rows(named[:SHOWN], found.month, language),
        "others": {"countries": number(len(named[SHOWN:])), "number": number(rest)} if rest else None,
        "evidence": _rows([(_evidence(code), n) for code, n in found.by_evidence], found.month, language),
        "notes": _notes(found, language),
    }


def pieces(found: live.Cells, language: str) -> str:
    """Return the parts of the page that move, as HTML in a language."""
    language = language if language in dict(settings.LANGUAGES) else "en"
    with translation.override(language):
        return render_to_string("departures/pieces.html", values(found, language))


def page(request: HttpRequest, key: str = live.EVERYTHING) -> HttpResponse:
    """Show the departures of one programme, or of all."""
    try:
        found = live.cells(key)
    except live.NoSuchProgramme:
        raise Http404 from None
    programmes = queries.programmes()
    language = translation.get_language() or "en"
    return render(
        request,
        "departures/live.html",
        {
            **values(found, language),
            "key": key,
            "title": programmes[key].title if key in programmes else _("All programmes"),
            "programmes": list(programmes.values()),
        },
    )


def choose(request: HttpRequest) -> HttpResponse:
    """Go to the page of the programme that was chosen in the form."""
    key = request.GET.get("programme", live.EVERYTHING)
    return redirect("departures", key=key) if key in queries.programmes() else redirect("departures-all")


def language(request: HttpRequest) -> HttpResponse:
    """Remember a language, and go back."""
    chosen = request.GET.get("to", "")
    back = request.GET.get("back", "/")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = HttpResponseRedirect(back if safe else "/")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, chosen, max_age=31_536_000, samesite="Lax", httponly=True)
    return response
