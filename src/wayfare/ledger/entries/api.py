"""Sending entries in over HTTP: decode, hand on to the one verb, tell what became of each."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from ninja import Router, Schema

from wayfare.common.web.calls import refused
from wayfare.common.web.problems import Problem
from wayfare.ledger import registry
from wayfare.ledger.entries import operations, parsing
from wayfare.ledger.entries.fields import is_uuid
from wayfare.ledger.entries.types import json_schema

ENTRIES_MAX = 10_000
BODY_MAX = 16 * 1024 * 1024

ENTRY = {
    "oneOf": [json_schema(type_) for type_ in registry.kinds.values()],
    "discriminator": {"propertyName": "kind"},
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "An entry, or a list of entries. One that is not right is `rejected` in its place;"
        " the others are in.",
        "content": {
            "application/json": {
                "schema": {"anyOf": [ENTRY, {"type": "array", "items": ENTRY, "maxItems": ENTRIES_MAX}]}
            }
        },
    }
}


class EntryWriter(Protocol):
    """Who appends entries, as `request.auth` of these calls."""

    @property
    def source(self) -> str:
        """The only source that the entries may name."""


class ResultOut(Schema):
    """What became of one entry: `status` is accepted, duplicate, conflict or rejected."""

    entry_id: str | None
    status: str
    position: int | None
    field: str | None
    reason: str | None


def _too_large() -> NoReturn:
    raise Problem("body_too_large", f"Send at most {BODY_MAX:,} bytes in one request; divide the list.")


def _body(request: HttpRequest) -> bytes:
    """Return the body. Raises: Problem, before reading it if its headers say enough."""
    if request.content_type != "application/json" or request.headers.get("Content-Encoding", "identity") != "identity":
        raise Problem("media_type_unsupported", "Send plain JSON with the header `Content-Type: application/json`.")
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_MAX:
            _too_large()
        body = request.body
    except RequestDataTooBig:
        _too_large()
    except (ValueError, UnreadablePostError):
        raise Problem("bad_request", "The body did not arrive whole; send it again.") from None
    if len(body) > BODY_MAX:
        _too_large()
    return body


class _Twice:
    """Stands for a JSON object that names a field twice."""

    def __init__(self, name: str, entry_id: object) -> None:
        self.refusal = parsing.twice(name)
        if isinstance(entry_id, str) and is_uuid(entry_id):
            self.refusal.entry_id = entry_id.lower()


def _once(pairs: list[tuple[str, Any]]) -> object:
    """Build a JSON object, or say that it names a field twice, or holds one that does (RFC 8785, section 3.1)."""
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                return _Twice(name, value.get("entry_id"))
            seen.add(name)
    for name, inner in pairs:
        if found := _twice_in(inner):
            return _Twice(f"{name}.{found.refusal.field}", value.get("entry_id"))
    return value


def _twice_in(value: object) -> _Twice | None:
    if isinstance(value, list):
        return next(filter(None, map(_twice_in, value)), None)
    return value if isinstance(value, _Twice) else None


def _other_encoding(body: bytes) -> str:
    """Return how a body is written if it is not UTF-8, or begins with a mark; nothing where it is plain UTF-8."""
    if body.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) or body[:3] == bytes(3):
        return "is UTF-32"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or 0 in body[:2]:
        return "is UTF-16"
    if body.startswith(codecs.BOM_UTF8):
        return "begins with a byte order mark (EF BB BF)"
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        return f"is not UTF-8 (byte {problem.start + 1})"
    return ""


def decode(body: bytes) -> list[object]:
    """Return the entries of a body; a Refused stands for one that names a field twice. Raises: Problem."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        detail = f"{problem.msg}, line {problem.lineno} column {problem.colno}." if body else "The body is empty."
        if other := _other_encoding(body):
            detail = f"The body {other}. Send JSON as UTF-8 without a byte order mark (RFC 8259, section 8.1)."
        raise Problem("malformed_json", detail) from None
    if not isinstance(value, dict | list):
        raise Problem("invalid", "Send an entry, or a list of entries.")
    values: list[object] = value if isinstance(value, list) else [value]
    if len(values) > ENTRIES_MAX:
        raise Problem("too_many_entries", f"Send at most {ENTRIES_MAX:,} entries in one request; divide the list.")
    if parsing.surely_once(body, sum(map(parsing.names_of, values))):
        return values
    try:
        value = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Problem("malformed_json", "Check the numbers and how deep the lists are.") from None
    values = value if isinstance(value, list) else [value]
    return [one.refusal if isinstance(one, _Twice) else one for one in values]


def append_entries(request: HttpRequest) -> HttpResponse:
    """Append entries in order, in one transaction; the answer has a result per entry, in the same order.

    Sending the same again is safe: what is in already is a `duplicate`. A source may write only as itself.
    """
    writer: EntryWriter = request.auth  # type: ignore[attr-defined]
    results = operations.record(decode(_body(request)), writer=writer.source)
    return HttpResponse(orjson.dumps([result._asdict() for result in results]), content_type="application/json")


def add_to(router: Router, auth: Callable[[HttpRequest], EntryWriter]) -> None:
    """Put the writing verb on the ledger's router, so that one address has both verbs, for whom `auth` lets in."""
    router.post(
        "/entries",
        auth=auth,
        response=list[ResultOut],
        operation_id="append_entries",
        summary="Append one entry or a list of up to 10,000",
        openapi_extra=refused(400, 401, 403, 405, 408, 413, 415, 422, 429, 500, 503, **_BODY),
    )(append_entries)
