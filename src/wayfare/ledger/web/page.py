"""The page of the log, for people: what it is, its last word, and whether a receipt is true."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from wayfare.common.web.formats import moment, number
from wayfare.ledger.source import LEDGER
from wayfare.ledger.web import words
from wayfare.tlog import notes, queries, receipts
from wayfare.tlog.notes import COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44, NOTE_ED25519, Malformed, Note
from wayfare.tlog.refusals import LogRefusal

BODY_MAX = 1 << 20
_NAMES = {NOTE_ED25519: "Ed25519", COSIGNATURE_ED25519: "Ed25519", COSIGNATURE_ML_DSA_44: "ML-DSA-44"}


def _keys(language: str) -> list[dict[str, Any]]:
    found = []
    for key in queries.keys(LEDGER.log):
        verifier = notes.parse_verifier(key.verifier)
        found.append(
            {
                "verifier": verifier,
                "text": key.verifier,
                "id": verifier.key_id.hex(),
                "algorithm": _NAMES[verifier.kind],
                "short": verifier.kind == NOTE_ED25519,
                "since": moment(key.since, language),
                "retired": moment(key.retired, language) if key.retired else "",
            }
        )
    return sorted(found, key=lambda one: (bool(one["retired"]), not one["short"]))


def _said_at(note: Note, keys: list[dict[str, Any]], language: str) -> str:
    """Return when a checkpoint was signed, as the log's own cosignature says."""
    cosign = {key["verifier"].key_id for key in keys if not key["short"]}
    times = [int.from_bytes(one.blob[:8], "big") for one in note.signatures if one.key_id in cosign]
    return moment(datetime.fromtimestamp(times[0], UTC), language) if times else ""


def _checkpoint(note: Note, keys: list[dict[str, Any]], language: str) -> dict[str, Any]:
    head = notes.parse_checkpoint(note.text)
    root = base64.b64encode(head.root).decode()
    return {
        "origin": head.origin,
        "size": number(head.size, language),
        "root": root,
        "short": f"{root[:8]}…{root[-5:]}",
        "at": _said_at(note, keys, language),
        "witnesses": sorted({one.name for one in note.signatures} - {head.origin}),
    }


def _given(request: HttpRequest) -> bytes:
    """Return the receipt that a form brings. Raises: Malformed.

    What is pasted comes with carriage returns, which every browser writes into a form, and often without its last
    newline, which no selection shows: both are put right. A file is taken as it is.
    """
    file = request.FILES.get("file")
    if file is not None and file.size:
        content: bytes = file.read()
        return content
    text = request.POST.get("text", "").replace("\r\n", "\n")
    if not text:
        raise Malformed("nothing_given", "no receipt was sent")
    return (text if text.endswith("\n") else f"{text}\n").encode()


def _value(name: str, value: str) -> str:
    """Return a value within a sentence; the script fills the same places."""
    return format_html('<bdi class="wf-any" data-v="{}">{}</bdi>', name, value)


_EMPTY = {name: _value(name, "") for name in ("position", "size", "key", "retired")}


def _result(request: HttpRequest, keys: list[dict[str, Any]], language: str) -> dict[str, Any]:
    """Check what a form brings, and say in words what came of it."""
    try:
        data, pasted = _given(request), request.POST.get("key", "").strip()
        known = [notes.parse_verifier(pasted)] if pasted else [key["verifier"] for key in keys]
        found = receipts.check(data, known)
    except LogRefusal as problem:
        return {"refused": {"code": problem.code, "words": words.refusal(problem.code)}}
    by = [one.by for one in found.signed]
    retired = [key["retired"] for key in keys if key["verifier"] in by and key["retired"]]
    values = {
        "position": number(found.leaf + 1, language),
        "size": number(found.head.size, language),
        "key": ", ".join(f"{one.name}+{one.key_id.hex()} ({_NAMES[one.kind]})" for one in by),
        "retired": retired[0] if retired else "",
    }
    shown: dict[str, Any] = {name: _value(name, value) for name, value in values.items()}
    return {"proved": shown | {"fields": receipts.fields(found.extra), "is_retired": bool(retired)}}


def _too_large(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not length.isdigit() or int(length) > BODY_MAX


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the log; with POST check a receipt too.

    The form needs no token against forgery: a POST changes nothing, reads no cookie but the language, and shows its
    sender what that sender sent. Nothing of it is kept.
    """
    language = translation.get_language() or "en"
    keys = _keys(language)
    note = queries.latest(LEDGER.log)
    context: dict[str, Any] = {
        "keys": [key for key in keys if not key["retired"]],
        "retired": [key for key in keys if key["retired"]],
        "checkpoint": _checkpoint(note, keys, language) if note else None,
        "prefix": request.build_absolute_uri("/log"),
        "refusals": words.refusals(),
        "empty": _EMPTY,
    }
    status = 200
    if request.method == "POST" and _too_large(request):
        status = 413
        context["result"] = {"refused": {"code": "too_long", "words": words.refusal("too_long")}}
    elif request.method == "POST":
        context["result"] = _result(request, keys, language)
    return render(request, "ledger/log.html", context, status=status)
