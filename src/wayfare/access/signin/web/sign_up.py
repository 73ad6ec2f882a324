"""Accepting an invitation: with a passkey, or with a password and a code."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access.signin import operations, passkeys, queries
from wayfare.access.signin.queries import Invitation
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors, generator, words
from wayfare.access.words import role as role_name
from wayfare.ledger.rules import Refused


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def sign_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who is invited as what, and the two ways to accept; with POST, accept."""
    found = queries.invitation(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    if request.method != "POST":
        return _shown(request, found)
    if seconds := doors.wait_seconds(request, "link"):
        return doors.too_many(request, seconds)
    try:
        return doors.let_in(request, _accepted(request, found, secret), reverse("staff-home"))
    except Refused as refusal:
        return _shown(request, found, errors={refusal.field: words.refusal(refusal.field)})
    except NotProved as problem:
        doors.not_proved(problem)
        if problem.code == "invitation":
            return doors.closed(request)
        return _shown(request, found, wrong=True)


def _accepted(request: HttpRequest, found: Invitation, secret: str) -> str:
    now = timezone.now()
    if answer := request.POST.get("credential"):
        state = doors.finish_ceremony(request, doors.about_link("sign-up", secret))
        passkey = passkeys.made(doors.site_of(request), state, answer)
        return operations.accept_with_passkey(secret, passkey, "", at=now)
    secret_of_phone = generator.pending(request, found.staff)
    if secret_of_phone is None:
        raise NotProved("generator")
    password, code = request.POST.get("password", ""), request.POST.get("code", "")
    return operations.accept_with_password(secret, password, secret_of_phone, code, at=now)


def _shown(
    request: HttpRequest, found: Invitation, *, errors: dict[str, str] | None = None, wrong: bool = False
) -> HttpResponse:
    context: dict[str, Any] = {
        "invitation": found,
        "roles": [role_name(role) for role in found.roles],
        **generator.offered(request, found.staff, found.email),
        "errors": errors or {},
        "wrong": wrong,
    }
    return render(request, "access/sign_up.html", context, status=403 if wrong else 422 if errors else 200)


@require_POST
@doors.private
def sign_up_options(request: HttpRequest, secret: str) -> HttpResponse:
    """Return what the browser asks a new passkey for."""
    if seconds := doors.wait_seconds(request, "link"):
        return doors.too_many(request, seconds)
    found = queries.invitation(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    site = doors.site_of(request)
    options, state = passkeys.asked_to_make(site, found.staff, found.email, found.name, [])
    return doors.begin_ceremony(doors.about_link("sign-up", secret), options, state)
