"""The page on which one sets or changes one's own password and code generator, after a fresh sign-in."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from wayfare.access import events
from wayfare.access.signin import own, queries
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors, generator, words
from wayfare.access.signin.web.doors import StaffRequest
from wayfare.ledger.rules import Refused

_DONE = {"set": "password_set", "password": "password_changed", "generator": "generator_changed"}
"""What a form asks → what has happened then."""


@require_http_methods(["GET", "HEAD", "POST"])
@doors.signed_in
def password(request: StaffRequest) -> HttpResponse:
    """Show the forms; with POST, do what one asks. The old password can be guessed here no faster than at sign-in."""
    if not doors.is_fresh(request):
        return HttpResponseRedirect(f"{reverse('staff-sign-in')}?next={reverse('staff-password')}")
    if request.method != "POST":
        return _shown(request)
    if seconds := doors.wait_seconds(request, "password", queries.email_of(request.actor.staff)):
        return doors.too_many(request, seconds)
    wanted = request.POST.get("do", "")
    if wanted not in _DONE:
        raise Http404
    try:
        _changed(request, wanted)
    except Refused as refusal:
        return _shown(request, {refusal.field: words.refusal(refusal.field)}, 422)
    except NotProved as problem:
        events.note("not_changed", why=problem.code)
        return _shown(request, {"old": words.refusal("old")}, 403)
    events.note(_DONE[wanted])
    return HttpResponseRedirect(reverse("staff-me"))


def _changed(request: StaffRequest, wanted: str) -> None:
    """Do what a form asks. Raises: Refused, NotProved."""
    now, actor, here = timezone.now(), request.actor, request.session_secret
    old, new, code = (request.POST.get(name, "") for name in ("old", "password", "code"))
    if wanted == "password":
        own.change_password(actor.staff, actor.name, old, new, here, at=now)
        return
    phone = generator.pending(request, actor.staff)
    if phone is None:
        raise Refused("code", "is of a generator that was shown too long ago; scan the new one")
    if wanted == "set":
        own.set_password(actor.staff, actor.name, new, phone, code, here, at=now)
    else:
        own.change_generator(actor.staff, old, phone, code, here, at=now)


def _shown(request: StaffRequest, errors: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    email = queries.email_of(request.actor.staff)
    context: dict[str, Any] = {
        "email": email,
        "has": own.password(request.actor.staff) is not None,
        "asked": request.POST.get("do", ""),
        "errors": errors or {},
        **generator.offered(request, request.actor.staff, email),
    }
    return render(request, "access/password.html", context, status=status)
