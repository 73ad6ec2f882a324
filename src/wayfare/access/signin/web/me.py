"""One's own account: passkeys, password and code generator, sessions, what others ask in one's name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from wayfare.access import events
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden, secret_hash
from wayfare.access.signin import operations, own, passkeys, queries, tries
from wayfare.access.signin.rules import NotProved
from wayfare.access.signin.web import doors, words
from wayfare.access.signin.web.doors import StaffRequest
from wayfare.access.signin.web.sure import ask_once_more
from wayfare.access.words import moment
from wayfare.access.words import role as role_name
from wayfare.ledger.rules import Refused


def _about(request: StaffRequest) -> str:
    return f"add {request.actor.staff}"


@require_http_methods(["GET", "HEAD", "POST"])
@doors.signed_in
def me(request: StaffRequest) -> HttpResponse:
    """Show one's own account; with POST, change it."""
    if request.method != "POST":
        return _shown(request)
    if doors.is_fresh(request) and (page := _asked_once_more(request)):
        return page
    try:
        _changed(request)
    except Refused as refusal:
        return _shown(request, wrong=words.refusal(refusal.field), status=422)
    except NotProved as problem:
        events.note("not_changed", why=problem.code)
        return _shown(request, failed=True, status=403)
    done = "?done=stopped" if request.POST.get("do") == "not-me" else ""
    return HttpResponseRedirect(reverse("staff-me") + done)


def _asked_once_more(request: StaffRequest) -> HttpResponse | None:
    """Return the page that asks once more before a way in or a session is gone; None where there is nothing to ask."""
    match request.POST.get("do"):
        case "remove":
            question = _("Remove this passkey?")
            says = _("It no longer signs you in, on any device. To use it again, add it again.")
            return ask_once_more(request, question, says, _("Remove passkey"))
        case "end-others":
            question = _("End all your other sessions?")
            says = _("You are signed out everywhere but here.")
            return ask_once_more(request, question, says, _("End all others"))
    return None


_FRESH = frozenset({"end", "end-others", "remove", "add", "unblock"})
"""What only who has just signed in does: what changes how one comes in, and the sessions of one's own."""


def _changed(request: StaffRequest) -> None:
    """Do what a form asks, and note it. Raises: Refused, NotProved, Http404."""
    now, actor, given = timezone.now(), request.actor, request.POST
    wanted = given.get("do", "")
    if wanted in _FRESH and not doors.is_fresh(request):
        raise NotProved("not_fresh")
    match wanted:
        case "end":
            operations.end_own_session(actor.staff, _bytes(given.get("session", "")), at=now)
            events.note("sessions_ended", whose=actor.staff, count=1)
        case "end-others":
            ended = operations.end_other_sessions(actor.staff, request.session_secret, at=now)
            events.note("sessions_ended", whose=actor.staff, count=ended)
        case "not-me":
            try:
                with acting(request.session_secret):
                    operations.stop_recovery(UUID(given.get("recovery", "")))
            except (ValueError, Forbidden):
                raise Http404 from None
            events.note("recovery_stopped", recovery=given.get("recovery"))
        case "unblock":
            with acting(request.session_secret):
                tries.unblock_password(actor.staff)
            events.note("password_unblocked", whose=actor.staff)
        case "remove":
            operations.remove_passkey(actor.staff, _bytes(given.get("passkey", "")))
            events.note("passkey_removed")
        case "add":
            state = doors.finish_ceremony(request, _about(request))
            made = passkeys.made(doors.site_of(request), state, given.get("credential", ""))
            operations.add_passkey(actor.staff, made, given.get("name", ""), at=now)
            events.note("passkey_added")
        case _:
            raise Http404


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Http404 from None


def _shown(request: StaffRequest, *, wrong: str = "", failed: bool = False, status: int = 200) -> HttpResponse:
    now, actor, language = timezone.now(), request.actor, translation.get_language() or "en"

    def at(instant: datetime) -> str:
        return moment(instant, language, actor.timezone)

    with acting(request.session_secret):
        asked = queries.own_recoveries(actor.staff)
    recovered, known = queries.last_recovered(actor.staff), own.password(actor.staff)
    context = {
        "email": queries.email_of(actor.staff),
        "roles": [role_name(role) for role in sorted(actor.roles)],
        "passkeys": [
            {
                "id": one.id.hex(),
                "name": one.name,
                "made": at(one.made_at),
                "used": at(one.used_at) if one.used_at else "",
                "copied": one.copied_at is not None,
            }
            for one in queries.passkeys(actor.staff)
        ],
        "sessions": [
            {
                "hash": one.hash.hex(),
                "how": words.how(one.how),
                "began": at(one.began_at),
                "used": at(one.used_at),
                "here": one.hash == secret_hash(request.session_secret),
            }
            for one in queries.sessions(actor.staff, at=now)
        ],
        "password": known and {name: at(moment_) for name, moment_ in known._asdict().items()},
        "blocked": tries.blocked_at(actor.staff) is not None,
        "asked": [
            {
                "id": one.id,
                "code": format_html('<bdi class="wf-nb">{}</bdi>', one.code),
                "at": at(one.asked_at),
                "usable": one.usable_at and at(one.usable_at),
            }
            for one in asked
        ],
        "recovered": recovered and {"at": at(recovered.at), "by": " · ".join(recovered.by)},
        "fresh": doors.is_fresh(request),
        "wrong": wrong,
        "failed": failed,
        "stopped": request.GET.get("done") == "stopped" and not asked,
    }
    return render(request, "access/me.html", context, status=status)


@require_POST
@doors.signed_in
def me_options(request: StaffRequest) -> HttpResponse:
    """Return what the browser asks another passkey for; authenticators that have one already say so themselves."""
    if not doors.is_fresh(request):
        raise Http404
    actor = request.actor
    have = [one.id for one in queries.passkeys(actor.staff)]
    options, state = passkeys.asked_to_make(
        doors.site_of(request), actor.staff, queries.email_of(actor.staff), actor.name, have
    )
    return doors.begin_ceremony(_about(request), options, state)
