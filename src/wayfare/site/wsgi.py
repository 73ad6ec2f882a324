"""Django as WSGI: pages and API, without the live updates, which need `wayfare.site.asgi`."""

from __future__ import annotations

from django.core.handlers.wsgi import WSGIHandler

from wayfare.site import runtime

runtime.set_up_django()
application = WSGIHandler()
