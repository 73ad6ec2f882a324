"""Reading the ledger over HTTP. Who may is decided where this router is mounted (`access/ledger_api.py`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from ninja.errors import ValidationError
from pydantic import Field

from wayfare.common.web.calls import refused
from wayfare.ledger import queries
from wayfare.ledger.queries import StoredEntry
from wayfare.ledger.source import LEDGER
from wayfare.tlog import queries as log

router = Router(tags=["ledger"])
PAGE_MAX = 10_000
POSITION_MAX = 2**63 - 1
SPAN = 100_000
"""Positions that one call looks through for the entries of one source."""


class EntryReader(Protocol):
    """Who reads entries, as `request.auth` of this router's calls."""

    @property
    def source(self) -> str | None:
        """The only source whose entries they read; None for every entry."""

    def record(self, first: int, last: int, count: int) -> None:
        """Put the reading on record, committed before anything is told; of one's own entries nothing is put there."""


class EntryOut(Schema, extra="allow"):
    """An entry as it was accepted, its kind's own fields among them; instants in UTC."""

    position: int
    entry_id: str = Field(json_schema_extra={"format": "uuid"})
    kind: str
    source: str
    occurred_at: datetime
    recorded_at: datetime


class EntriesOut(Schema):
    """A page of the ledger, in position order."""

    entries: list[EntryOut]
    next: int | None = Field(description="Send it as `after` for the next page; null at the end.")


def known_parameters(request: HttpRequest, *names: str) -> None:
    """Refuse a query parameter that is not one of ours, or that stands twice: a mistyped filter is no filter.

    Raises: ninja.errors.ValidationError.
    """
    errors: list[dict[str, Any]] = []
    for name, values in request.GET.lists():
        if name not in names:
            errors.append({"loc": ("query", name), "type": "unknown_parameter", "ctx": {"names": ", ".join(names)}})
        elif len(values) > 1:
            errors.append({"loc": ("query", name), "type": "named_twice"})
    if errors:
        raise ValidationError(errors)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def shown(entry: StoredEntry) -> dict[str, Any]:
    """Return an entry as the API shows it."""
    return {
        "position": entry.position,
        **orjson.loads(entry.body),
        "occurred_at": _utc(entry.occurred_at),
        "recorded_at": _utc(entry.recorded_at),
    }


def _page(after: int, limit: int, source: str | None) -> tuple[list[StoredEntry], int | None]:
    """Return the entries of a page, and what to ask for next; of one source only so far as one call looks."""
    upto = None if source is None else min(after + SPAN, POSITION_MAX)
    found = queries.entries(after, limit + 1, upto, source)
    if len(found) > limit:
        return found[:limit], found[limit - 1].position
    return found, upto if upto is not None and queries.head() > upto else None


@router.get(
    "/entries",
    response=EntriesOut,
    operation_id="list_entries",
    summary="Entries, in position order",
    openapi_extra=refused(400, 401, 403, 405, 422, 429, 500, 503),
)
def list_entries(
    request: HttpRequest,
    after: Annotated[int, Query(ge=0, le=POSITION_MAX, description="The last position you have.")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many entries.")] = 1_000,
) -> HttpResponse:
    """Return the entries after a position. What was sent in is what comes out, its instants in UTC.

    With `ledger:own`, those of the token's source: a page may then hold few or none while `next` says that there may be
    more. With `ledger:read`, or as an auditor who is signed in, all; each call is a line of the access record.
    """
    known_parameters(request, "after", "limit")
    reader: EntryReader = request.auth  # type: ignore[attr-defined]
    found, following = _page(after, limit, reader.source)
    page = [shown(entry) for entry in found]
    first, last = (found[0].position, found[-1].position) if found else (min(after + 1, POSITION_MAX), after)
    reader.record(first, last, len(found))
    body = {"entries": page, "next": following}
    return HttpResponse(orjson.dumps(body), content_type="application/json")


@router.get(
    "/entries/{int:position}/receipt",
    operation_id="get_receipt",
    summary="The receipt of an entry: proof that the log holds it",
    openapi_extra=refused(
        *(400, 401, 403, 404, 405, 422, 429, 500, 503),
        responses={
            200: {"description": "A C2SP tlog-proof", "content": {"text/plain": {"schema": {"type": "string"}}}}
        },
    ),
)
def get_receipt(
    request: HttpRequest,
    position: Annotated[int, Path(ge=1, le=POSITION_MAX, description="The entry's position in the ledger.")],
) -> HttpResponse:
    """Return the receipt of an entry. Whoever holds it can check without us that the entry is in the log.

    It holds the whole entry and what hides it in the log. Until a checkpoint covers the entry, there is none.
    """
    known_parameters(request)
    reader: EntryReader = request.auth  # type: ignore[attr-defined]
    entry = next(iter(queries.entries(position - 1, 1, position, reader.source)), None)
    if entry is None:
        raise Http404
    try:
        proof = log.receipt(LEDGER.log, position - 1, entry.body.encode())
    except log.NotPublished:
        raise Http404 from None
    reader.record(position, position, 1)
    name = f'attachment; filename="wayfare-entry-{position}.tlog-proof"'
    return HttpResponse(str(proof), content_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})
