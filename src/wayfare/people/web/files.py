"""Finding a file, taking up work on it, seeing what that opens, and sealing it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from wayfare.access import naming
from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access import words as access_words
from wayfare.access.purposes import ENROLLERS, OPENERS, PURPOSES
from wayfare.access.queries import Task, Told
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.signin.web import StaffRequest, from_our_pages, needs, shows_typed
from wayfare.access.signin.web.sure import ask_once_more
from wayfare.ledger import queries as ledger
from wayfare.ledger import registry
from wayfare.ledger.registry import Offered
from wayfare.ledger.rules import Refused
from wayfare.people import operations, queries
from wayfare.people.web import forms, words

FIRST = ("names", "birth")
"""What is shown of a file at first; the rest opens on asking, each a look of its own."""


def _purposes(actor: Actor) -> list[dict[str, Any]]:
    """Return the work that an actor can take up, everyday work first."""
    found = [
        {"code": code, "name": access_words.purpose(code), "unusual": bool(known.needs)}
        for code, known in PURPOSES.items()
        if actor.roles & known.roles.keys()
    ]
    return sorted(found, key=lambda one: bool(one["unusual"]))


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*OPENERS)
@shows_typed
def search(request: StaffRequest) -> HttpResponse:
    """Search by name, birth or case number. The text travels in the body: addresses stay in histories and logs."""
    language = translation.get_language() or "en"
    with access.acting(request.session_secret):
        context = open_work(request.actor)
    context |= {"may_enrol": not request.actor.roles.isdisjoint(ENROLLERS)}
    if request.method != "POST":
        typed = {name: request.typed.get(name, "") for name in ("text", "year")} if request.typed else {}
        return render(request, "people/search.html", context | typed)
    text = request.POST.get("text", "").strip()
    context |= {"text": text, "year": request.POST.get("year", ""), "purposes": _purposes(request.actor)}
    try:
        born = forms.born(request.POST, only_year=True)
        if not text and born is None:
            raise Refused("text", "is missing")
        context["results"] = queries.search(request.session_secret, text, born)
    except Refused as refusal:
        context["errors"] = words.search_refused(refusal, language)
        return render(request, "people/search.html", context, status=422)
    except Forbidden as problem:
        context["errors"] = {"text": words.forbidden(problem.code)}
        return render(request, "people/search.html", context, status=429)
    return render(request, "people/search.html", context)


def open_work(actor: Actor) -> dict[str, Any]:
    """Return what is open to the actor now, what waits for approval, and what they are told. Within `acting`."""
    tasks, told = staff.open_tasks(), staff.own_notices()
    files = queries.files_named([*(one.person for one in tasks), *(one.person for one in told)])
    work = [{**_task(one, actor), "file": naming.file_name(one.person, files)} for one in tasks]
    return {
        "work": [one for one in work if not one["waits"]],
        "waiting": [one for one in work if one["waits"]],
        "told": [_told(one, files, actor) for one in told],
    }


def _told(one: Told, files: Mapping[UUID, str | None], actor: Actor) -> dict[str, Any]:
    language = translation.get_language() or "en"
    return {
        "id": one.id,
        "at": access_words.moment(one.at, language, actor.timezone),
        "sentence": access_words.told(one.about, one.who, naming.file_name(one.person, files)),
        "words": one.words,
        "erasure": one.erasure,
    }


def _task(task: Task, actor: Actor) -> dict[str, Any]:
    language = translation.get_language() or "en"
    return {
        "task": task.task,
        "purpose": access_words.purpose(task.purpose),
        "until": access_words.moment(task.ends_at, language, actor.timezone),
        "waits": task.waits,
    }


@require_POST
@needs(*OPENERS)
@shows_typed
def take_up(request: StaffRequest, person: UUID) -> HttpResponse:
    """Take up work on a file; unusual work asks for words first."""
    given = request.POST if request.typed is None else request.typed
    purpose = given.get("purpose", "")
    known = PURPOSES.get(purpose)
    if known is None or not request.actor.roles & known.roles.keys():
        raise Http404
    reason, basis = given.get("reason", ""), given.get("basis", "")
    with access.acting(request.session_secret):
        number = queries.case_numbers([person]).get(person, "")
    context = {"person": person, "purpose": purpose, "name": access_words.purpose(purpose), "needs": known.needs}
    context |= {"number": number}
    context |= {"reason": reason, "basis": basis}
    if request.typed is not None and not known.needs:  # nothing was typed
        return HttpResponseRedirect(reverse("file", args=[person]))
    if known.needs and "asked" not in request.POST:
        return render(request, "people/why.html", context)
    try:
        with access.acting(request.session_secret):
            task = access.take_up(request.actor.staff, person, purpose, reason=reason, basis=basis, at=timezone.now())
    except Refused as refusal:
        context["error"] = words.refused(refusal, translation.get_language() or "en")
        return render(request, "people/why.html", context, status=422)
    except Forbidden:
        raise Http404 from None
    return HttpResponseRedirect(reverse("file-work", args=[task]))


@require_http_methods(["GET", "HEAD", "POST"])
@from_our_pages
@needs(*OPENERS)
def work(request: StaffRequest, task: UUID) -> HttpResponse:
    """Show what of a file a task has opened. Each showing is a look, on the record before anything is read.

    More than names and birth is opened by a form alone, so that no link opens it.
    """
    language = translation.get_language() or "en"
    with access.acting(request.session_secret):
        tasks = staff.open_tasks()
    mine = next((one for one in tasks if one.task == task), None)
    if mine is None:
        return no_work(request, task)
    may = PURPOSES[mine.purpose].groups
    wanted = [group for group in may if group in FIRST or group in request.POST.getlist("also")]
    try:
        opened = operations.open_once(request.session_secret, task, wanted)
    except Forbidden as problem:
        return still_sealed(request, task, problem)
    with access.acting(request.session_secret):
        team = list(staff.team(opened.look.person).values())
        files = queries.files_named([opened.look.person])
        may_ask_erasure = staff.may_ask_erasure(opened.look.person)
        programmes = _programmes(request.actor, mine.purpose, opened.look.person)
    context = {
        "task": task,
        "programmes": programmes,
        "team": team,
        "may_join": not request.actor.roles.isdisjoint(ENROLLERS),
        "correctable": [group for group in wanted if correctable(group, mine.purpose)],
        "corrected": request.GET.get("corrected") in may,
        "other_work": [_task(one, request.actor) for one in tasks if one.person == mine.person],
        "purpose": access_words.purpose_in_a_sentence(mine.purpose),
        "until": access_words.moment(mine.ends_at, language, request.actor.timezone),
        "shown": [words.group(group, opened.groups[group], language) for group in wanted],
        "sealed": [(group, access_words.groups([group])) for group in may if group not in wanted],
        "also": [group for group in wanted if group not in FIRST],
        "look": opened.look.position,
        "person": opened.look.person,
        "file": naming.file_name(opened.look.person, files),
        "may_ask_erasure": may_ask_erasure,
    }
    if "names" in wanted:
        context["called"] = opened.groups["names"].shown().text()  # type: ignore[union-attr]
    return render(request, "people/file.html", context)


def _programmes(actor: Actor, purpose: str, person: UUID) -> Sequence[Offered]:
    """Return the programmes that somebody can be enrolled in who is in none yet; none where the actor may not."""
    if not _enrols(actor, purpose) or ledger.has(str(person), "enrolled"):
        return ()
    return registry.offered_programmes(actor.office)


def _enrols(actor: Actor, purpose: str) -> bool:
    return purpose == "case_work" and not actor.roles.isdisjoint(ENROLLERS)


@require_POST
@needs(*ENROLLERS)
def programme(request: StaffRequest, task: UUID) -> HttpResponse:
    """Have the person of a file take part in a programme, who was registered while there was none."""
    with access.acting(request.session_secret):
        mine = next((one for one in staff.open_tasks() if one.task == task), None)
    if mine is None or not _enrols(request.actor, mine.purpose):
        raise Http404
    saved = "?corrected=birth"
    try:
        with access.acting(request.session_secret):
            operations.enrol_in(task, request.POST.get("programme", ""), at=timezone.now())
    except Refused:  # nothing was chosen, or a colleague was first: the page shows what there is to choose now
        saved = ""
    except Forbidden as problem:
        return still_sealed(request, task, problem)
    return HttpResponseRedirect(reverse("file-work", args=[task]) + saved)


def correctable(group: str, purpose: str) -> bool:
    """Tell whether a purpose opens what a correction of a field group needs; names and birth need each other."""
    needed = {"names", "birth"} if group in ("names", "birth") else {group}
    return needed <= set(PURPOSES[purpose].groups)


def no_work(request: StaffRequest, task: UUID) -> HttpResponse:
    """Answer for work that is not in hand: of one's own that ended, say so with what was typed. Raises: Http404."""
    with access.acting(request.session_secret):
        person = staff.ended_work(task)
        number = None if person is None else queries.files_named([person]).get(person)
    if number is None:  # somebody else's, none, or of an erased file
        raise Http404
    typed = [text for name in request.POST if _is_text(name) for text in request.POST.getlist(name) if text.strip()]
    return render(request, "people/ended.html", {"person": person, "number": number, "typed": typed}, status=409)


_CHOSEN = {"use", "kind", "script", "seen", "transliterated", "allowed", "calendar", "interpreter", "estimated", "sex"}
"""The last part of the names of fields in which nothing is typed."""


def _is_text(name: str) -> bool:
    """Tell whether a field of a correction holds what somebody typed."""
    last = name.rpartition(".")[2]
    return last not in _CHOSEN and name not in ("csrfmiddlewaretoken", "version", "do", "also", "more")


def still_sealed(request: StaffRequest, task: UUID, problem: Forbidden) -> HttpResponse:
    """Answer whose look was refused: what they may know of it, else that nothing is here. Raises: Http404."""
    if problem.code == "not_approved":
        return _waits(request, task)
    if problem.code == "too_many_files":
        return render(request, "people/slow.html", {"words": words.forbidden(problem.code)}, status=429)
    raise Http404 from None


def _waits(request: StaffRequest, task: UUID) -> HttpResponse:
    """Say that a file waits for approval, which file it is and until when."""
    with access.acting(request.session_secret):
        mine = next(one for one in staff.open_tasks() if one.task == task)
        files = queries.files_named([mine.person])
    context = _task(mine, request.actor) | {"file": naming.file_name(mine.person, files)}
    return render(request, "people/waits.html", context)


@require_POST
@needs(*OPENERS)
def seal(request: StaffRequest, task: UUID) -> HttpResponse:
    """Seal a file again: the task ends. Who withdraws a request that waits for approval is asked once more."""
    if request.POST.get("do") == "withdraw":
        says = _("Nobody can approve it any more. To open the file you have to ask again, with a new reason.")
        back = reverse("file-work", args=[task])
        if page := ask_once_more(request, _("Withdraw this request?"), says, _("Withdraw request"), back):
            return page
    with access.acting(request.session_secret):
        access.close_task(task, at=timezone.now())
    return HttpResponseRedirect(reverse("files"))


@require_safe
@needs(*OPENERS)
def file(request: StaffRequest, person: UUID) -> HttpResponse:
    """Show a file by its case number, unopened, and the work that can be started on it."""
    with access.acting(request.session_secret):
        number = queries.case_numbers([person]).get(person)
        may_ask_erasure = staff.may_ask_erasure(person)
    if number is None:
        raise Http404
    may_enrol = not request.actor.roles.isdisjoint(ENROLLERS)
    context = {"person": person, "number": number, "purposes": _purposes(request.actor), "may_enrol": may_enrol}
    context |= {"may_ask_erasure": may_ask_erasure}
    return render(request, "people/unopened.html", context)
