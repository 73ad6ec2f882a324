"""The home page: where everybody lands who signs in. One page with the sections of each role, in a fixed order."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from wayfare.access import operations
from wayfare.access.rules import Actor
from wayfare.access.signin import queries as signin
from wayfare.access.signin.queries import Colleague
from wayfare.access.signin.web import StaffRequest, signed_in
from wayfare.access.web import home as access
from wayfare.access.web.sections import Part, Section, has
from wayfare.common.rooms import load
from wayfare.common.web.formats import number
from wayfare.departures import queries as departures
from wayfare.site import rooms
from wayfare.tlog import witnesses
from wayfare.tlog.notes import Malformed


@require_safe
@signed_in
def home(request: StaffRequest) -> HttpResponse:
    """Show what the actor does next. It opens no file, so it leaves no line in the access record."""
    actor, language = request.actor, translation.get_language() or "en"
    with operations.acting(request.session_secret):
        sections = _sections(actor)
        context = {"today": access.today(actor), "warnings": access.warnings(actor)}
    counts = [one._asdict() | {"count": number(one.waits, language)} for one in sections if one.waits is not None]
    return render(request, "wayfare/home.html", context | {"sections": sections, "counts": counts})


def _sections(actor: Actor) -> list[Section]:
    """Return the sections of each role of the actor, each once. Within `acting`."""
    return [section for part in _parts() if part.for_whom(actor) for section in part.sections(actor)]


@cache
def _parts() -> list[Part]:
    """Return what all rooms show on home pages, in its order."""
    parts = (part for room in rooms.manifests() if room.home for part in load(room.home))
    return sorted(parts, key=lambda part: part.place)


def _administration(_actor: Actor) -> list[Section]:
    colleagues, offices = signin.colleagues(at=timezone.now()), signin.offices()
    staff = access.staff(colleagues, offices)
    setup = _setup(colleagues)
    return [*staff, setup] if setup.here["done"] else [setup, *staff]


def _setup(colleagues: list[Colleague]) -> Section:
    """Return the steps of setting up an installation, and which of them is next."""
    held = [role for one in colleagues if one.state == "active" for role in one.roles]
    steps: list[dict[str, Any]] = [
        {
            "title": _("Two administrators"),
            "why": _("Some changes need two people. One administrator alone can be locked out."),
            "done": held.count("administrator") > 1,
            "page": "staff-invite",
        },
        {
            "title": _("A supervisor and a data-protection officer"),
            "why": _("They approve emergency access, roles and erasures."),
            "done": {"supervisor", "data_protection_officer"} <= set(held),
            "page": "staff-invite",
        },
        {
            "title": _("A counsellor"),
            "why": _("Counsellors register people and work on their files."),
            "done": "counsellor" in held,
            "page": "staff-invite",
        },
        {
            "title": _("A programme and its office"),
            "why": _("Departures are counted in a programme; its office reads the exact figures."),
            "done": bool(departures.offices()),
            "command": "wayfare programme add --key paris --title 'Return, France' --country FRA"
            " --timezone Europe/Paris --office paris",
        },
        {
            "title": _("A witness for the logs (optional)"),
            "why": _("Somebody outside who countersigns the logs, so that nobody has to trust you alone.")
            + " "
            + _("How to add one is in docs/witness.md."),
            "done": _has_witness(),
            "optional": True,
        },
    ]
    first = next((one for one in steps if not one["done"] and not one.get("optional")), None)
    if first is not None:
        first["next"] = True
    return Section("setup", "wayfare/setup.html", {"steps": steps, "done": first is None})


def _has_witness() -> bool:
    try:
        return bool(witnesses.known())
    except (Malformed, OSError):
        return False


PARTS = (Part(50, has("administrator"), _administration),)
