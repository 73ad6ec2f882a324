"""What every page's template knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from wayfare.access.rules import NOTHING, reader
from wayfare.departures import queries


def demo(request: HttpRequest) -> dict[str, Any]:
    """Tell every page whether this is a demo, and whether the navigation leads to the exact figures."""
    return {"demo": settings.DEMO, "leads_to_figures": lambda: settings.DEMO or _reads_some(request)}


def _reads_some(request: HttpRequest) -> bool:
    """Tell whether who is signed in reads the exact figures of a programme that there is."""
    reading = reader(getattr(request, "actor", None))
    return reading != NOTHING and bool(queries.readable(reading)[0])
