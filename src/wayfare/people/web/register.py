"""Registering a person: the form, those who may be the same person, the new file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from wayfare.access import operations as access
from wayfare.access.purposes import ENROLLERS
from wayfare.access.rules import Forbidden
from wayfare.access.signin.web import StaffRequest, needs, shows_typed
from wayfare.ledger import operations as ledger
from wayfare.ledger import registry
from wayfare.ledger.registry import Offered
from wayfare.ledger.rules import Refused
from wayfare.people import operations, queries
from wayfare.people.births import CALENDARS
from wayfare.people.enrolling import Enrolled, File, named
from wayfare.people.installed import held_keys
from wayfare.people.statements import Stale
from wayfare.people.web import choices, correcting, forms, words
from wayfare.people.web.correcting import Form

FIELDS = (
    "programme",
    "name",
    "latin",
    "document_name",
    "address",
    "day",
    "month",
    "year",
    "calendar",
    "nationality",
    "sex",
    "phone",
    "may_call",
    "speaks",
    "once",
)
"""What the form holds, and the page that asks about those who may be the same person hands on."""


@require_http_methods(["GET", "HEAD", "POST"])
@needs(*ENROLLERS)
@shows_typed
def register(request: StaffRequest) -> HttpResponse:
    """Show the form; with POST, register the person, unless they may have a file already: then ask first.

    What was typed travels in the bodies of forms alone, and stays in them until it is saved. The form's own number,
    `once`, makes the same file of two posts of one form.
    """
    if request.method != "POST":
        with access.acting(request.session_secret):
            held_keys()  # before anybody fills the form in
        before = request.typed.dict() if request.typed else {}
        return _form(request, {"once": uuid4().hex, "programme": _usual(request), **before})
    given, at = request.POST, timezone.now()
    if given.get("do") == "change":
        return _form(request, given.dict())
    person = _person(request, given.get("once", ""))
    try:
        programme = _programme(request, given.get("programme"))
        file = operations.file_from(forms.person(given), at=at, person=person)
        made, same = _known(request, person), []
        if made is None and given.get("do") != "someone_else":
            same = queries.perhaps_same(request.session_secret, *named(file.groups))
        if same:
            typed = [(name, given[name]) for name in FIELDS if given.get(name)]
            context = {"same": same, "typed": typed, "repeated": _repeated(file)}
            return render(request, "people/same.html", context)
        made = made or _made(request, file, programme)
    except Refused as refusal:
        said = words.refused(refusal, translation.get_language() or "en")
        return _form(request, given.dict(), error=said, field=_field(refusal.field), status=422)
    except Forbidden as problem:
        return _form(request, given.dict(), error=words.forbidden(problem.code), status=429)
    except Stale:
        return _form(request, given.dict(), error=words.keys_changed(), status=409)
    return render(request, "people/enrolled.html", {"made": made})


def _usual(request: StaffRequest) -> str:
    """Return the programme that stands first in the form: one of the actor's office, none if it has none."""
    return next((one.key for one in registry.offered_programmes(request.actor.office) if one.of_office), "")


def _programme(request: StaffRequest, chosen: str | None) -> str | None:
    """Return the programme that was chosen; the office's usual one for a form without the field, None if there is none.

    Raises: Refused.
    """
    offered = [one.key for one in registry.offered_programmes(request.actor.office)]
    if not offered:
        return None
    wanted = _usual(request) if chosen is None else chosen
    if wanted not in offered:
        raise Refused("programme", "is missing or not configured; choose one of the list")
    return wanted


def _repeated(file: File) -> list[tuple[str, str]]:
    """Return names and birth as they were typed, to compare with the files that may be of the same person."""
    language = translation.get_language() or "en"
    names, birth = named(file.groups)
    groups = words.group("names", names, language), words.group("birth", birth, language)
    return [(str(row["key"]), str(row["value"])) for group in groups for row in group["rows"]]


def _form(
    request: StaffRequest, given: dict[str, Any], *, error: str = "", field: str = "", status: int = 200
) -> HttpResponse:
    form = Form(translation.get_language() or "en", {field: error} if field else {})
    context = {
        "blocks": _blocks(given, form, registry.offered_programmes(request.actor.office)),
        "offered": {"languages": choices.languages(), "nationalities": choices.nationalities()},
        "once": given.get("once", ""),
        "errors": [{"field": field, "label": form.labels.get(field, ""), "words": error}] if error else [],
    }
    return render(request, "people/enrol.html", context, status=status)


def _field(refused: str) -> str:
    """Return the field of the form that a refusal names; none if it names no field of it."""
    places = {
        "programme": "programme",
        "names.names[0].written[1]": "latin",
        "names.names[1]": "document_name",
        "names.address": "address",
        "names": "name",
        "told": "year",
        "birth.told.calendar": "calendar",
        "birth.told.month": "month",
        "birth.told.day": "day",
        "birth.month": "month",
        "birth.day": "day",
        "birth.nationality": "nationality",
        "birth.sex": "sex",
        "birth": "year",
        "contact.channels": "phone",
        "contact.languages": "speaks",
    }
    return next((field for place, field in places.items() if refused.startswith(place)), "")


def _blocks(given: dict[str, Any], form: Form, programmes: Sequence[Offered]) -> list[dict[str, Any]]:
    """Return the blocks of the form, filled in with what was typed."""

    def field(name: str, label: str, **more: Any) -> dict[str, Any]:
        return form.field(name, label, given.get(name, ""), **{"dir": "auto", **more})

    told = {name: given.get(name, "") for name in ("day", "month", "year")}
    dates = [
        form.field(name, label, told[name], "number", limit=4 if name == "year" else 2)
        for name, label in (("day", _("Day")), ("month", _("Month")), ("year", _("Year")))
    ]
    calendars = [(code, words.calendar(code)) for code in CALENDARS]
    dates.append(form.choice("calendar", _("Calendar"), given.get("calendar", "gregorian"), calendars))
    hint = _("As the person says and writes it, in their own script. One name is enough.")
    names = [
        field("name", _("Name"), hint=hint),
        field("latin", _("The same name in Latin letters, if it is in another script")),
        field("document_name", _("Name on a document, if it is different")),
        field("address", _("How they wish to be addressed")),
    ]
    as_told = _("As much as they know, in the calendar they use. Leave empty what is not known.")
    contact = [
        field("phone", _("Telephone"), kind="tel", dir="ltr", limit=60, hint=_("Such as +33 1 23 45 67 89")),
        form.field("may_call", _("They allow us to call"), given.get("may_call"), "check"),
        field(
            "speaks",
            _("Language they prefer"),
            limit=60,
            list="languages",
            hint=_("Write the first letters, and choose from the list."),
        ),
    ]
    counted = [
        correcting.nationality_field(form, given.get("nationality", "")),
        correcting.sex_field(form, given.get("sex", "")),
    ]
    return [
        *_programme_block(given, form, programmes),
        {"legend": _("Name"), "fields": names},
        {"legend": _("Date of birth"), "hint": as_told, "parts": dates},
        {"legend": _("Nationality and sex"), "hint": correcting.for_counts_only(), "fields": counted},
        {"legend": _("Contact"), "fields": contact},
    ]


def _programme_block(given: dict[str, Any], form: Form, programmes: Sequence[Offered]) -> list[dict[str, Any]]:
    """Return the choice of a programme, where there are any."""
    if not programmes:
        return []
    options = [(one.key, one.title) for one in programmes]
    if not programmes[0].of_office:
        options.insert(0, ("", _("Choose")))
    return [
        {
            "legend": _("Programme"),
            "fields": [
                form.choice(
                    "programme", _("In which programme do they take part?"), given.get("programme", ""), options
                )
            ],
        }
    ]


def _person(request: StaffRequest, once: str) -> UUID:
    """Return the id of the person whom a form registers: one a form, which nobody can choose."""
    if not once:
        return uuid4()
    chance = salted_hmac("wayfare.people.register", f"{request.actor.staff} {once}", algorithm="sha256").digest()
    return UUID(bytes=chance[:16], version=4)


def _known(request: StaffRequest, person: UUID) -> Enrolled | None:
    """Return the file that an earlier post of the same form made."""
    with access.acting(request.session_secret):
        number = queries.case_numbers([person]).get(person)
    return Enrolled(person, number) if number else None


def _made(request: StaffRequest, file: File, programme: str | None) -> Enrolled:
    """Make the file, or return the one that the same form has just made. Raises: Http404, as `operations.enrol`."""
    try:
        with access.acting(request.session_secret):
            ledger.open_for_writing()  # in any case: a correction takes the locks below in another order
            (made,) = operations.enrol_many([file], at=timezone.now(), programme=programme)
            if "counsellor" in request.actor.roles:
                access.join_team(made.person, request.actor.staff)
    except (IntegrityError, psycopg.errors.UniqueViolation):
        if file.person is None:
            raise
        if (known := _known(request, file.person)) is None:  # it was erased since
            raise Http404 from None
        return known
    return made
