"""Correcting a field group of a file, for the work in hand; adding a note."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods

from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access import words as access_words
from wayfare.access.purposes import GROUPS, OPENERS, PURPOSES
from wayfare.access.rules import Forbidden
from wayfare.access.signin.web import StaffRequest, from_our_pages, needs, shows_typed
from wayfare.ledger.rules import Refused
from wayfare.people import operations
from wayfare.people.fields import bare
from wayfare.people.rules import Group
from wayfare.people.statements import Stale
from wayfare.people.web import correcting, words
from wayfare.people.web.correcting import Data, Form
from wayfare.people.web.files import correctable, no_work, still_sealed


@require_http_methods(["GET", "HEAD", "POST"])
@from_our_pages
@needs(*OPENERS)
@shows_typed
def correct(request: StaffRequest, task: UUID, group: str) -> HttpResponse:
    """Show a field group to be corrected, as it stands; with POST, correct it. What was typed stays, whatever comes."""
    with access.acting(request.session_secret):
        mine = next((one for one in staff.open_tasks() if one.task == task), None)
    if mine is None and group in GROUPS:
        return no_work(request, task)
    if mine is None or group not in PURPOSES[mine.purpose].groups or not correctable(group, mine.purpose):
        raise Http404
    if request.typed is not None and group != "notes":
        return _form_again(request, task, group, request.typed)
    try:
        if request.method == "POST":
            return _noted(request, task) if group == "notes" else _corrected(request, task, group)
        with access.acting(request.session_secret):
            opened = operations.opened(task, [group])
    except Forbidden as problem:
        return still_sealed(request, task, problem)
    value, version = opened.groups[group], opened.versions[group]
    if group == "notes":
        typed = request.typed.get("text", "") if request.typed else ""
        return _page(request, task, group, {"known": _reading(group, value), "text": typed})
    return _form(request, task, group, bare(value), version)  # type: ignore[arg-type]


def _done(task: UUID, group: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse('file-work', args=[task])}?corrected={group}")


def _noted(request: StaffRequest, task: UUID) -> HttpResponse:
    """Add a note of today, by the clock of the office."""
    text, refused = request.POST.get("text", ""), None
    today = timezone.now().astimezone(ZoneInfo(request.actor.timezone)).date()
    with access.acting(request.session_secret):
        try:
            operations.add_note(task, text, on=today)
        except Refused as problem:
            refused = problem  # told when the look that was made for it is on the record
    if refused is None:
        return _done(task, "notes")
    said = words.correction(refused, _language())
    return _page(request, task, "notes", {"text": text, "errors": {"text": said}, "labels": {"text": ""}}, status=422)


def _corrected(request: StaffRequest, task: UUID, group: str) -> HttpResponse:
    """Do what a form asks: make room for one more entry, or correct."""
    data, version = correcting.typed(group, request.POST.dict()), _version(request.POST)
    if where := request.POST.get("add"):
        return _form(request, task, group, correcting.with_one_more(data, where), version, new=where)
    data = correcting.filled(group, data)
    try:
        reading = _put(request, task, group, data, version, timezone.now())
    except Refused as refusal:
        return _form(request, task, group, data, version, refusal=refusal)
    except Stale:  # keys were changed beneath: nothing was written
        return _form(request, task, group, data, version, again=True)
    if reading is None:
        return _done(task, group)
    return _form(request, task, group, data, reading[1], theirs=_reading(group, reading[0]))


def _form_again(request: StaffRequest, task: UUID, group: str, typed: QueryDict) -> HttpResponse:
    """Show the form with what was typed before a sign-in; whether the file changed meanwhile is asked on saving."""
    return _form(
        request,
        task,
        group,
        correcting.typed(group, {name: str(value) for name, value in typed.items()}),
        _version(typed),
    )


def _version(given: QueryDict) -> int:
    """Return the version of the group that a form was filled from. Raises: Http404."""
    version = given.get("version", "")
    if not (version.isdecimal() and len(version) < 10):
        raise Http404
    return int(version)


def _put(
    request: StaffRequest, task: UUID, group: str, data: Data, version: int, at: datetime
) -> tuple[Group, int] | None:
    """Correct a group; return None, or what somebody else has put there meanwhile, and its version.

    Raises: Refused, Forbidden, Stale for a change of keys.
    """
    with access.acting(request.session_secret):
        try:
            operations.correct(task, group, data, version=version, at=at)
        except Stale as problem:
            if str(problem) != group:
                raise
            opened = operations.opened(task, [group])  # both looks are on the record
            return opened.groups[group], opened.versions[group]
    return None


def _language() -> str:
    return translation.get_language() or "en"


def _reading(group: str, value: Group) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = words.group(group, value, _language())["rows"]
    return rows


def _form(
    request: StaffRequest,
    task: UUID,
    group: str,
    data: Data,
    version: int,
    *,
    refusal: Refused | None = None,
    new: str = "",
    **more: Any,
) -> HttpResponse:
    """Show the form with what is typed, and what came of it."""
    errors = {_field(refusal.field, group): words.correction(refusal, _language())} if refusal else {}
    form = Form(_language(), errors)
    context = {
        "blocks": correcting.blocks(group, data, form),
        "errors": errors,
        "labels": form.labels,
        "version": version,
        "more": correcting.more(group, data),
        "offered": correcting.offered(group),
        "new": new,
        **more,
    }
    return _page(request, task, group, context, status=422 if refusal else 409 if more else 200)


def _field(refused: str, group: str) -> str:
    """Return the field of the form that a refusal names; of a whole date its year."""
    name = re.sub(r"\[(\d+)\]", r".\1", refused).removeprefix(f"{group}.")
    return f"{name}.year" if name in ("told", "on_document") else name


def _page(request: StaffRequest, task: UUID, group: str, context: Data, *, status: int = 200) -> HttpResponse:
    name = access_words.groups([group])
    errors = [
        {"field": field, "label": context.get("labels", {}).get(field, ""), "words": said, "here": field in known}
        for field, said in context.pop("errors", {}).items()
        for known in [context.get("labels", {})]
    ]
    page = {"task": task, "group": group, "name": name, "errors": errors, **context}
    return render(request, "people/correct.html", page, status=status)
