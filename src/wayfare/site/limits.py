"""How long what somebody types may be: every field of every form and address has a limit, and it stands here.

`FieldLimits` answers before a page is asked, so that no page reads more; the pages of people say it beside the field.
What they make of a text is bounded in turn (`tests/test_bounds.py` has each function and its bound).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from wayfare.access.operations import WORDS_LIMIT
from wayfare.access.signin.passkeys import ANSWER_MAX
from wayfare.access.signin.rules import PASSWORD_MOST
from wayfare.access.signin.web.kept import FIELD, MOST
from wayfare.common.web.formats import number
from wayfare.common.web.problems import Problem
from wayfare.people.fields import TEXT_LIMIT
from wayfare.people.rules import CHANNEL_LIMIT, NOTE_LIMIT, SEARCH_LIMIT

ANY = 300
"""Characters of a field that is not named below, such as a name, an id, a choice."""
NAME = 100
"""Characters of a field's own name."""
FIELDS: dict[tuple[str, str], int] = {
    ("files", "text"): SEARCH_LIMIT,
    ("file-correct", "text"): NOTE_LIMIT,
    ("file-correct", "value"): CHANNEL_LIMIT,
    ("file-take-up", "reason"): WORDS_LIMIT,
    ("file-take-up", "basis"): WORDS_LIMIT,
    ("file-team", "reason"): WORDS_LIMIT,
    ("file-erase", "why"): WORDS_LIMIT,
    ("file-erasure", "why"): WORDS_LIMIT,
    ("staff-requests", "why"): WORDS_LIMIT,
    ("", "credential"): ANSWER_MAX,
    ("", "password"): 4 * PASSWORD_MOST,
    ("", "old"): 4 * PASSWORD_MOST,
    ("", "csrfmiddlewaretoken"): 100,
    ("", FIELD): MOST,
    ("", "next"): 2_000,
    ("", "back"): 2_000,
}
"""By the page's name and the field's (of `channels.0.value` its last part); with no page, on every page."""
TOLD_BY_THE_PAGE = frozenset({"files", "file-enrol", "file-correct", "file-take-up", "file-team"})
"""Pages that tell beside the field that a text is too long, and keep what was typed; up to `PAGE_READS` characters."""
PAGE_READS = 10_000
_WHOLE = frozenset({"log"})
"""Pages that take a file, and limit a form as a whole before they read it."""
_LABELS: dict[str, str | Promise] = {
    "text": _("Name or case number"),
    "name": _("Name"),
    "latin": _("The same name in Latin letters, if it is in another script"),
    "document_name": _("Name on a document, if it is different"),
    "address": _("How they wish to be addressed"),
    "phone": _("Telephone"),
    "reason": _("Reason"),
    "why": _("Reason"),
}


class TooLong(NamedTuple):
    """A field that holds more than its limit."""

    field: str
    length: int
    limit: int

    @property
    def label(self) -> str:
        """The name that a reader knows the field by."""
        return str(_LABELS.get(self.field, self.field))


def limit_of(page: str, field: str) -> int:
    """Return how many characters a field of a page may hold."""
    last = field.rpartition(".")[2]
    return FIELDS.get((page, last)) or FIELDS.get(("", last)) or min(ANY, TEXT_LIMIT if "." in field else ANY)


def too_long(page: str, given: QueryDict | Mapping[str, str]) -> TooLong | None:
    """Return the first field of a form or address that holds more than its limit."""
    lists = given.lists() if isinstance(given, QueryDict) else ((name, [value]) for name, value in given.items())
    for name, values in lists:
        if len(name) > NAME:
            return TooLong(name[:NAME], len(name), NAME)
        limit = limit_of(page, name)
        read = max(limit, PAGE_READS) if page in TOLD_BY_THE_PAGE else limit
        for value in values:
            if len(value) > read:
                return TooLong(name, len(value), limit)
    return None


def with_nul(given: QueryDict | Mapping[str, str]) -> str | None:
    """Return the first field of a form or address that holds a NUL, which no text of the database can hold."""
    lists = given.lists() if isinstance(given, QueryDict) else ((name, [value]) for name, value in given.items())
    return next((name for name, values in lists if "\0" in name or any("\0" in value for value in values)), None)


class FieldLimits:
    """Answers in the page's place when a field holds more than its limit, or a NUL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Hand on."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Return the answer that names the field and what is wrong, if one is too long or holds a NUL."""
        page = request.resolver_match.url_name or "" if request.resolver_match else ""
        api = request.path.startswith("/api/")
        form = {} if api or page in _WHOLE else request.POST
        found = too_long(page, request.GET) or too_long(page, form)
        if found is None:
            nul = with_nul(request.GET) or with_nul(form)
            return None if nul is None else _not_text(request, nul.replace("\0", ""), api=api)
        if api:
            reason = f"has {found.length} characters; {found.limit} at most"
            errors = [{"field": found.field, "reason": reason}]
            return Problem("invalid", f"{found.field}: {reason}.", errors=errors).response()
        language = translation.get_language() or "en"
        context = {
            "label": found.label,
            "length": number(found.length, language),
            "limit": number(found.limit, language),
        }
        response = render(request, "wayfare/too_long.html", context, status=422)
        response.headers["Cache-Control"] = "no-store"
        return response


def _not_text(request: HttpRequest, field: str, *, api: bool) -> HttpResponse:
    if api:
        return Problem("invalid", f"`{field}` holds a NUL character (U+0000); leave it out.").response()
    response = render(request, "wayfare/not_text.html", {"label": str(_LABELS.get(field, field))}, status=422)
    response.headers["Cache-Control"] = "no-store"
    return response
