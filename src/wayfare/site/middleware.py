"""Headers that every page carries."""

from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from wayfare.access.problems import MEDIA_TYPE, Problem

log = logging.getLogger("wayfare.pages")
POLICY = (
    "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let a page load only what we serve, and run no script written into it."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return respond


def _away(request: HttpRequest) -> HttpResponse:
    response = render(request, "503.html", status=503)
    response.headers["Retry-After"] = "5"
    response.headers["Cache-Control"] = "no-store"
    return response


class DatabaseAway:
    """Answers a page with "back in a moment", in the visitor's language, while the database does not answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Return the page if that is what went wrong; the operator reads in the log why."""
        if not isinstance(problem, OperationalError | InterfaceError | psycopg.OperationalError):
            return None
        log.error("%s: the database does not answer: %s", request.path, problem)
        return _away(request)


_BY_STATUS = {
    400: ("bad_request", "The request cannot be read; check its host name, headers and address."),
    404: ("not_found", "Nothing is here, or nothing for this token."),
    405: ("method_not_allowed", "The header `Allow` names what is done here."),
    413: ("body_too_large", "Divide the list."),
    503: ("unavailable", "Send the same again later."),
}
_KEPT = ("Content-Security-Policy",)
"""Of the headers whose names speak of content, what does not describe the body that is replaced."""


def problems(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Make every refusal below `/api/` problem details, whoever refused: never HTML, never a stack trace."""

    def respond(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return get_response(request)
        head = request.method == "HEAD"
        if head:
            request.method = "GET"  # the same answer, without its body (RFC 9110, 9.3.2)
        response = get_response(request)
        if response.status_code >= 400 and response.headers.get("Content-Type") != MEDIA_TYPE:
            code, detail = _BY_STATUS.get(
                response.status_code, ("internal", "It was logged; nothing of this request was stored.")
            )
            kept = {name: value for name, value in response.headers.items() if not name.startswith("Content-")}
            kept |= {name: response.headers[name] for name in _KEPT if name in response.headers}
            response = Problem(code, detail, headers=kept).response()
        response.headers.setdefault("Cache-Control", "no-store")
        if "GET" in (allowed := response.headers.get("Allow", "")):
            response.headers["Allow"] = f"{allowed}, HEAD"
        if head:
            response.headers["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return respond
