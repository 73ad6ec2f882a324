"""Signing in to the example by one click: only in a home of `wayfare demo`, and only from the machine that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from wayfare.access import words
from wayfare.access.signin import example
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors

_NAMES_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_OF_A_PROXY = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def is_open(request: HttpRequest) -> bool:
    """Tell whether a request may sign in by one click.

    The home must be one of `wayfare demo`, with its own database. Both ends of the connection must be addresses of this
    machine, and the host name one of its own (a page of another site can have its name lead here). A header that a
    proxy adds says that the request was passed on; no header opens anything.
    """
    return (
        bool(settings.DEMO and settings.EMBEDDED and not settings.HTTPS)
        and all(_is_loopback(request.META.get(end, "")) for end in ("REMOTE_ADDR", "SERVER_NAME"))
        and _host(request) in _NAMES_OF_THIS_MACHINE
        and not any(header in request.headers for header in _OF_A_PROXY)
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _host(request: HttpRequest) -> str:
    """Return the host that a request names, without the port."""
    name, separator, port = request.headers.get("Host", "").rpartition(":")
    return (name if separator and port.isdigit() else f"{name}{separator}{port}").lower()


@csrf_exempt
@doors.private
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as a colleague of the example; where that is not open, nothing is here, whatever is sent."""
    if not is_open(request):
        raise Http404
    return _sign_in(request)


@csrf_protect
@require_POST
def _sign_in(request: HttpRequest) -> HttpResponse:
    try:
        secret = example.sign_in(UUID(request.POST.get("colleague", "")), at=timezone.now())
    except (ValueError, NotProved):
        raise Http404 from None
    return doors.let_in(request, secret, doors.way_on(request))


def offices(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """Yield the offices of the example with the colleagues as whom this request may sign in; none where it may not."""
    found = example.colleagues() if is_open(request) else []
    for office, colleagues in groupby(sorted(found, key=lambda one: one.office), lambda one: one.office):
        yield {"name": office, "colleagues": [_shown(one) for one in colleagues]}


def _shown(one: example.Colleague) -> dict[str, Any]:
    role = words.role(one.roles[0])
    return {"id": one.staff, "name": one.name.split()[0], "role": role[:1].lower() + role[1:]}
