"""Tables over HTTP: parse, ask the one query, render as `Accept` wants it."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from wayfare.access.problems import Problem
from wayfare.ledger.api import known_parameters
from wayfare.ledger.rules import Refused

router = Router(tags=["statistics"])
TYPES = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.sdmx.data+csv": "sdmx-csv",
}
"""What can be made, the favourite first."""
_SENT_AS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "sdmx-csv": "application/vnd.sdmx.data+csv; version=2.0.0; charset=utf-8",
}


def _weight(accept: str, offered: str) -> float:
    """Return how much `Accept` wants a type: of the ranges that hold it the most exact decides (RFC 9110, 12.5.1)."""
    best = (-1, 0.0)
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        ranges = (media == "*/*", media == offered.split("/")[0] + "/*", media == offered)
        if not any(ranges):
            continue
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = min(1.0, max(0.0, float(value)))
                except ValueError:
                    weight = 0.0
        best = max(best, (ranges.index(True), weight))
    return best[1]


def negotiate(accept: str) -> str:
    """Return the format that an `Accept` header wants most. Raises: Problem not_acceptable."""
    wanted = {type_: _weight(accept.strip() or "*/*", type_) for type_ in TYPES}
    favourite = max(wanted, key=lambda type_: wanted[type_])
    if wanted[favourite] <= 0:
        raise Problem("not_acceptable", "A table can be had as " + ", ".join(TYPES) + ".")
    return TYPES[favourite]


_BY = (
    "Dimensions in the order wanted, each once, divided by commas; none for the whole: year, quarter, month, day,"
    " nationality, sex, age, destination, evidence, assistance, programme."
)
_AS_OF = "A ledger position; the same one gives the same bytes for ever."
_DESCRIPTIONS = {
    "application/json": {"schema": {"type": "object"}},
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.sdmx.data+csv": {"schema": {"type": "string"}},
}


@router.get(
    "/{key}/table",
    operation_id="get_table",
    summary="A table of departures or persons",
    openapi_extra={"responses": {200: {"description": "OK", "content": _DESCRIPTIONS}}},
)
def get_table(
    request: HttpRequest,
    key: Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="The programme.")],
    by: Annotated[str, Query(description=_BY)] = "",
    measure: Literal["departures", "persons"] = "departures",
    as_of: Annotated[int | None, Query(ge=0, le=2**63 - 1, description=_AS_OF)] = None,
) -> HttpResponse:
    """Count departures, or the distinct persons within each cell, by dimensions; JSON, CSV or SDMX-CSV by `Accept`."""
    known_parameters(request, "by", "measure", "as_of")
    kind = negotiate(request.headers.get("Accept", "*/*"))
    names = [name.strip() for name in by.split(",")] if by.strip() else []
    from wayfare.statistics import queries  # Ibis takes a second to load; only tables need it

    try:
        table = queries.table(programmes=[key], by=names, measure=measure, as_of=as_of, engine="live")
    except Refused as refusal:
        if refusal.field == "programme":
            raise Problem("not_found", "Nothing is here, or nothing for this token.") from None
        error = {"field": refusal.field, "reason": refusal.reason[:500]}
        raise Problem("invalid", f"{refusal.field}: {error['reason']}.", errors=[error]) from None
    response = HttpResponse(queries.render(table, kind), content_type=_SENT_AS[kind])
    response.headers["Vary"] = "Accept, Authorization"
    return response
