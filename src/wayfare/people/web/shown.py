"""Who looked into a file, as its person sees it: for staff to print, or to show at the person's request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from wayfare.access import operations as access
from wayfare.access import words
from wayfare.access.purposes import OPENERS
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.shown import Seen, shown_by_staff
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.ledger.web.words import number
from wayfare.people import queries


@require_safe
@needs(*OPENERS)
def looks(request: StaffRequest, person: UUID) -> HttpResponse:
    """Show the looks into a file in the person's language, which is chosen here and is not that of who works here."""
    own = translation.get_language() or "en"
    asked = request.GET.get("language", own)
    language = asked if asked in dict(settings.LANGUAGES) else own
    try:
        with access.acting(request.session_secret):
            seen = shown_by_staff(person)
            case = queries.case_numbers([person]).get(person, "")
    except Forbidden:
        raise Http404 from None
    bar = {"back": _("Back to the files"), "print": _("To print, use your browser: this line is left out.")}
    bar |= {"out": _("Sign out"), "language": own, "dir": "rtl" if translation.get_language_bidi() else "ltr"}
    with translation.override(language):
        context = {
            "person": person,
            "case": case,
            "bar": bar,
            "lines": [_line(one, request.actor, language) for one in seen],
            "count": ngettext("%(n)s look in all.", "%(n)s looks in all.", _count(seen))
            % {"n": number(_count(seen), language)},
            "now": words.moment(timezone.now(), language, request.actor.timezone),
        }
        response = render(request, "people/shown.html", context)
    response.headers["Content-Language"] = language
    return response


def _count(seen: list[Seen]) -> int:
    return sum(len(one.at) for one in seen)


def _line(one: Seen, actor: Actor, language: str) -> dict[str, Any]:
    def moment(at: Any) -> str:
        return words.moment(at, language, actor.timezone)

    first, last = one.positions[0], one.positions[-1]
    times = ngettext("%(n)s time, until %(at)s", "%(n)s times, until %(at)s", len(one.at))
    return {
        "at": moment(one.at[0]),
        "sentence": words.look_by(one.who, one.roles, one.groups, one.purpose),
        "why": one.why,
        "again": times % {"n": number(len(one.at), language), "at": moment(one.at[-1])} if len(one.at) > 1 else "",
        "until": moment(one.open_until) if one.open_until else "",
        "ended": one.open_until is not None and one.open_until <= timezone.now(),
        "second": one.second,
        "held": {"until": moment(one.held.until), "basis": one.held.basis} if one.held else None,
        "positions": str(first) if first == last else f"{first}–{last}",
    }
