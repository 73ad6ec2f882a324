"""The pages of departures: thin doors, with plain values for their templates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
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

from wayfare.departures import live, queries
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
    """Show the departures of one programme, or of all; now, or of a month gone by."""
    try:
        found = live.cells(key, month=_month(request))
    except live.NoSuchProgramme:
        raise Http404 from None
    programmes = queries.programmes()
    language = _language()
    context = {
        **values(found, language),
        "key": key,
        "title": programmes[key].title if key in programmes else "",
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
    named = {key: _names(programme, language) for key, programme in queries.programmes().items()}
    exact = [key for key, names in named.items() if text in names]
    found = exact if len(exact) == 1 else [key for key, names in named.items() if any(text in name for name in names)]
    if text and len(found) == 1:
        return redirect("departures", key=found[0])
    return HttpResponseRedirect(f"{reverse('home')}?{urlencode({'q': wanted})}" if text else reverse("home"))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is, and the programmes: all, or those that a search means."""
    language = _language()
    wanted = request.GET.get("q", "")[:100]
    text = words.folded(wanted)
    position, lines = live.overview(datetime.now(UTC))
    shown = [line for line in lines if any(text in name for name in _names(line.programme, language))]
    rows = [
        {
            "key": line.programme.key,
            "title": line.programme.title,
            "country": words.country_name(line.programme.country, language),
            "numbers": [words.number(number, language) for number in (line.today, line.month, line.year)],
        }
        for line in shown
    ]
    context = {
        "rows": rows,
        "wanted": wanted,
        "found": ngettext("%(n)s programme", "%(n)s programmes", len(rows)) % {"n": words.number(len(rows), language)},
        "empty": not lines,
        "position": words.number(position, language),
    }
    return render(request, "departures/home.html", context)


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
