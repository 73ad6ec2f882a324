"""Who looked, by visit; changes to staff; what waits for a second person; notices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wayfare.access import duties, naming, operations, queries, sentences, words
from wayfare.access.purposes import CONFIRMERS, OPENERS, READERS, WATCHERS
from wayfare.access.queries import Asked, Erasure, Logged, Notice, Waiting
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.signin.web import StaffRequest, needs, shows_typed
from wayfare.access.visits import Visit, visits
from wayfare.access.web import lists
from wayfare.access.web.lists import Line, moments
from wayfare.ledger.rules import Refused

_NOTICES = {
    "many_files": gettext_lazy("%(who)s has opened the files of many people within an hour, and is slowed down."),
    "many_searches": gettext_lazy(
        "%(who)s has searched for people as often as is allowed, and is stopped for a while."
    ),
    "break_glass": gettext_lazy("%(who)s opens a file in an emergency; a second person approved it."),
    "erasure_asked": gettext_lazy("%(who)s asked to erase a person; a second person has to decide."),
    "erasure_by_command": gettext_lazy(
        "A command on the machine asked in the name of %(who)s to erase a person; %(who)s has to confirm it."
    ),
    "roles": gettext_lazy("%(who)s asked for roles for a colleague; a second person has to confirm them."),
    "password_blocked": gettext_lazy(
        "Sign-in by password is blocked for %(who)s after too many wrong tries. Somebody may be guessing."
    ),
    "recovery_asked": gettext_lazy("Somebody asks for account recovery for %(who)s. If it is not them, stop it."),
    "recovery_approved": gettext_lazy(
        "A command on the machine approved account recovery for %(who)s. It can be used at once, and stopped until it"
        " is used."
    ),
    "recovery_stopped": gettext_lazy("Account recovery for %(who)s was stopped."),
    "recovery_used": gettext_lazy("The account of %(who)s was recovered."),
}
"""What a data-protection officer is told, by what it is about."""
_APPROVALS = {
    "first": gettext_lazy(
        "%(by)s approved account recovery for %(who)s. This is one of the two approvals that it needs; nothing opens"
        " yet."
    ),
    "both": gettext_lazy(
        "%(by)s approved account recovery for %(who)s. These are the two approvals that it needs. It can be used from"
        " %(at)s, and stopped until it is used."
    ),
}
"""The same of an approval of account recovery by colleagues: of one, and of those that are enough."""


def entry_row(one: Logged, names: Mapping[UUID, str], actor: Actor) -> Line:
    return {
        **moments(one.at, actor),
        "position": one.position,
        "sentence": sentences.sentence(one, names, actor.timezone),
        "why": one.body.get("reason") or one.body.get("basis") or "",
    }


def visit_row(one: Visit, names: Mapping[UUID, str], files: Mapping[UUID, str | None], actor: Actor) -> Line:
    """Return a visit, or another entry, as a line of the list."""
    person = one.last.person
    assert person is not None
    known = {"person": person, "file": naming.file_name(person, files)}
    if not one.is_visit:
        return entry_row(one.last, names, actor) | known
    first, last = one.entries[0], one.last
    language = translation.get_language() or "en"
    who = sentences.who(first, names)
    return known | {
        **moments(last.at, actor),
        "sentence": words.look(who, one.opened, first.body["purpose"]),
        "corrected": words.corrected(one.corrected),
        "times": words.openings(len(one.looks), first.at, last.at, language, actor.timezone),
        "why": first.body.get("reason") or first.body.get("basis") or "",
        "details": [_detail(entry, actor) for entry in one.entries],
    }


def _detail(one: Logged, actor: Actor) -> Line:
    said = words.groups(one.groups) if one.kind == "look" else words.corrected(one.groups)
    return {**moments(one.at, actor), "position": one.position, "what": said}


def _moment(at: datetime, actor: Actor) -> str:
    return words.moment(at, translation.get_language() or "en", actor.timezone)


@require_safe
@needs(*READERS)
def looks(request: StaffRequest) -> HttpResponse:
    """Show by visit who opened the files that the actor may know of, newest first; to who watches, every file."""
    actor, fields = request.actor, lists.given(request.GET)
    every, office = bool(actor.roles & {"auditor", "data_protection_officer"}), "supervisor" in actor.roles
    context: dict[str, Any] = {"given": fields, "every": every, "office": office}
    context |= {"numbered": bool(actor.roles & lists.NUMBERED), "only": any(fields.values())}
    with operations.acting(request.session_secret):
        if every or office:
            context["colleagues"] = [(str(id_), name) for id_, name in queries.colleagues_who_looked()]
        try:
            asked = lists.narrowed(fields, actor)
        except Refused as refusal:
            context["errors"] = {refusal.field: words.refusal(refusal.field)}
            return render(request, "access/looks.html", context, status=422)
        found = visits(queries.entries_by_visit(asked, before=lists.before(request.GET), limit=lists.A_PAGE + 1))
        files = naming.numbers([one.last.person for one in found if one.last.person] + [*filter(None, [asked.person])])
    if asked.person:
        context["given"] = fields | {"person": files.get(asked.person) or str(asked.person)}
        context["erased"] = asked.person in files and files[asked.person] is None
    names = queries.staff_names(sentences.named(entry for one in found for entry in one.entries))
    shown = found[: lists.A_PAGE]
    context |= {
        "days": lists.by_day([visit_row(one, names, files, actor) for one in shown]),
        "older": lists.older(fields, shown[-1].last.position) if len(found) > lists.A_PAGE else "",
    }
    return render(request, "access/looks.html", context)


@require_safe
@needs(*WATCHERS)
def staff_matters(request: StaffRequest) -> HttpResponse:
    """Show who signed in, came and left, and who gave whom which roles; newest first."""
    fields = lists.given(request.GET) | {"person": ""}
    context: dict[str, Any] = {"given": fields, "only": any(fields.values())}
    context["colleagues"] = [(str(id_), name) for id_, name in queries.colleagues()]
    with operations.acting(request.session_secret):
        try:
            asked = lists.narrowed(fields, request.actor)
        except Refused as refusal:
            context["errors"] = {refusal.field: words.refusal(refusal.field)}
            return render(request, "access/staff_matters.html", context, status=422)
        found = queries.newest_staff_matters(asked, before=lists.before(request.GET), limit=lists.A_PAGE + 1)
        names = queries.staff_known(sentences.named(found))
    shown = found[: lists.A_PAGE]
    context |= {
        "days": lists.by_day([entry_row(one, names, request.actor) for one in shown]),
        "older": lists.older(fields, shown[-1].position) if len(found) > lists.A_PAGE else "",
    }
    return render(request, "access/staff_matters.html", context)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*CONFIRMERS)
@shows_typed
def requests(request: StaffRequest) -> HttpResponse:
    """List what waits for a second person, and what data-protection officers are told; act on one."""
    if request.method != "POST":
        typed = request.typed or request.POST
        return _requests(request, refused={"task": typed.get("decline", ""), "why": typed.get("why", "")})
    try:
        with operations.acting(request.session_secret):
            done = _answered(request)
    except Forbidden as problem:
        if problem.code not in duties.OBSTACLES:
            raise Http404 from None
        return _requests(request, 403, wrong=duties.OBSTACLES[problem.code])
    except Refused as refusal:
        said = {"task": request.POST.get("decline", ""), "why": request.POST.get("why", "")}
        return _requests(request, 422, refused=said | {"error": words.refusal(refusal.field)})
    if request.POST.get("back") == "home":
        return HttpResponseRedirect(reverse("staff-home"))
    return HttpResponseRedirect(reverse("staff-requests") + (f"?done={done}" if done else ""))


def _requests(request: StaffRequest, status: int = 200, **more: Any) -> HttpResponse:
    return render(request, "access/requests.html", _waiting(request) | more, status=status)


def _waiting(request: StaffRequest) -> dict[str, Any]:
    actor = request.actor
    with operations.acting(request.session_secret):
        waiting = queries.waiting_for_approval() if actor.approves else []
        told, asked, erasures = queries.notices(), queries.roles_asked(), queries.erasures()
        done = _done(request)
        people = [*(one.person for one in waiting), *(one.person for one in told), *(one.person for one in erasures)]
        files = naming.numbers(filter(None, [*people, *(one.person for one in done)]))
    names = queries.staff_names(
        [
            *named(told),
            *(one.by for one in asked),
            *sentences.named(done),
            actor.staff,
        ]
    )
    return {
        "waiting": [emergency_row(one, files, actor) for one in waiting],
        "erasures": [erasure_row(one, files, actor) for one in erasures],
        "asked": [roles_row(one, names, actor) for one in asked],
        "told": [notice_row(one, names, files, actor) for one in told],
        "done": [entry_row(one, names, actor) | {"file": _file_of(one, files)} for one in done],
        "officer": "data_protection_officer" in actor.roles,
        "approves": actor.approves,
    }


def _done(request: StaffRequest) -> list[Logged]:
    """Return the entry that the actor's last act here wrote, to confirm it."""
    position = request.GET.get("done", "")
    found = queries.own_entry(int(position)) if position.isdecimal() and len(position) < 19 else None
    return [found] if found else []


def _file_of(one: Logged, files: Mapping[UUID, str | None]) -> str:
    return naming.file_name(one.person, files) if one.person else ""


def emergency_row(one: Waiting, files: Mapping[UUID, str | None], actor: Actor) -> dict[str, Any]:
    return {
        "task": str(one.task),
        "file": naming.file_name(one.person, files),
        "who": one.name,
        "office": one.office,
        "roles": [words.role(role) for role in one.roles],
        "at": _moment(one.at, actor),
        "until": _moment(one.until, actor),
        "reason": one.reason,
        "own": one.staff == actor.staff,
    }


def erasure_row(one: Erasure, files: Mapping[UUID, str | None], actor: Actor) -> dict[str, Any]:
    return {
        "id": one.id,
        "file": naming.file_name(one.person, files),
        "asker": one.asker,
        "office": one.office,
        "ground": words.ground(one.ground),
        "at": _moment(one.asked_at, actor),
        "until": _moment(one.ends_at, actor),
        "decides": one.decides,
        "unconfirmed": words.erasure_state("unconfirmed") if one.confirmed_at is None else "",
    }


def roles_row(one: Asked, names: dict[UUID, str], actor: Actor) -> dict[str, Any]:
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


def notice_row(one: Notice, names: dict[UUID, str], files: Mapping[UUID, str | None], actor: Actor) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": _moment(one.at, actor),
        "sentence": _told(one, names, actor),
        "person": one.person,
        "file": naming.file_name(one.person, files) if one.person else "",
    }


def _told(one: Notice, names: Mapping[UUID, str], actor: Actor) -> str:
    """Return what a notice to a data-protection officer says."""
    who = {"who": names.get(one.staff, _("A colleague"))}
    by = words.listed([names.get(staff, _("A colleague")) for staff in _approvers(one)])
    if not by:
        return str(_NOTICES[one.about]) % who
    if "usable_from" not in one.body:
        return str(_APPROVALS["first"]) % {**who, "by": by}
    at = _moment(datetime.fromisoformat(one.body["usable_from"]), actor)
    return str(_APPROVALS["both"]) % {**who, "by": by, "at": at}


def named(told: Iterable[Notice]) -> Iterator[UUID]:
    """Yield the colleagues whom notices name."""
    for one in told:
        yield from (one.staff, *_approvers(one))


def _approvers(one: Notice) -> list[UUID]:
    """Return which colleagues approved an account recovery: who did now, and once it is enough, all."""
    if one.about != "recovery_approved":
        return []
    said = one.body.get("approved_by" if "usable_from" in one.body else "staff", "")
    return [UUID(staff) for staff in said.split()]


def _answered(request: StaffRequest) -> int | None:
    """Do what a form asks; return the entry that it wrote, if any. Raises: Refused, Forbidden."""
    given = request.POST
    if task := _uuid(given.get("approve", "")):
        operations.approve(task)
    elif task := _uuid(given.get("decline", "")):
        operations.refuse_emergency(task, given.get("why", ""))
    elif staff := _uuid(given.get("confirm", "")):
        operations.confirm_roles(staff, given.get("roles", "").split())
    elif staff := _uuid(given.get("refuse", "")):
        operations.refuse_roles(staff)
    elif (notice := given.get("seen", "")).isdecimal() and len(notice) < 19:
        operations.note_seen(int(notice), at=timezone.now())
        return None
    return queries.own_last_entry()


@require_POST
@needs(*OPENERS)
def notices(request: StaffRequest) -> HttpResponse:
    """Mark a notice about a request of one's own as read."""
    notice = request.POST.get("seen", "")
    if notice.isdecimal() and len(notice) < 19:
        with operations.acting(request.session_secret):
            operations.note_seen(int(notice), at=timezone.now())
    return HttpResponseRedirect(reverse("staff-home" if request.POST.get("back") == "home" else "files"))
