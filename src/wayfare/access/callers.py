"""From which address a request comes: for limits, and for the lines of security events."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from wayfare.access.rules import address_key


def address_of(request: HttpRequest) -> str:
    """Return the address that asks (of IPv6 its /64); behind our own proxy, the one that the proxy names.

    `X-Real-IP` is believed with `WAYFARE_HTTPS=yes` alone, which says that a proxy of ours is in front and overwrites
    it. Otherwise anybody could write it. `X-Forwarded-For`, to which every proxy adds, is never read.
    """
    named = request.headers.get("X-Real-IP", "") if settings.HTTPS else ""
    return address_key(named or request.META.get("REMOTE_ADDR", ""))
