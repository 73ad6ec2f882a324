"""What every page's template knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from wayfare.site import navigation


def shell(request: HttpRequest) -> dict[str, Any]:
    """Tell every page what its header shows, and whether this is a demo, where everybody reads exact figures."""
    return {"demo": settings.DEMO, "links": navigation.links(request), "account": navigation.account(request)}
