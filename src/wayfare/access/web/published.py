"""How often files are opened, what for, and how often in an emergency: for everybody."""

from __future__ import annotations

from datetime import date
from typing import Any

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from wayfare.access import published, words
from wayfare.access.figures import APPROVED, SMALL, UNAPPROVED, VISITS, Figures
from wayfare.access.published import Published
from wayfare.access.purposes import PURPOSES
from wayfare.common.web.formats import locale, number
from wayfare.ledger.rules import Refused

MONTHS = 12
"""Shown on the page; the file has all."""


def _asked(request: HttpRequest) -> Published:
    """Return the figures as of the position that an address names. Raises: Refused."""
    text = request.GET.get("as_of", "").strip()
    if text and not (text.isdecimal() and text.isascii() and len(text) < 19 and int(text) > 0):
        raise Refused("as_of", f"{text!r:.40} is no position; write digits, or leave it out")
    return published.published(int(text) if text else None)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the figures of the years and months that are over, and one of these by purpose."""
    language = translation.get_language() or "en"
    try:
        found = _asked(request)
    except Refused as refusal:
        wrong = {"error": words.refusal(refusal.field), "given": request.GET.get("as_of", "")[:40]}
        return render(request, "access/published.html", wrong, status=422)
    figures = found.figures
    periods = [*figures.periods(True), *figures.periods(False)[:MONTHS]]
    period = request.GET.get("period") or next(iter(periods), "")
    if period and period not in figures.periods(len(period) == 4):
        raise Http404
    context = {
        "position": found.position,
        "shown_position": number(found.position, language),
        "periods": [_row(figures, one, language) for one in periods],
        "chosen": _name(period, language) if period else "",
        "period": period,
        "purposes": [
            (words.purpose(one), words.purpose_in_a_sentence(one), _told(figures, period, one, language))
            for one in PURPOSES
        ]
        if period
        else [],
        "small": number(SMALL, language),
        "until": _name(found.until, language) if found.until else "",
    }
    return render(request, "access/published.html", context)


@require_safe
def table(request: HttpRequest) -> HttpResponse:
    """Return every figure as CSV."""
    try:
        found = _asked(request)
    except Refused as refusal:
        return HttpResponse(f"{refusal}\n", content_type="text/plain; charset=utf-8", status=422)
    headers = {"Content-Disposition": f'attachment; filename="visits-as-of-{found.position}.csv"'}
    return HttpResponse(published.as_csv(found), content_type="text/csv; charset=utf-8", headers=headers)


def _name(period: str, language: str) -> str:
    """Return a year or a month as a language writes it."""
    first = date(int(period[:4]), int(period[5:] or 1), 1)
    return str(format_skeleton("y" if len(period) == 4 else "yMMMM", first, locale=locale(language)))


def _row(figures: Figures, period: str, language: str) -> dict[str, Any]:
    rate = figures.per_thousand(period)
    return {
        "period": period,
        "name": _name(period, language),
        "told": [_told(figures, period, column, language) for column in (VISITS, "break_glass")],
        "rate": "" if rate is None else format_decimal(rate, "#,##0.0", locale=locale(language)),
        "emergencies": [_told(figures, period, column, language) for column in (APPROVED, UNAPPROVED)],
    }


def _told(figures: Figures, period: str, column: str, language: str) -> dict[str, Any]:
    """Return a count as text, and whether it is one."""
    n = figures.told(period, column)
    if n is not None:
        return {"text": number(n, language), "is_number": True}
    if figures.counts[period, column] < SMALL:
        return {"text": _("fewer than %(n)s") % {"n": number(SMALL, language)}, "is_number": False}
    return {"text": _("withheld"), "is_number": False}
