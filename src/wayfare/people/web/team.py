"""Who works on a case: seeing the team, joining it in words, putting colleagues on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access.purposes import ENROLLERS
from wayfare.access.rules import Forbidden
from wayfare.access.signin.web import StaffRequest, needs, shows_typed
from wayfare.access.signin.web.sure import ask_once_more
from wayfare.ledger.rules import Refused
from wayfare.people import queries
from wayfare.people.web import words


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*ENROLLERS)
@shows_typed
def team(request: StaffRequest, person: UUID) -> HttpResponse:
    """Show who is on the case team of a file; with POST, join or leave it, or as a supervisor let others."""
    context = _shown(request, person)
    if request.method != "POST":
        typed = {"reason": request.typed.get("reason", "")} if request.typed else {}
        return render(request, "people/team.html", context | typed)
    if request.POST.get("do") == "leave" and (page := _asked_once_more(request, context)):
        return page
    try:
        with access.acting(request.session_secret):
            _changed(request, person)
    except Refused as refusal:
        said = words.too_long(refusal, translation.get_language() or "en")
        context |= {
            "error": said or _("Say in a sentence why you join this team."),
            "reason": request.POST.get("reason", ""),
        }
        return render(request, "people/team.html", context, status=422)
    except Forbidden:
        raise Http404 from None
    return HttpResponseRedirect(reverse("file-team", args=[person]))


def _asked_once_more(request: StaffRequest, context: dict[str, Any]) -> HttpResponse | None:
    whom = request.POST.get("staff") or str(request.actor.staff)
    name = next((one["name"] for one in context["team"] if str(one["id"]) == whom and one["may_go"]), None)
    if name is None:  # refused as it always is
        return None
    question = _("Take %(name)s off the case team?") % {"name": name}
    says = _("They can no longer open this file for case work. A supervisor can put them back.")
    return ask_once_more(request, question, says, _("Take off the team"))


def _shown(request: StaffRequest, person: UUID) -> dict[str, Any]:
    actor = request.actor
    with access.acting(request.session_secret):
        number = queries.case_numbers([person]).get(person)
        if number is None:
            raise Http404
        on_it = staff.team(person)
    leads = "supervisor" in actor.roles
    return {
        "number": number,
        "team": [{"id": id_, "name": name, "may_go": leads or id_ == actor.staff} for id_, name in on_it.items()],
        "mine": actor.staff in on_it,
        "asks_why": bool(on_it) and not leads,
        "others": [(i, n) for i, n in staff.office_staff(actor.office).items() if i not in on_it] if leads else [],
    }


def _changed(request: StaffRequest, person: UUID) -> None:
    """Do what the form asks. Raises: Refused, Forbidden."""
    given = request.POST
    try:
        whom = UUID(given.get("staff") or str(request.actor.staff))
    except ValueError:
        raise Forbidden("staff") from None
    if given.get("do") == "leave":
        access.leave_team(person, whom)
    else:
        access.join_team(person, whom, why=given.get("reason", ""))
