"""Headers that every page carries."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers

from wayfare.access import events
from wayfare.access.callers import address_of
from wayfare.access.keyfiles import KeyProblem
from wayfare.common import trouble
from wayfare.common.web.headers import safety
from wayfare.common.web.problems import MEDIA_TYPE, REFUSALS, Problem
from wayfare.people.masterkeys import MasterKeyProblem
from wayfare.people.sealing import SealRefusal
from wayfare.site import bodies

log = logging.getLogger("wayfare.pages")
_TROUBLE = {"unavailable": "503.html", "busy": "busy.html", "storage_full": "full.html"}


def safety_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Let no answer lack what keeps a browser from doing more with it than we mean: refusals and files too."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in safety(settings.HTTPS).items():
            response.headers.setdefault(name, value)
        return response

    return respond


def varies_by_cookie(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Say of each page that it depends on cookies: the one of the language, and the one of who is signed in."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html") or response.has_header("Location"):
            patch_vary_headers(response, ("Cookie",))
        return response

    return respond


class SecurityEvents:
    """Says, for the lines of security events, at which door and from which address each request came."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on, within the request's own context."""
        with events.asked("", address_of(request)):
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """Note the door's pattern: the address itself may hold the secret of a link."""
        events.at_door(request.resolver_match.route if request.resolver_match else "")


def _told(request: HttpRequest, template: str, status: int, **facts: str) -> HttpResponse:
    response = render(request, template, facts, status=status)
    response.headers["Cache-Control"] = "no-store"
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def cut_page(request: HttpRequest, code: str) -> HttpResponse:
    """Return the page that says why a form was not taken, in the visitor's language; `code`: of `REFUSALS`."""
    with translation.override(translation.get_language_from_request(request)):
        response = render(request, "cut.html", {"code": code}, status=REFUSALS[code].status)
    response.headers["Cache-Control"] = "no-store"
    return response


class FormLimit:
    """Refuses a form that is longer than forms are, before anything of it is read. The API refuses by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on what is not too long."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        own = request.path.startswith("/api/") or request.path == "/log/"  # they say it in their own words
        if not own and (not length.isdecimal() or int(length) > bodies.limit(request.path)):
            return cut_page(request, "body_too_large")
        return self.get_response(request)


class Trouble:
    """Answers a page in the visitor's language when the database, the master keys or a sealed value fail it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        """Return the page if that is what went wrong; the operator reads in the log why."""
        route = request.resolver_match.route if request.resolver_match else ""
        if code := trouble.code_of(problem):
            log.error("%s: %s: %s", route, code, problem)
            return _told(request, _TROUBLE[code], 503)
        if isinstance(problem, KeyProblem):
            log.error("%s: a key cannot be used: %s", route, problem)
            template = "keys.html" if isinstance(problem, MasterKeyProblem) else "sign_in_key.html"
            return _told(request, template, 503, cause=problem.code)
        if isinstance(problem, SealRefusal):
            log.error("%s: what is stored does not open: %s", route, problem)
            events.note("not_opened", why=problem.code)
            return _told(request, "altered.html", 500)
        return None


def method_refused(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a method that an address does not take with a page. The API has its own words."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code != 405 or response.content or request.path.startswith("/api/"):
            return response
        allowed = response.headers["Allow"]
        page = _told(request, "method.html", 405, takes="page" if "GET" in allowed else "form")
        page.headers["Allow"] = allowed
        return page

    return respond


_BY_STATUS = {
    400: ("bad_request", "The request cannot be read; check its host name, headers and address."),
    404: ("not_found", "Nothing is here, or nothing for this token."),
    405: ("method_not_allowed", "The header `Allow` names what is done here."),
    413: ("body_too_large", "Divide the list."),
    503: ("unavailable", "Send the same again later."),
}


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
            response = Problem(code, detail, headers=kept).response()
        response.headers.setdefault("Cache-Control", "no-store")
        if "GET" in (allowed := response.headers.get("Allow", "")):
            response.headers["Allow"] = f"{allowed}, HEAD"
        if head:
            response.headers["Content-Length"] = str(len(response.content))
            response.content = b""
        return response

    return respond
