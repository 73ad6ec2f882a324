"""The log of looks for who may read it; emergencies that wait for a second person; what officers are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from wayfare.access import duties, operations, queries, sentences, words
from wayfare.access.purposes import CONFIRMERS, READERS, WATCHERS
from wayfare.access.queries import Asked, Logged, Notice, Waiting
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.ledger.rules import Refused

A_PAGE = 50
_NOTICES = {
    "many_files": gettext_lazy("%(who)s has opened the files of many people within an hour, and is slowed down."),
    "many_searches": gettext_lazy(
        "%(who)s has searched for people as often as is allowed, and is stopped for a while."
    ),
    "break_glass": gettext_lazy("%(who)s opens a file in an emergency; a second person approved it."),
    "roles": gettext_lazy("%(who)s asked for roles for a colleague; a second person has to confirm them."),
}
"""What a data-protection officer is told, by what it is about."""


def _line(one: Logged, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
    return {
        "position": one.position,
        "at": _moment(one.at, actor),
        "sentence": sentences.sentence(one, names),
        "why": one.body.get("reason") or one.body.get("basis") or "",
        "person": one.person,
        "short": str(one.person)[:8] if one.person else "",
        "kind": one.kind,
    }


def _moment(at: datetime, actor: Actor) -> str:
    return words.moment(at, translation.get_language() or "en", actor.timezone)


@require_safe
@needs(*READERS)
def looks(request: StaffRequest) -> HttpResponse:
    """Show the looks that the actor may see, newest first: their own; their office's; every one to who watches."""
    given = {name: request.GET.get(name, "").strip() for name in ("person", "staff")}
    every = bool(request.actor.roles & {"auditor", "data_protection_officer"})
    context: dict[str, Any] = {"given": given, "every": every, "office": "supervisor" in request.actor.roles}
    try:
        person, staff = (_asked(given[name], name) for name in ("person", "staff"))
    except Refused as refusal:
        context["errors"] = {refusal.field: words.refusal(refusal.field)}
        return render(request, "access/looks.html", context, status=422)
    with operations.acting(request.session_secret):
        found = queries.newest_looks(
            person,
            staff=staff,
            before=_before(request),
            limit=A_PAGE + 1,
        )
        if every or context["office"]:
            context["colleagues"] = [(str(id_), name) for id_, name in queries.colleagues_who_looked()]
    names = queries.staff_names(sentences.named(found))
    context |= {
        "lines": [_line(one, names, request.actor) for one in found[:A_PAGE]],
        "older": found[A_PAGE - 1].position if len(found) > A_PAGE else None,
        "only": {"person": person, "staff": staff} if person or staff else None,
    }
    return render(request, "access/looks.html", context)


def _before(request: StaffRequest) -> int | None:
    before = request.GET.get("before", "")
    return int(before) if before.isdecimal() and len(before) < 19 else None


@require_safe
@needs(*WATCHERS)
def staff_matters(request: StaffRequest) -> HttpResponse:
    """Show who signed in, came and left, and who gave whom which roles; newest first."""
    with operations.acting(request.session_secret):
        found = queries.newest_staff_matters(before=_before(request), limit=A_PAGE + 1)
    names = queries.staff_names(sentences.named(found))
    context = {
        "lines": [_line(one, names, request.actor) for one in found[:A_PAGE]],
        "older": found[A_PAGE - 1].position if len(found) > A_PAGE else None,
    }
    return render(request, "access/staff_matters.html", context)


def _asked(text: str, field: str) -> UUID | None:
    """Return the id that a form asks for, None for all. Raises: Refused."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Refused(field, f"{text!r:.60} is no id; copy it whole from a line of this page") from None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*CONFIRMERS)
def requests(request: StaffRequest) -> HttpResponse:
    """List what waits for a second person, and what data-protection officers are told; act on one."""
    if request.method == "POST":
        with operations.acting(request.session_secret):
            obstacle = _refused(request)
        return _requests(request, obstacle) if obstacle else HttpResponseRedirect(reverse("staff-requests"))
    return _requests(request)


def _refused(request: StaffRequest) -> str:
    """Do what a form asks; return the code of what stands in the way of the actor's approval, if that is all."""
    try:
        with transaction.atomic():
            _answered(request)
    except Forbidden as problem:
        if problem.code not in duties.OBSTACLES:
            raise Http404 from None
        return problem.code
    return ""


def _requests(request: StaffRequest, obstacle: str = "") -> HttpResponse:
    with operations.acting(request.session_secret):
        waiting, told, asked = queries.waiting_for_approval(), queries.notices(), queries.roles_asked()
    names = queries.staff_names(
        [*(one.staff for one in waiting), *(one.staff for one in told), *(one.by for one in asked)]
    )
    context = {
        "waiting": [_emergency(one, names, request.actor) for one in waiting],
        "asked": [_roles(one, names, request.actor) for one in asked],
        "told": [_notice(one, names, request.actor) for one in told],
        "officer": "data_protection_officer" in request.actor.roles,
        "approves": request.actor.approves,
        "wrong": duties.OBSTACLES.get(obstacle, ""),
    }
    return render(request, "access/requests.html", context, status=403 if obstacle else 200)


def _emergency(one: Waiting, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
    return {
        "task": one.task,
        "who": names.get(one.staff, _("A colleague")),
        "at": _moment(one.at, actor),
        "reason": one.reason,
        "own": one.staff == actor.staff,
    }


def _roles(one: Asked, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
    return {
        "staff": one.staff,
        "name": one.name,
        "office": one.office,
        "codes": " ".join(one.roles),
        "roles": [words.role(role) for role in one.roles],
        "by": names.get(one.by, _("A colleague")),
        "at": _moment(one.at, actor),
        "own": actor.staff in (one.by, one.staff),
        "mine": actor.staff == one.by,
    }


def _notice(one: Notice, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": _moment(one.at, actor),
        "sentence": _NOTICES[one.about] % {"who": names.get(one.staff, _("A colleague"))},
        "person": one.person,
    }


def _answered(request: StaffRequest) -> None:
    given = request.POST
    if task := _uuid(given.get("approve", "")):
        operations.approve(task)
    elif staff := _uuid(given.get("confirm", "")):
        operations.confirm_roles(staff, given.get("roles", "").split())
    elif staff := _uuid(given.get("refuse", "")):
        operations.refuse_roles(staff)
    elif (notice := given.get("seen", "")).isdecimal() and len(notice) < 19:
        operations.note_seen(int(notice), at=timezone.now())
