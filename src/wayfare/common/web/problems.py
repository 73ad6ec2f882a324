"""Refusals over HTTP, as RFC 9457 problem details: one name, one status, one sentence for people each.

| code | status | when |
| --- | --- | --- |
| `malformed_json` | 400 | the body is not JSON, or not UTF-8 without a byte order mark |
| `bad_request` | 400 | the request itself cannot be read, such as an unknown host name |
| `token_missing` | 401 | no bearer token |
| `token_refused` | 401 | no such token, or it was revoked or has expired: from outside the same |
| `scope_missing` | 403 | the token does not have the scope that the call needs |
| `not_found` | 404 | nothing is here, or nothing for you |
| `method_not_allowed` | 405 | the address is right, the verb is not; `Allow` names those that are |
| `not_acceptable` | 406 | none of the types in `Accept` can be made |
| `request_timeout` | 408 | the body took too long to arrive |
| `body_too_large` | 413 | more bytes than the limit |
| `too_many_entries` | 413 | more entries in one request than the limit |
| `media_type_unsupported` | 415 | the body is not sent as plain JSON |
| `invalid` | 422 | a parameter or the body has a bad value; `errors` names each |
| `too_many_requests` | 429 | the rate limit; `Retry-After` says when to come again |
| `internal` | 500 | our mistake; nothing was done |
| `unavailable` | 503 | the database does not answer; nothing is lost, send it again after `Retry-After` |
| `busy` | 503 | other work holds what this needs, for longer than one may wait; nothing was done |
| `storage_full` | 503 | the disk is full; nothing was done, the operator must make room |
"""

from __future__ import annotations

from typing import NamedTuple

import orjson
from django.http import HttpResponse

MEDIA_TYPE = "application/problem+json"


class Refusal(NamedTuple):
    """A kind of refusal: its status and its title, which is the same each time."""

    status: int
    title: str


REFUSALS: dict[str, Refusal] = {
    "malformed_json": Refusal(400, "The body is not JSON"),
    "bad_request": Refusal(400, "The request cannot be read"),
    "token_missing": Refusal(401, "A token is needed"),
    "token_refused": Refusal(401, "This token is not valid"),
    "scope_missing": Refusal(403, "This token does not allow that"),
    "not_found": Refusal(404, "Nothing is here"),
    "method_not_allowed": Refusal(405, "That is not done here"),
    "not_acceptable": Refusal(406, "No such representation"),
    "request_timeout": Refusal(408, "The body took too long"),
    "body_too_large": Refusal(413, "The body is too large"),
    "too_many_entries": Refusal(413, "Too many entries in one request"),
    "media_type_unsupported": Refusal(415, "The body must be JSON"),
    "invalid": Refusal(422, "A value is not valid"),
    "too_many_requests": Refusal(429, "Too many requests"),
    "internal": Refusal(500, "Something went wrong here"),
    "unavailable": Refusal(503, "Not available at the moment"),
    "busy": Refusal(503, "Other work is in the way"),
    "storage_full": Refusal(503, "The disk is full"),
}


class Problem(Exception):
    """A request that is refused, with the name of the refusal and a sentence that says how to mend it."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors

    def response(self) -> HttpResponse:
        """Return the answer that tells it."""
        status, title = REFUSALS[self.code]
        body: dict[str, object] = {
            "type": f"urn:wayfare:problem:{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors is not None:
            body["errors"] = self.errors
        headers = {"Cache-Control": "no-store", **self.headers}
        return HttpResponse(orjson.dumps(body), status=status, content_type=MEDIA_TYPE, headers=headers)
