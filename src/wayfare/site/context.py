"""What every page's template knows."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from wayfare.site import navigation
from wayfare.site.demo import web


def shell(request: HttpRequest) -> dict[str, Any]:
    """Tell every page what its header shows, and whether this is a demo, where everybody reads exact figures.

    `demo_offices`: the colleagues as whom a visitor may sign in by one click; read when a page shows them.
    """
    return {
        "demo": settings.DEMO,
        "demo_offices": partial(web.offices, request),
        "links": navigation.links(request),
        "account": navigation.account(request),
    }
