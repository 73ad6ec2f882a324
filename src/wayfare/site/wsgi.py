"""Django as WSGI: pages and API, without the live updates, which need `wayfare.site.asgi`."""

from __future__ import annotations

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from wayfare.site import homes, runtime

runtime.set_up_django()
homes.require(settings.WAYFARE_HOME)
application = WSGIHandler()
