"""Tables over HTTP: parse, ask the one query, render as `Accept` wants it."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from wayfare.access.api import ExactFigures
from wayfare.access.rules import Reader
from wayfare.common.web.calls import Mounted, refused
from wayfare.common.web.problems import Problem
from wayfare.ledger.api import known_parameters
from wayfare.ledger.rules import Refused

router = Router(tags=["statistics"])
SDMX = "application/vnd.sdmx.data+csv"
TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "sdmx-csv": f"{SDMX}; version=2.0.0",
    "sdmx-csv-1.0.0": f"{SDMX}; version=1.0.0",
}
"""What can be made, the favourite first; `Accept` names the version of SDMX-CSV."""
_SENT_AS = {form: type_ if form == "json" else f"{type_}; charset=utf-8" for form, type_ in TYPES.items()}
_ONLY = {"labels": "id", "timeformat": "original", "keys": "none"}
"""Parameters of SDMX-CSV of which we make one value only."""


def _parameters(pieces: list[str]) -> dict[str, str]:
    pairs = (piece.partition("=") for piece in pieces)
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _wanted(media: str, parameters: dict[str, str], offered: str) -> int | None:
    """Return how exactly a range of `Accept` names a type that can be made; None if it does not hold it."""
    type_, *pieces = offered.split(";")
    ranges = ("*/*", type_.split("/")[0] + "/*", type_)
    if media not in ranges:
        return None
    ours = _parameters(pieces)
    if any(name in ours and ours[name] != value for name, value in parameters.items()):
        return None
    if type_ == SDMX and any(parameters.get(name, value) != value for name, value in _ONLY.items()):
        return None
    return ranges.index(media) + any(name in ours for name in parameters)


def _weight(accept: str, offered: str) -> float:
    """Return how much `Accept` wants a type: of the ranges that hold it the most exact decides (RFC 9110, 12.5.1)."""
    best = (-1, 0.0)
    for part in accept.lower().split(","):
        media, *pieces = (piece.strip() for piece in part.split(";"))
        parameters = _parameters(pieces)
        exactness = _wanted(media, parameters, offered)
        if exactness is None:
            continue
        try:
            weight = min(1.0, max(0.0, float(parameters.get("q", "1"))))
        except ValueError:
            weight = 0.0
        best = max(best, (exactness, weight))
    return best[1]


def negotiate(accept: str) -> str:
    """Return the format that an `Accept` header wants most. Raises: Problem not_acceptable."""
    wanted = {form: _weight(accept.strip() or "*/*", type_) for form, type_ in TYPES.items()}
    favourite = max(wanted, key=lambda form: wanted[form])
    if wanted[favourite] <= 0:
        raise Problem("not_acceptable", "A table can be had as " + ", ".join(TYPES.values()) + ".")
    return favourite


_BY = (
    "Dimensions in the order wanted, each once, divided by commas; none for the whole: year, quarter, month, day,"
    " nationality, sex, age, destination, evidence, assistance, programme."
)
_AS_OF = "A ledger position; the same one gives the same bytes for ever."
ZONES, ZONES_THEN = "Wayfare-Time-Zones", "Wayfare-Time-Zones-Then"
_HEADERS = {
    ZONES: {
        "schema": {"type": "string"},
        "description": "The version of the IANA time zones that the table was made with, such as 2026f.",
    },
    ZONES_THEN: {
        "schema": {"type": "string"},
        "description": "The version in use when the ledger was at this position, where it was another one.",
    },
}
_DESCRIPTIONS = {
    "application/json": {"schema": {"type": "object"}},
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.sdmx.data+csv": {"schema": {"type": "string"}},
}


@router.get(
    "/{key}/table",
    operation_id="get_table",
    summary="A table of departures or persons",
    openapi_extra=refused(
        *(400, 401, 403, 404, 405, 406, 422, 429, 500, 503),
        responses={200: {"description": "OK", "headers": _HEADERS, "content": _DESCRIPTIONS}},
    ),
)
def get_table(
    request: HttpRequest,
    key: Annotated[str, Path(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", description="The programme.")],
    by: Annotated[str, Query(description=_BY)] = "",
    measure: Literal["departures", "persons"] = "departures",
    as_of: Annotated[int | None, Query(ge=0, le=2**63 - 1, description=_AS_OF)] = None,
) -> HttpResponse:
    """Count departures, or the distinct persons within each cell, by dimensions; JSON, CSV or SDMX-CSV by `Accept`.

    Needs the scope `statistics:exact`, or a session of staff who read the programme's exact figures.
    """
    known_parameters(request, "by", "measure", "as_of")
    kind = negotiate(request.headers.get("Accept", "*/*"))
    names = [name.strip() for name in by.split(",")] if by.strip() else []
    from wayfare.statistics import queries  # Ibis takes a second to load; only tables need it

    reader: Reader = request.auth  # type: ignore[attr-defined]
    try:
        table = queries.table(programmes=[key], by=names, measure=measure, as_of=as_of, engine="live", reader=reader)
    except Refused as refusal:
        if refusal.field == "programme":
            raise Problem("not_found", "Nothing is here, or nothing for this token.") from None
        error = {"field": refusal.field, "reason": refusal.reason[:500]}
        raise Problem("invalid", f"{refusal.field}: {error['reason']}.", errors=[error]) from None
    response = HttpResponse(queries.render(table, kind), content_type=_SENT_AS[kind])
    response.headers["Vary"] = "Accept, Authorization, Cookie"
    response.headers[ZONES] = table.zones
    if table.zones_then:
        response.headers[ZONES_THEN] = table.zones_then
    return response


ROUTERS = (Mounted("/programmes", router, ExactFigures(), {"<key>/table": {"GET": ("statistics:exact",)}}),)
