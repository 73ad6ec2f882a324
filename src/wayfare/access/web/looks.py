"""The log of looks for who may read it; emergencies that wait for a second person; what officers are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from wayfare.access import operations, queries, words
from wayfare.access.purposes import APPROVERS, READERS
from wayfare.access.queries import Logged
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.signin.web import StaffRequest, needs

A_PAGE = 50


def _sentence(one: Logged, names: dict[UUID, str]) -> str:
    who = names.get(one.staff, _("A colleague"))
    if one.kind == "look":
        return words.look(who, one.groups, one.body["purpose"])
    if one.kind == "approval":
        asked = names.get(UUID(one.body["for"]), _("a colleague"))
        return _("%(who)s approved that %(asked)s opens the file in an emergency.") % {"who": who, "asked": asked}
    return _("%(who)s held look %(position)s back from the person’s own view until %(day)s.") % {
        "who": who,
        "position": one.body["of"],
        "day": one.body["until"][:10],
    }


def _line(one: Logged, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
    return {
        "position": one.position,
        "at": _moment(one.at, actor),
        "sentence": _sentence(one, names),
        "why": one.body.get("reason") or one.body.get("basis") or "",
        "person": one.person,
        "short": str(one.person)[:8],
        "kind": one.kind,
    }


def _moment(at: datetime, actor: Actor) -> str:
    return words.moment(at, translation.get_language() or "en", actor.timezone)


@require_safe
@needs(*READERS)
def looks(request: StaffRequest) -> HttpResponse:
    """Show the looks that the actor may see, newest first: their own; their office's; every one to who watches."""
    person = _uuid(request.GET.get("person", ""))
    before = request.GET.get("before", "")
    with operations.acting(request.session_secret):
        found = queries.newest_looks(
            person, before=int(before) if before.isdecimal() and len(before) < 19 else None, limit=A_PAGE + 1
        )
    names = queries.staff_names(UUID(who) for one in found for who in (one.body["staff"], one.body.get("for")) if who)
    context = {
        "lines": [_line(one, names, request.actor) for one in found[:A_PAGE]],
        "older": found[A_PAGE - 1].position if len(found) > A_PAGE else None,
        "person": person,
        "every": bool(request.actor.roles & {"auditor", "data_protection_officer"}),
        "office": "supervisor" in request.actor.roles,
    }
    return render(request, "access/looks.html", context)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


def _told(about: str) -> str:
    """Return what a notice says to a data-protection officer."""
    if about == "many_files":
        return _("%(who)s has opened the files of many people within an hour, and is slowed down.")
    if about == "many_searches":
        return _("%(who)s has searched for people as often as is allowed, and is stopped for a while.")
    return _("%(who)s opens a file in an emergency; a second person approved it.")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*APPROVERS)
def requests(request: StaffRequest) -> HttpResponse:
    """List the emergencies that wait for a second person, and what data-protection officers are told; act on one."""
    if request.method == "POST":
        with operations.acting(request.session_secret):
            try:
                if task := _uuid(request.POST.get("approve", "")):
                    operations.approve(task)
                elif (notice := request.POST.get("seen", "")).isdecimal():
                    operations.note_seen(int(notice), at=timezone.now())
            except Forbidden:
                raise Http404 from None
        return HttpResponseRedirect(reverse("staff-requests"))
    with operations.acting(request.session_secret):
        waiting, told = queries.waiting_for_approval(), queries.notices()
    names = queries.staff_names([*(one.staff for one in waiting), *(one.staff for one in told)])
    context = {
        "waiting": [
            {
                "task": one.task,
                "who": names.get(one.staff, _("A colleague")),
                "at": _moment(one.at, request.actor),
                "reason": one.reason,
                "own": one.staff == request.actor.staff,
            }
            for one in waiting
        ],
        "told": [
            {
                "id": one.id,
                "at": _moment(one.at, request.actor),
                "sentence": _told(one.about) % {"who": names.get(one.staff, _("A colleague"))},
                "person": one.person,
            }
            for one in told
        ],
        "officer": "data_protection_officer" in request.actor.roles,
    }
    return render(request, "access/requests.html", context)
