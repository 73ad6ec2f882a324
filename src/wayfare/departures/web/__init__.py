"""The pages of departures: thin doors, with plain values for their templates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from wayfare.access.purposes import FIGURE_READERS
from wayfare.access.readers import actor_of
from wayfare.access.rules import EVERYTHING, NOTHING, Reader, reader
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.departures import live, public, queries
from wayfare.departures.rules import Programme
from wayfare.departures.web import words
from wayfare.departures.web.values import values

_MONTH = re.compile(r"((?:19|20)\d\d)-(0[1-9]|1[0-2])", re.ASCII)


def pieces(found: live.Cells, language: str) -> str:
    """Return the parts of the page that move, as HTML in a language."""
    language = language if language in dict(settings.LANGUAGES) else "en"
    with translation.override(language):
        return render_to_string("departures/pieces.html", values(found, language))


def _language() -> str:
    return translation.get_language() or "en"


def _month(request: HttpRequest) -> date | None:
    """Return the first day of the month asked for. Raises: Http404 for what is no month."""
    text = request.GET.get("month")
    if text is None:
        return None
    match = _MONTH.fullmatch(text)
    if match is None:
        raise Http404
    return date(int(match[1]), int(match[2]), 1)


@require_safe
def page(request: HttpRequest, key: str = live.EVERYTHING) -> HttpResponse:
    """Show the departures of one programme, or of all; now, or of a month gone by.

    To staff who read exact figures those of their office's programmes; in a demo all to everybody.
    """
    response = _page(request, key, EVERYTHING) if settings.DEMO else _staff_page(request, key)
    response.headers["Cache-Control"] = "no-store"
    return response


@needs(*FIGURE_READERS)
def _staff_page(request: StaffRequest, key: str) -> HttpResponse:
    return _page(request, key, reader(request.actor))


page.roles = _staff_page.roles  # type: ignore[attr-defined]


def _page(request: HttpRequest, key: str, reading: Reader) -> HttpResponse:
    try:
        found = live.cells(key, month=_month(request), reader=reading)
    except live.NoSuchProgramme:
        raise Http404 from None
    programmes, _ids = queries.readable(reading)
    language = _language()
    context = {
        **values(found, language),
        "key": key,
        "title": programmes[key].title if key in programmes else "",
        "demo": settings.DEMO,
        "everything": reading.everything,
        "none_configured": not (programmes or queries.programmes()),
        "choices": [
            {"title": one.title, "country": words.country_name(one.country, language)} for one in programmes.values()
        ],
    }
    return render(request, "departures/live.html", context)


def _names(programme: Programme, language: str) -> tuple[str, ...]:
    """Return by what a programme may be looked for."""
    country = {words.country_name(programme.country, code) for code in (language, "en")}
    return tuple(words.folded(name) for name in (programme.key, programme.title, *country, programme.country))


@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Go to the programme that the form names; to the list of those that it may mean, if that is not plain."""
    wanted = request.GET.get("programme", "")[:100]
    text, language = words.folded(wanted), _language()
    reading = EVERYTHING if settings.DEMO else reader(actor_of(request))
    named = {key: _names(programme, language) for key, programme in queries.readable(reading)[0].items()}
    exact = [key for key, names in named.items() if text in names]
    found = exact if len(exact) == 1 else [key for key, names in named.items() if any(text in name for name in names)]
    if text and len(found) == 1:
        return redirect("departures", key=found[0])
    return HttpResponseRedirect(f"{reverse('home')}?{urlencode({'q': wanted})}" if text else reverse("home"))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is, and the programmes: all, or those that a search means.

    Everybody sees protected figures of closed periods. Staff who read exact figures see those of their own programmes
    too; in a demo everybody sees the exact ones alone.
    """
    language = _language()
    wanted = request.GET.get("q", "")[:100]
    text = words.folded(wanted)
    actor = None if settings.DEMO else actor_of(request)
    reading = EVERYTHING if settings.DEMO else reader(actor)
    if actor is not None:
        cast(StaffRequest, request).actor = actor  # the header shows who is signed in
    exact = [_exact_row(line, language) for line in _exact_lines(reading) if _is_meant(line.programme, text, language)]
    shown = [] if settings.DEMO else public.closed(datetime.now(UTC))
    rows = [_public_row(line, language) for line in shown if _is_meant(line.programme, text, language)]
    number = len(exact if settings.DEMO else rows)
    context = {
        "demo": settings.DEMO,
        "exact": exact,
        "rows": rows,
        "wanted": wanted,
        "found": ngettext("%(n)s programme", "%(n)s programmes", number) % {"n": words.number(number, language)},
        "empty": not queries.programmes(),
        "leads_to_figures": bool(queries.readable(reading)[0]) if reading != NOTHING else False,
        "smallest": words.number(public.SMALLEST, language),
        "step": words.number(public.STEP, language),
        "days": words.number(public.MONTH_WAITS.days, language),
        "months": words.number(public.YEAR_WAITS_MONTHS, language),
    }
    response = render(request, "departures/home.html", context)
    response.headers["Cache-Control"] = "private, no-cache" if actor is None and reading == NOTHING else "no-store"
    return response


def _is_meant(programme: Programme, text: str, language: str) -> bool:
    return any(text in name for name in _names(programme, language))


def _exact_lines(reading: Reader) -> list[live.Line]:
    return [] if reading == NOTHING else live.overview(datetime.now(UTC), reader=reading)[1]


def _row(programme: Programme, language: str) -> dict[str, str]:
    country = words.country_name(programme.country, language)
    return {"key": programme.key, "title": programme.title, "country": country}


def _exact_row(line: live.Line, language: str) -> dict[str, Any]:
    numbers = [words.number(number, language) for number in (line.today, line.month, line.year)]
    return _row(line.programme, language) | {"numbers": numbers}


def _public_row(line: public.PublicLine, language: str) -> dict[str, Any]:
    periods = (
        (words.month_and_year(line.month.first, language), line.month.figure),
        (str(line.year.first.year), line.year.figure),
    )
    return _row(line.programme, language) | {
        "periods": [
            {"name": name, "figure": None if figure is None else words.number(figure, language)}
            for name, figure in periods
        ]
    }


@require_safe
def language(request: HttpRequest) -> HttpResponse:
    """Remember a language, and go back."""
    chosen = request.GET.get("to", "")
    back = request.GET.get("back", "/")
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = HttpResponseRedirect(back if safe else "/")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=31_536_000,
            samesite="Lax",
            httponly=True,
            secure=settings.LANGUAGE_COOKIE_SECURE,
        )
    return response
