"""Account recovery: asking for it, approving or stopping it, and making a new passkey."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access import events, words
from wayfare.access.duties import OBSTACLES
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden
from wayfare.access.signin import operations, passkeys, queries
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors
from wayfare.access.signin.web.doors import StaffRequest
from wayfare.common.web.formats import moment


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def recover(request: HttpRequest) -> HttpResponse:
    """Ask to be let in again; whoever's address it is, the answer is a page of the asker's own."""
    if request.method != "POST":
        return render(request, "access/recover.html")
    email = request.POST.get("email", "")
    if "@" not in email:
        return render(request, "access/recover.html", {"email": email, "missing": True}, status=422)
    if seconds := doors.wait_seconds(request, "recovery", email):
        return doors.too_many(request, seconds)
    secret = operations.ask_recovery(email, at=timezone.now())
    events.note("recovery_asked", account=queries.staff_of(email))
    return HttpResponseRedirect(reverse("staff-recovering", args=[secret]))


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def recovering(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the asker how it stands; once it is approved and the waiting time over, let them make a new passkey."""
    found = queries.recovery(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    language = translation.get_language() or "en"
    context = {
        "code": found.code,
        "approved": found.usable_at is not None,
        "usable": found.usable_at and moment(found.usable_at, language),
        "ready": found.usable_at is not None and found.usable_at <= timezone.now(),
        "until": moment(found.ends_at, language),
    }
    if request.method != "POST":
        return render(request, "access/recovering.html", context)
    if seconds := doors.wait_seconds(request, "link"):
        return doors.too_many(request, seconds)
    try:
        state = doors.finish_ceremony(request, doors.about_link("recover", secret))
        passkey = passkeys.made(doors.site_of(request), state, request.POST.get("credential", ""))
        return doors.let_in(request, operations.recover(secret, passkey, "", at=timezone.now()), reverse("staff-me"))
    except NotProved as problem:
        doors.not_proved(problem)
        return render(request, "access/recovering.html", context | {"wrong": True}, status=403)


@require_POST
@doors.private
def recovering_options(request: HttpRequest, secret: str) -> HttpResponse:
    """Return what the browser asks a new passkey for."""
    if seconds := doors.wait_seconds(request, "link"):
        return doors.too_many(request, seconds)
    found = operations.recovering(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    options, state = passkeys.asked_to_make(doors.site_of(request), *found, [])
    return doors.begin_ceremony(doors.about_link("recover", secret), options, state)


@require_http_methods(["GET", "HEAD", "POST"])
@doors.signed_in
def recoveries(request: StaffRequest) -> HttpResponse:
    """List the open requests of colleagues; with POST, approve or stop one."""
    if request.method != "POST":
        return _listed(request)
    obstacle = _answered(request)
    return _listed(request, obstacle) if obstacle else HttpResponseRedirect(reverse("staff-recoveries"))


def _listed(request: StaffRequest, obstacle: str = "") -> HttpResponse:
    language = translation.get_language() or "en"
    with acting(request.session_secret):
        found = queries.recoveries(request.actor.staff)
    waiting = [
        {
            **one._asdict(),
            "asked": words.moment(one.asked_at, language, request.actor.timezone),
            "until": words.moment(one.expires_at, language, request.actor.timezone),
            "usable": one.usable_at and words.moment(one.usable_at, language, request.actor.timezone),
            "obstacle": OBSTACLES.get(one.obstacle or "", ""),
        }
        for one in found
    ]
    context = {"waiting": waiting, "fresh": doors.is_fresh(request), "wrong": OBSTACLES.get(obstacle, "")}
    return render(request, "access/recoveries.html", context, status=403 if obstacle else 200)


def _answered(request: StaffRequest) -> str:
    """Do what a form asks; return the code of what stands in the way of the actor's approval, if that is all."""
    try:
        recovery = UUID(request.POST.get("recovery", ""))
        with acting(request.session_secret):
            if request.POST.get("do") == "stop":
                operations.stop_recovery(recovery)
                events.note("recovery_stopped", recovery=recovery)
            else:
                enough = operations.approve_recovery(recovery)
                events.note("recovery_approved", recovery=recovery, enough=enough)
    except ValueError:
        raise Http404 from None
    except Forbidden as problem:
        if problem.code == "not_fresh":
            return ""
        if problem.code not in OBSTACLES:
            raise Http404 from None
        return problem.code
    return ""
