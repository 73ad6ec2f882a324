"""The API: rooms' routers under one roof, one way to refuse, one description (OpenAPI)."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import orjson
import psycopg
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError, HttpError, ValidationError

from wayfare import __version__
from wayfare.access.api import anyone
from wayfare.common import trouble
from wayfare.common.rooms import load
from wayfare.common.web.calls import Mounted, refused
from wayfare.common.web.problems import MEDIA_TYPE, REFUSALS, Problem
from wayfare.ledger.api import known_parameters
from wayfare.site import invalid, rooms

log = logging.getLogger("wayfare.api")
PREFIX = "/api/v1/"
RETRY_SECONDS = "5"
_DETAILS = {
    "storage_full": "Nothing of this request was stored. Send it again when there is room.",
    "busy": "Nothing of this request was stored. Send the same again in a moment.",
    "unavailable": "Send the same again; what was stored already will be a duplicate.",
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"enum": list(REFUSALS)},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}
_LIVE = {
    "operationId": "live",
    "summary": "The live cells as they change",
    "description": "Server-sent events: first the cells as they stand, then each change, with its ledger position."
    " Needs the scope `statistics:exact`, or a session of staff who read the programme's exact figures.",
    "tags": ["statistics"],
    "parameters": [
        {"in": "path", "name": "key", "required": True, "schema": {"type": "string"}, "description": "The programme."}
    ],
    "responses": {
        "200": {"description": "OK", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **{str(status): {"$ref": "#/components/responses/Problem"} for status in (401, 403, 404, 429, 503)},
    },
    "security": [{"ExactFigures": []}],
}


class Api(NinjaAPI):
    """NinjaAPI with every refusal in its description, and the live path that the server answers itself."""

    def get_openapi_schema(self, **kwargs: Any) -> Any:
        """Return the description. The same for every request and installation."""
        schema = super().get_openapi_schema(path_prefix="api/v1/", **kwargs)
        components = schema["components"]
        components["schemas"]["Problem"] = _PROBLEM
        components["responses"] = {
            "Problem": {
                "description": "Refused; RFC 9457 problem details",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        }
        schema["paths"][f"{PREFIX}programmes/{{key}}/live"] = {"get": _LIVE}
        schema["paths"] = dict(sorted(schema["paths"].items()))
        return schema


api = Api(
    title="Wayfare",
    version="1",
    description="Every step on time, every departure counted once. Reads and writes need a bearer token.",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
)
MOUNTED: list[Mounted] = [one for room in rooms.manifests() if room.api for one in load(room.api)]
for one in MOUNTED:
    api.add_router(one.prefix, one.router, auth=one.auth)
open_router = Router(tags=["service"])
_OPEN = (400, 405, 422, 429, 500, 503)
"""What a call for everybody may be refused with."""


@open_router.get(
    "/health",
    operation_id="health",
    summary="Whether the service can do its work",
    openapi_extra=refused(
        *_OPEN,
        responses={
            200: {
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["status", "version"],
                            "properties": {"status": {"const": "ok"}, "version": {"type": "string"}},
                        }
                    }
                }
            }
        },
    ),
)
def health(request: HttpRequest) -> HttpResponse:
    """Ask the database something; 503 if it does not answer."""
    anyone(request)
    known_parameters(request)
    with connection.cursor() as cursor:
        cursor.execute("select 1 from ledger_entry limit 1")
    body = {"status": "ok", "version": __version__}
    return HttpResponse(orjson.dumps(body), content_type="application/json")


@cache
def description() -> bytes:
    """Return the OpenAPI description, as `docs/openapi.json` has it."""
    return orjson.dumps(
        api.get_openapi_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    )


@open_router.get(
    "/openapi.json",
    operation_id="openapi",
    summary="This description",
    openapi_extra=refused(*_OPEN, responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}}),
)
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the API's description as OpenAPI 3.1."""
    anyone(request)
    known_parameters(request)
    return HttpResponse(description(), content_type="application/json")


api.add_router("", open_router)


@api.exception_handler(Problem)
def _refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    return problem.response()


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, problem: ValidationError) -> HttpResponse:
    errors = [
        {"field": ".".join(map(str, error["loc"][1:]))[:100], "reason": invalid.reason(error)}
        for error in problem.errors
    ]
    if all(error["loc"][0] == "path" for error in problem.errors):
        return Problem("not_found", "Nothing is here, or nothing for this token.").response()
    detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
    return Problem("invalid", f"{detail}.", errors=errors).response()


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, problem: AuthenticationError) -> HttpResponse:
    return Problem("token_refused", "No valid token has this secret; ask for a new one.").response()


@api.exception_handler(Http404)
@api.exception_handler(HttpError)
def _absent(request: HttpRequest, problem: Http404 | HttpError) -> HttpResponse:
    return Problem("not_found", "Nothing is here, or nothing for this token.").response()


@api.exception_handler(DatabaseError)
@api.exception_handler(InterfaceError)
@api.exception_handler(psycopg.Error)  # COPY is not wrapped by Django
@api.exception_handler(OSError)
def _down(request: HttpRequest, problem: Exception) -> HttpResponse:
    """The database is away or busy, or a disk is full: the log says it to the operator, the answer to the client."""
    code = trouble.code_of(problem)
    if code is None:
        return _broken(request, problem)
    log.error("%s %s: %s: %s", request.method, request.path, code, problem)
    return Problem(code, _DETAILS[code], headers={"Retry-After": RETRY_SECONDS}).response()


@api.exception_handler(Exception)
def _broken(request: HttpRequest, problem: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=problem)
    return Problem("internal", "It was logged; nothing of this request was stored.").response()
