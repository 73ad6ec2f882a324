"""One call of the API."""

from __future__ import annotations

import orjson
from django.http import HttpRequest, HttpResponse
from ninja import Router

from tests.toy_room import projection
from wayfare.access.api import Scope
from wayfare.common.web.calls import Mounted, refused
from wayfare.ledger.api import known_parameters

_SCOPES = ("statistics:exact",)
router = Router(tags=["toy"])


@router.get(
    "/flights",
    operation_id="toy_flights",
    summary="The seats of each flight",
    openapi_extra=refused(400, 401, 403, 405, 422, 429, 500, 503),
)
def flights(request: HttpRequest) -> HttpResponse:
    """Return the seats of each flight."""
    known_parameters(request)
    return HttpResponse(orjson.dumps(projection.flights()), content_type="application/json")


ROUTERS = (Mounted("/toy", router, Scope(*_SCOPES), {"flights": {"GET": _SCOPES}}),)
