"""The logs as other programs fetch them: `/log`, and `/log/access`, are prefixes of C2SP tlog-tiles logs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from wayfare.ledger.source import LEDGER
from wayfare.tlog import queries
from wayfare.tlog.notes import Malformed
from wayfare.tlog.queries import NotPublished
from wayfare.tlog.tiles import tile_at

TEXT = "text/plain; charset=utf-8"
FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_SECOND = "public, max-age=1"


def _answer(content: bytes | str, cache: str, *, kind: str = TEXT, status: int = 200) -> HttpResponse:
    return HttpResponse(content, content_type=kind, status=status, headers={"Cache-Control": cache})


@require_safe
def checkpoint(request: HttpRequest, log: str = LEDGER.log) -> HttpResponse:
    """Return the checkpoint published last, a signed note with its cosignatures."""
    note = queries.latest(log)
    if note is None:
        return _answer("The log has no checkpoint yet; ask again in a moment.\n", "no-store", status=404)
    return _answer(str(note), FOR_A_SECOND)


@require_safe
def tile(request: HttpRequest, path: str, log: str = LEDGER.log) -> HttpResponse:
    """Return a tile of hashes or a bundle of entries; a tile of a width never changes."""
    try:
        content = queries.published_tile(log, tile_at(f"tile/{path}"))
    except (Malformed, NotPublished) as problem:
        return _answer(f"{problem}\n", "no-store", status=404)
    return _answer(content, FOR_EVER, kind="application/octet-stream")


@require_safe
def keys(request: HttpRequest, log: str = LEDGER.log) -> HttpResponse:
    """Return the verifier keys that sign now, a line each, and after them those that did, with their time."""
    return _answer(queries.keys_text(log), FOR_A_SECOND)
