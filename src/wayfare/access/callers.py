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
    return address_by(request.headers.get("X-Real-IP", ""), request.META.get("REMOTE_ADDR", ""))


def address_by(named: str, connected: str) -> str:
    """Return the same by the header's value and the connection's address, for what does not come by Django."""
    return address_key((named if settings.HTTPS else "") or connected)
