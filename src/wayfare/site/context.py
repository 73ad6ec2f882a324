"""What every page's template knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def demo(request: HttpRequest) -> dict[str, bool]:
    """Tell every page whether this is a demo, where the navigation leads everybody to the exact figures."""
    return {"demo": settings.DEMO}
