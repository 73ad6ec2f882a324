"""Administration: staff, their roles, invitations, offices. Administrators do all of it, and read no file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from wayfare.access import events
from wayfare.access import operations as access
from wayfare.access.purposes import ROLES
from wayfare.access.signin import operations, queries, tries
from wayfare.access.signin.queries import Colleague
from wayfare.access.signin.web import doors, words
from wayfare.access.signin.web.doors import StaffRequest
from wayfare.access.signin.web.kept import shows_typed
from wayfare.access.signin.web.sure import ask_once_more
from wayfare.access.words import moment
from wayfare.access.words import role as role_name
from wayfare.ledger import zones
from wayfare.ledger.rules import Refused


def _line(one: Colleague, zone: str) -> dict[str, Any]:
    language = translation.get_language() or "en"
    names = [role_name(role) for role in one.roles]
    return {**one._asdict(), "since": moment(one.since, language, zone), "roles": names, "has": one.roles}


def _roles(chosen: tuple[str, ...] | list[str]) -> list[tuple[str, str, bool]]:
    return [(role, role_name(role), role in chosen) for role in ROLES]


@require_http_methods(["GET", "HEAD", "POST"])
@doors.needs("administrator")
def people(request: StaffRequest) -> HttpResponse:
    """List the staff and the open invitations; with POST, end the sessions of all but the one who asks."""
    if request.method == "POST":
        if page := ask_once_more(
            request,
            _("End all sessions?"),
            _("Everybody but you is signed out at once, in all offices."),
            _("End all sessions"),
        ):
            return page
        ended = access.end_sessions(None, by=request.session_secret, at=timezone.now())
        events.note("sessions_ended", whose="everybody", count=ended)
        return HttpResponseRedirect(reverse("staff-people"))
    lines = [_line(one, request.actor.timezone) for one in queries.colleagues(at=timezone.now())]
    return render(request, "access/people.html", {"lines": lines})


@require_http_methods(["GET", "HEAD", "POST"])
@doors.needs("administrator")
def colleague(request: StaffRequest, staff: UUID) -> HttpResponse:
    """Show one colleague; with POST, change their roles, let them leave, or withdraw their invitation."""
    found = queries.colleague(staff, at=timezone.now())
    if found is None:
        raise Http404
    context: dict[str, Any] = {"one": _line(found, request.actor.timezone), "roles": _roles(found.roles)}
    context["blocked"] = tries.blocked_at(found.staff) is not None
    if request.method != "POST":
        return render(request, "access/colleague.html", context)
    if page := _asked_once_more(request, found):
        return page
    try:
        _changed(request, found)
    except Refused as refusal:
        context["errors"] = {"roles": words.refusal(refusal.field)}
        context["roles"] = _roles(request.POST.getlist("roles") or list(found.roles))
        return render(request, "access/colleague.html", context, status=422)
    return HttpResponseRedirect(reverse("staff-people"))


def _asked_once_more(request: StaffRequest, found: Colleague) -> HttpResponse | None:
    """Return the page that asks once more before a colleague loses something; None where there is nothing to ask."""
    name = {"name": found.name}
    match request.POST.get("do"), found.state:
        case "leave", "active":
            question = _("Remove the access of %(name)s?") % name
            says = _("They can open nothing from their next request on. To come back, they need a new invitation.")
            return ask_once_more(request, question, says, _("Remove access"))
        case "end", "active":
            question = _("End all sessions of %(name)s?") % name
            says = _("They are signed out everywhere at once.")
            return ask_once_more(request, question, says, _("End all their sessions"))
        case "withdraw", "invited" | "run_out":
            question = _("Withdraw the invitation of %(name)s?") % name
            says = _("The link they were given stops working. They need a new invitation.")
            return ask_once_more(request, question, says, _("Withdraw the invitation"))
    return None


def _changed(request: StaffRequest, found: Colleague) -> None:
    now = timezone.now()
    match request.POST.get("do"), found.state:
        case "roles", "active":
            roles = request.POST.getlist("roles")
            operations.may_leave_the_role(found.staff, roles)
            before = sorted(found.roles)
            waits = access.change_roles(found.staff, roles, by=request.session_secret, at=now)
            events.note("roles_changed", whose=found.staff, before=before, after=sorted(set(roles)), waits=waits)
        case "leave", "active":
            operations.may_leave_the_role(found.staff, ())
            access.leave(found.staff, by=request.session_secret, at=now)
            events.note("left", whose=found.staff)
        case "end", "active":
            count = access.end_sessions(found.staff, by=request.session_secret, at=now)
            events.note("sessions_ended", whose=found.staff, count=count)
        case "unblock", "active":
            with access.acting(request.session_secret):
                tries.unblock_password(found.staff)
            events.note("password_unblocked", whose=found.staff)
        case "withdraw", "invited" | "run_out":
            operations.withdraw(found.email, by=request.session_secret, at=now)
            events.note("invitation_withdrawn", whose=found.staff)
        case _:
            raise Http404


@require_http_methods(["GET", "HEAD", "POST"])
@doors.needs("administrator")
@shows_typed
def invite(request: StaffRequest) -> HttpResponse:
    """Invite somebody; the link is shown this once."""
    given = request.typed or request.POST
    context: dict[str, Any] = {
        "offices": queries.offices(),
        "spoken": settings.LANGUAGES,
        "given": {name: given.get(name, "") for name in ("name", "email", "office", "language")},
        "roles": _roles(given.getlist("roles")),
    }
    if request.method != "POST":
        return render(request, "access/invite.html", context)
    values = context["given"]
    try:
        secret = operations.invite(
            values["name"],
            values["email"],
            values["office"],
            given.getlist("roles"),
            values["language"],
            by=request.session_secret,
            at=timezone.now(),
        )
    except Refused as refusal:
        alike = isinstance(refusal, operations.LooksAlike)
        context["errors"] = {refusal.field: words.looks_alike() if alike else words.refusal(refusal.field)}
        return render(request, "access/invite.html", context, status=422)
    events.note("invited", roles=sorted(set(given.getlist("roles"))), office=values["office"])
    link = doors.site_of(request).origin + reverse("staff-sign-up", args=[secret])
    return render(request, "access/invited.html", {"link": link, "name": values["name"]})


@require_http_methods(["GET", "HEAD", "POST"])
@doors.needs("administrator")
@shows_typed
def offices(request: StaffRequest) -> HttpResponse:
    """List the offices; with POST, add one or change its name and time zone."""
    sent = request.typed or request.POST
    given = {name: sent.get(name, "").strip() for name in ("id", "name", "timezone")}
    context: dict[str, Any] = {"offices": queries.offices(), "given": given}
    if request.method != "POST":
        return render(request, "access/offices.html", context)
    try:
        operations.set_office(**given, by=request.session_secret)
    except Refused as refusal:
        meant = zones.place_of(given["timezone"]) if refusal.field == "timezone" else None
        context["errors"] = {refusal.field: words.old_zone(meant) if meant else words.refusal(refusal.field)}
        return render(request, "access/offices.html", context, status=422)
    events.note("office_set", office=given["id"])
    return HttpResponseRedirect(reverse("staff-offices"))
