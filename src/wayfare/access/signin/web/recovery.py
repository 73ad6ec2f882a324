"""Being let in again by two colleagues: asking, confirming, and setting a new passkey."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access import events
from wayfare.access.rules import Forbidden
from wayfare.access.signin import operations, passkeys, queries
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors
from wayfare.access.signin.web.doors import StaffRequest
from wayfare.ledger.web.words import moment


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def recover(request: HttpRequest) -> HttpResponse:
    """Ask to be let in again; whoever's address it is, the answer is a page of the asker's own."""
    if request.method != "POST":
        return render(request, "access/recover.html")
    email = request.POST.get("email", "")
    if "@" not in email:
        return render(request, "access/recover.html", {"email": email, "missing": True}, status=422)
    if seconds := doors.wait_seconds(request, email):
        return doors.too_many(request, seconds)
    secret = operations.ask_recovery(email, at=timezone.now())
    events.note("recovery_asked", account=queries.staff_of(email))
    return HttpResponseRedirect(reverse("staff-recovering", args=[secret]))


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def recovering(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the asker how it stands; once two colleagues have confirmed, let them set a new passkey."""
    found = queries.recovery(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    context = {"code": found.code, "ready": found.ready}
    context["until"] = moment(found.ends_at, translation.get_language() or "en")
    if request.method != "POST":
        return render(request, "access/recovering.html", context)
    if seconds := doors.wait_seconds(request):
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
    if seconds := doors.wait_seconds(request):
        return doors.too_many(request, seconds)
    found = operations.recovering(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    options, state = passkeys.asked_to_make(doors.site_of(request), *found, [])
    return doors.begin_ceremony(doors.about_link("recover", secret), options, state)


@require_http_methods(["GET", "HEAD", "POST"])
@doors.signed_in
def recoveries(request: StaffRequest) -> HttpResponse:
    """Show the colleagues who wait for a word; with POST, give it or say that it was not them."""
    now, language = timezone.now(), translation.get_language() or "en"
    if request.method == "POST":
        return _answered(request)
    waiting = [
        {
            "id": one.id,
            "name": one.name,
            "email": one.email,
            "office": one.office,
            "code": one.code,
            "asked": moment(one.asked_at, language),
            "until": moment(one.expires_at, language),
            "voices": len(one.voices),
            "mine": request.actor.staff in one.voices,
        }
        for one in queries.recoveries(request.actor, at=now)
    ]
    fresh = doors.is_fresh(request)
    return render(request, "access/recoveries.html", {"waiting": waiting, "fresh": fresh})


def _answered(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    try:
        recovery = UUID(request.POST.get("recovery", ""))
        if request.POST.get("do") == "refuse":
            operations.refuse_recovery(recovery, request.actor, at=now)
            events.note("recovery_refused", recovery=recovery)
        elif doors.is_fresh(request):
            enough = operations.confirm_recovery(recovery, request.actor, at=now)
            events.note("recovery_confirmed", recovery=recovery, enough=enough)
    except (ValueError, Forbidden) as problem:
        events.note("refused", why=getattr(problem, "code", "recovery"))
        raise Http404 from None
    return HttpResponseRedirect(reverse("staff-recoveries"))
