"""Accepting an invitation: with a passkey, or with a password and a code."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access.signin import keys, operations, passkeys, queries, totp
from wayfare.access.signin.queries import Invitation
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors, words
from wayfare.access.words import role as role_name
from wayfare.ledger.rules import Refused

_PENDING_SALT, _PENDING_SECONDS = "wayfare.generator", 3600


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def sign_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who is invited as what, and the two ways to accept; with POST, accept."""
    found = queries.invitation(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    if request.method != "POST":
        return _shown(request, found)
    if seconds := doors.wait_seconds(request):
        return doors.too_many(request, seconds)
    try:
        return doors.let_in(request, _accepted(request, found, secret), reverse("staff-me"))
    except Refused as refusal:
        return _shown(request, found, errors={refusal.field: words.refusal(refusal.field)})
    except NotProved as problem:
        doors.not_proved(request, problem)
        if problem.code == "invitation":
            return doors.closed(request)
        return _shown(request, found, wrong=True)


def _accepted(request: HttpRequest, found: Invitation, secret: str) -> str:
    now = timezone.now()
    if answer := request.POST.get("credential"):
        state = doors.finish_ceremony(request, doors.about_link("sign-up", secret))
        passkey = passkeys.made(doors.site_of(request), state, answer)
        return operations.accept_with_passkey(secret, passkey, "", at=now)
    generator = _pending(request, found)
    if generator is None:
        raise NotProved("generator")
    password, code = request.POST.get("password", ""), request.POST.get("code", "")
    return operations.accept_with_password(secret, password, generator, code, at=now)


def _pending(request: HttpRequest, found: Invitation) -> str | None:
    """Return the generator's secret that this form was shown with, None if it is not one of ours or too old.

    It travels sealed: a page that is saved or logged does not hold it beside its QR code for ever.
    """
    try:
        text = signing.loads(request.POST.get("generator", ""), salt=_PENDING_SALT, max_age=_PENDING_SECONDS)
    except signing.BadSignature:
        return None
    opened = keys.unsealed(keys.opened(settings.WAYFARE_HOME / "keys"), found.staff.bytes, bytes.fromhex(text))
    return opened.decode() if opened else None


def _shown(
    request: HttpRequest, found: Invitation, *, errors: dict[str, str] | None = None, wrong: bool = False
) -> HttpResponse:
    generator = (_pending(request, found) if request.method == "POST" else None) or totp.new_secret()
    box = keys.sealed(keys.opened(settings.WAYFARE_HOME / "keys"), found.staff.bytes, generator.encode())
    context: dict[str, Any] = {
        "invitation": found,
        "roles": [role_name(role) for role in found.roles],
        "generator": signing.dumps(box.hex(), salt=_PENDING_SALT),
        "typed": " ".join(generator[at : at + 4] for at in range(0, len(generator), 4)),
        "qr": totp.qr(totp.uri(generator, found.email)),
        "errors": errors or {},
        "wrong": wrong,
    }
    return render(request, "access/sign_up.html", context, status=403 if wrong else 422 if errors else 200)


@require_POST
@doors.private
def sign_up_options(request: HttpRequest, secret: str) -> HttpResponse:
    """Return what the browser asks a new passkey for."""
    if seconds := doors.wait_seconds(request):
        return doors.too_many(request, seconds)
    found = queries.invitation(secret, at=timezone.now())
    if found is None:
        return doors.closed(request)
    site = doors.site_of(request)
    options, state = passkeys.asked_to_make(site, found.staff, found.email, found.name, [])
    return doors.begin_ceremony(doors.about_link("sign-up", secret), options, state)
