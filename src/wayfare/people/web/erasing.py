"""Erasing a person, by two colleagues: asking for it, deciding it, its receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from wayfare.access import duties, naming
from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access import words as access_words
from wayfare.access.purposes import ASKERS
from wayfare.access.queries import Erasure
from wayfare.access.rules import Actor, Forbidden
from wayfare.access.signin.web import StaffRequest, needs, shows_typed
from wayfare.common.web.formats import number
from wayfare.ledger.rules import Refused
from wayfare.people import operations, queries
from wayfare.people.queries import Kept
from wayfare.people.rules import case_number_in

_NOT_CONFIRMED = gettext_lazy(
    "Nothing is erased. A command on the machine made this request, and the colleague whom it names"
    " has not confirmed it."
)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*ASKERS)
@shows_typed
def ask(request: StaffRequest, person: UUID) -> HttpResponse:
    """Say what an erasure deletes and what stays; with POST, ask for it."""
    with access.acting(request.session_secret):
        may = staff.may_ask_erasure(person)
        case = queries.case_numbers([person]).get(person)
        waiting = next((one.id for one in staff.erasures() if one.person == person), None)
    if not may or case is None:
        raise Http404
    if waiting is not None:
        return HttpResponseRedirect(reverse("file-erasure", args=[waiting]))
    sent = request.typed or request.POST
    given = {name: sent.get(name, "") for name in ("ground", "why")}
    context: dict[str, Any] = {"number": case, "given": given, "epochs": _epochs(queries.epochs_kept())}
    context["grounds"] = [(code, access_words.ground(code)) for code in access.GROUNDS]
    if request.method != "POST":
        return render(request, "people/erase.html", context)
    try:
        with access.acting(request.session_secret):
            made = access.ask_erasure(person, given["ground"], given["why"])
    except Refused as refusal:
        context["errors"] = {refusal.field: access_words.refusal(refusal.field)}
        return render(request, "people/erase.html", context, status=422)
    except Forbidden as problem:
        if problem.code == "recovered_lately":
            return render(request, "people/erase.html", context | {"wrong": duties.ASKED_TOO_SOON}, status=403)
        if problem.code != "asked_already":  # by somebody else, a moment ago
            raise
        return HttpResponseRedirect(reverse("file-erase", args=[person]))
    return HttpResponseRedirect(reverse("file-erasure", args=[made]) + "?asked=yes")


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*ASKERS)
@shows_typed
def erasure(request: StaffRequest, erasure: UUID) -> HttpResponse:
    """Show a request to its asker and to those who may decide it; with POST, confirm, decide or withdraw it."""
    if request.method != "POST":
        typed = {"why": request.typed.get("why", "")} if request.typed else {}
        return _page(request, erasure, asked="asked" in request.GET, given=typed)
    try:
        _decide(request, erasure)
    except Refused as refusal:
        said = _("This is not the case number of the file.") if refusal.field == "number" else None
        errors = {refusal.field: said or access_words.refusal(refusal.field)}
        return _page(request, erasure, errors=errors, given={"why": request.POST.get("why", "")}, status=422)
    except Forbidden as problem:
        if problem.code == "not_confirmed":
            return _page(request, erasure, wrong=_NOT_CONFIRMED, status=409)
        if problem.code in duties.OBSTACLES:
            asks = request.POST.get("do") == "confirm"
            wrong = duties.ASKED_TOO_SOON if asks else duties.OBSTACLES[problem.code]
            return _page(request, erasure, wrong=wrong, status=403)
        if problem.code != "file_changed":
            raise
        return _page(request, erasure, changed=True, status=409)
    return HttpResponseRedirect(reverse("file-erasure", args=[erasure]))


def _decide(request: StaffRequest, erasure: UUID) -> None:
    """Do what a form asks. Raises: Refused, Forbidden."""
    given = request.POST
    with access.acting(request.session_secret):
        match given.get("do"):
            case "approve":
                one = staff.erasure(erasure)
                if one is None or not one.decides:
                    raise Forbidden("not_yours")
                case = queries.case_numbers([one.person]).get(one.person)
                if case is None or case_number_in(given.get("number", "")) != case:
                    raise Refused("number", "is not the case number of the file")
                read_until = given.get("read_until", "")
                operations.erase(erasure, read_until=_position(read_until))
            case "refuse":
                access.refuse_erasure(erasure, given.get("why", ""))
            case "confirm":
                access.confirm_erasure(erasure)
            case "withdraw":
                access.withdraw_erasure(erasure)
            case _:
                raise Forbidden("no_act")


def _position(text: str) -> int:
    """Return the position that a form says was read; -1, which no file is at, for what is none."""
    return int(text) if text.isdecimal() and len(text) < 19 else -1


def _page(request: StaffRequest, erasure: UUID, *, status: int = 200, **more: Any) -> HttpResponse:
    with access.acting(request.session_secret):
        one = staff.erasure(erasure)
        files = queries.files_named([one.person]) if one else {}
    if one is None:
        raise Http404
    kept = queries.epochs_kept()
    context = {"one": _shown(one, kept, request.actor), "file": naming.file_name(one.person, files)}
    context |= {"epochs": _epochs(kept), **more}
    return render(request, "people/erasure.html", context, status=status)


def _shown(one: Erasure, kept: list[Kept], actor: Actor) -> dict[str, Any]:
    language = translation.get_language() or "en"

    def moment(at: datetime | None) -> str:
        return access_words.moment(at, language, actor.timezone) if at else ""

    unconfirmed = one.state == "waits" and one.confirmed_at is None
    return one._asdict() | {
        "ground": access_words.ground(one.ground),
        "unconfirmed": unconfirmed,
        "shown_state": access_words.erasure_state("unconfirmed" if unconfirmed else one.state),
        "at": moment(one.asked_at),
        "until": moment(one.ends_at),
        "confirmed": moment(one.confirmed_at) if one.by_command else "",
        "decided": moment(one.decided_at),
        "since": _since(one, language),
        "own": one.asked_by == actor.staff,
        "backups": _backups(one, kept, moment),
    }


def _since(one: Erasure, language: str) -> str:
    """Return what happened in the file since it was asked for, empty if nothing did."""
    looks = ngettext("%(n)s opening.", "%(n)s openings.", one.looks) % {"n": number(one.looks, language)}
    corrections = ngettext("%(n)s correction.", "%(n)s corrections.", one.corrections)
    return " ".join(
        [
            *([looks] if one.looks else []),
            *([corrections % {"n": number(one.corrections, language)}] if one.corrections else []),
        ]
    )


def _backups(one: Erasure, kept: list[Kept], moment: Any) -> str:
    """Return whether older backups still open, for a person who was erased."""
    if one.state != "erased" or one.key_epoch is None:
        return ""
    destroyed = next((epoch.destroyed_at for epoch in kept if epoch.epoch == one.key_epoch), None)
    told = {"epoch": str(one.key_epoch), "at": moment(destroyed)}
    if destroyed:
        return _("Epoch %(epoch)s was destroyed on %(at)s: no backup can be opened any more.") % told
    return _("Older backups can be opened until epoch %(epoch)s is destroyed.") % told


def _epochs(kept: list[Kept]) -> str:
    return _(", ").join(str(one.epoch) for one in kept if one.destroyed_at is None)
