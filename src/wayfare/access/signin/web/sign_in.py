"""Signing in, by a passkey or by a password with a code; signing out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access import events
from wayfare.access import operations as access
from wayfare.access.signin import operations, passkeys, queries
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors, kept

ABOUT = "sign-in"


@require_http_methods(["GET", "HEAD", "POST"])
@doors.private
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the two ways to come in; with POST, try one. A form that is kept stays with the page (`kept`)."""
    box = request.POST.get(kept.FIELD, "")
    if request.method != "POST" or (box and request.POST.keys().isdisjoint(("credential", "email"))):
        return doors.shown_again(request, doors.presented(request)) or doors.sign_in_page(request, box)
    email = None if request.POST.get("credential") else request.POST.get("email", "")
    if seconds := doors.wait_seconds(request, "passkey" if email is None else "password", email):
        return doors.too_many(request, seconds)
    try:
        return doors.let_in(request, _proved(request), doors.way_on(request))
    except NotProved as problem:
        doors.not_proved(problem, queries.staff_of(email) if email is not None else None)
        return doors.sign_in_page(request, box, 403, wrong=True, email=email or "")


def _proved(request: HttpRequest) -> str:
    """Return the secret of a new session. Raises: NotProved."""
    now = timezone.now()
    if answer := request.POST.get("credential"):
        state = doors.finish_ceremony(request, ABOUT)
        proof = passkeys.proved(doors.site_of(request), state, answer, queries.passkey)
        return operations.sign_in_with_passkey(proof, at=now)
    email, password, code = (request.POST.get(name, "") for name in ("email", "password", "code"))
    device = doors.known_device(request, email)
    return operations.sign_in_with_code(email, password, code, at=now, device=device)


@require_POST
@doors.private
def sign_in_options(request: HttpRequest) -> HttpResponse:
    """Return what the browser asks a passkey for: the same for everybody."""
    if seconds := doors.wait_seconds(request, "passkey"):
        return doors.too_many(request, seconds)
    options, state = passkeys.asked_to_prove(doors.site_of(request))
    return doors.begin_ceremony(ABOUT, options, state)


@require_POST
@doors.private
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    access.end_session(doors.presented(request), at=timezone.now())
    events.note("signed_out")
    return doors.let_out(reverse("staff-sign-in"))
