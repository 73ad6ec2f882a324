"""Reading the ledger over HTTP. Who may is decided where this router is mounted (`site/api.py`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Path, Query, Router, Schema
from ninja.errors import ValidationError
from pydantic import Field

from wayfare.ledger import queries
from wayfare.ledger.log import queries as log
from wayfare.ledger.log.source import LEDGER
from wayfare.ledger.queries import StoredEntry

router = Router(tags=["ledger"])
PAGE_MAX = 10_000


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
            errors.append({"loc": ("query", name), "msg": "is not a parameter of this call"})
        elif len(values) > 1:
            errors.append({"loc": ("query", name), "msg": "stands twice; send it once"})
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


@router.get("/entries", response=EntriesOut, operation_id="list_entries", summary="Entries, in position order")
def list_entries(
    request: HttpRequest,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The last position you have.")] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="At most so many entries.")] = 1_000,
) -> HttpResponse:
    """Return the entries after a position. What was sent in is what comes out, its instants in UTC."""
    known_parameters(request, "after", "limit")
    found = queries.entries(after, limit + 1)
    more = len(found) > limit
    page = [shown(entry) for entry in found[:limit]]
    body = {"entries": page, "next": page[-1]["position"] if more else None}
    return HttpResponse(orjson.dumps(body), content_type="application/json")


@router.get(
    "/entries/{int:position}/receipt",
    operation_id="get_receipt",
    summary="The receipt of an entry: proof that the log holds it",
    openapi_extra={
        "responses": {
            200: {"description": "A C2SP tlog-proof", "content": {"text/plain": {"schema": {"type": "string"}}}}
        }
    },
)
def get_receipt(
    request: HttpRequest,
    position: Annotated[int, Path(ge=1, le=2**63 - 1, description="The entry's position in the ledger.")],
) -> HttpResponse:
    """Return the receipt of an entry. Whoever holds it can check without us that the entry is in the log.

    It holds the whole entry and what hides it in the log. Until a checkpoint covers the entry, there is none.
    """
    known_parameters(request)
    entry = next(iter(queries.entries(position - 1, 1, upto=position)), None)
    if entry is None:
        raise Http404
    try:
        proof = log.receipt(LEDGER.log, position - 1, entry.body.encode())
    except log.NotPublished:
        raise Http404 from None
    name = f'attachment; filename="wayfare-entry-{position}.tlog-proof"'
    return HttpResponse(str(proof), content_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})
