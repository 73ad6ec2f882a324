"""Whose exact figures a request may read: by a session's cookie on pages, by a token or a cookie over the API."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from wayfare.access import events, queries
from wayfare.access.rules import EVERYTHING, Actor, Reader, reader


def actor_of(request: HttpRequest) -> Actor | None:
    """Return who is signed in in the browser that asks; None for anybody else."""
    secret = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    actor = queries.actor(secret, at=timezone.now()) if secret else None
    if actor is not None:
        events.known(actor.staff)
    return actor


def reader_of(request: HttpRequest) -> Reader:
    """Return what a page shows of exact figures to whoever asks for it; in a demo, everything to everybody."""
    return EVERYTHING if settings.DEMO else reader(actor_of(request))


def asked_from_our_pages(request: HttpRequest) -> bool:
    """Tell whether a browser asks by itself or from a page of ours, not by another site's link or picture."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
