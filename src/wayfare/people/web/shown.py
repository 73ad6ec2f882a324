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

from wayfare.access import naming, words
from wayfare.access import operations as access
from wayfare.access.purposes import OPENERS
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.shown import Seen, shown_by_staff
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.common.web.formats import number
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
            files = queries.files_named([person])
    except Forbidden:
        raise Http404 from None
    bar = {"back": _("Back to files"), "print": _("To print, use your browser: this line is left out.")}
    bar |= {"out": _("Sign out"), "language": own, "dir": "rtl" if translation.get_language_bidi() else "ltr"}
    with translation.override(language):
        context = {
            "person": person,
            "case": naming.file_name(person, files) if person in files else "",
            "bar": bar,
            "lines": [_line(one, request.actor, language) for one in seen],
            "count": ngettext("%(n)s visit in all.", "%(n)s visits in all.", len(seen))
            % {"n": number(len(seen), language)},
            "now": words.moment(timezone.now(), language, request.actor.timezone),
        }
        response = render(request, "people/shown.html", context)
    response.headers["Content-Language"] = language
    return response


def _line(one: Seen, actor: Actor, language: str) -> dict[str, Any]:
    def moment(at: Any) -> str:
        return words.moment(at, language, actor.timezone)

    entries = one.entries
    return {
        "at": moment(entries[0].at),
        "sentence": words.look_by(one.who, one.roles, one.groups, one.purpose),
        "corrected": words.corrected(one.corrected),
        "why": one.why,
        "times": words.openings(one.openings, entries[0].at, entries[-1].at, language, actor.timezone),
        "until": moment(one.open_until) if one.open_until else "",
        "ended": one.open_until is not None and one.open_until <= timezone.now(),
        "second": one.second,
        "held": {"until": moment(one.held.until), "basis": one.held.basis} if one.held else None,
        "details": [
            {
                "at": words.clock(entry.at, language, actor.timezone),
                "position": entry.position,
                "what": words.corrected(entry.groups) if entry.corrected else words.groups(entry.groups),
            }
            for entry in entries
        ],
    }
