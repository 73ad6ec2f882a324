"""The closed list of purposes, as staff may read it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from wayfare.access import words
from wayfare.access.purposes import PURPOSES, VERSION
from wayfare.access.signin.web import StaffRequest, signed_in
from wayfare.common.web.formats import number


@require_safe
@signed_in
def purposes(request: StaffRequest) -> HttpResponse:
    """Show what a file may be opened for, by whom, how much of it, how long, and what is asked for."""
    language = translation.get_language() or "en"
    listed = [
        {
            "code": code,
            "name": words.purpose(code),
            "what_for": words.purpose_in_a_sentence(code),
            "groups": words.groups(known.groups),
            "roles": [(words.role(role), words.scope(scope)) for role, scope in known.roles.items()],
            "hours": ngettext("%(n)s hour at most", "%(n)s hours at most", known.hours)
            % {"n": number(known.hours, language)},
            "needs": words.needs(known.needs),
            "mine": bool(request.actor.roles & known.roles.keys()),
        }
        for code, known in PURPOSES.items()
    ]
    return render(request, "access/purposes.html", {"purposes": listed, "version": number(VERSION, language)})
