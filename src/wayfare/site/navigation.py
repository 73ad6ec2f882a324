"""What the header leads to, for each role and for who is not signed in: one list, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from wayfare.access import words
from wayfare.access.rules import NOTHING, Actor, reader
from wayfare.departures import queries


class Item(NamedTuple):
    """An item of the header: a page by its name in the URL map, and the pages that belong to it."""

    page: str
    title: Promise
    for_whom: Callable[[Actor], bool]
    under: tuple[str, ...] = ()


class Link(NamedTuple):
    """An item as the header shows it; `here`: the page that is shown is it, or belongs to it."""

    address: str
    title: str
    here: bool


def _reads_some(actor: Actor) -> bool:
    """Tell whether somebody reads the exact figures of a programme that there is."""
    reading = reader(actor)
    if reading == NOTHING:
        return False
    try:
        return bool(queries.readable(reading)[0])
    except DatabaseError:  # the page that says so has this header too
        return False


_FILES = ("file", "file-work", "file-enrol", "file-correct", "file-team", "file-take-up", "file-erase")
STAFF = (
    Item("staff-home", gettext_lazy("Home"), lambda actor: True),
    Item("files", gettext_lazy("Files"), lambda actor: actor.opens, _FILES),
    Item("staff-requests", gettext_lazy("Approvals and notices"), lambda actor: actor.confirms, ("file-erasure",)),
    Item("staff-looks", gettext_lazy("Access record"), lambda actor: actor.reads_looks),
    Item("departures-all", gettext_lazy("Departures"), _reads_some, ("departures",)),
    Item("tables", gettext_lazy("Table builder"), _reads_some),
    Item(
        "staff-people",
        gettext_lazy("Staff"),
        lambda actor: "administrator" in actor.roles,
        ("staff-invite", "staff-colleague"),
    ),
    Item("staff-offices", gettext_lazy("Offices"), lambda actor: "administrator" in actor.roles),
    Item("staff-log", gettext_lazy("Log health"), lambda actor: actor.watches),
    Item("staff-matters", gettext_lazy("Changes to staff"), lambda actor: actor.watches),
)
"""For who is signed in. One role has at most seven of them."""
_PUBLIC = (
    ("departures-all", gettext_lazy("Departures"), ("departures",)),
    ("home", gettext_lazy("Programmes"), ()),
    ("log", gettext_lazy("Public log"), ()),
    ("staff-sign-in", gettext_lazy("Staff sign-in"), ("staff-recover", "staff-sign-up", "staff-recovering")),
)
"""For who is not signed in. Departures only in a demo, where everybody reads exact figures."""


def links(request: HttpRequest) -> list[Link]:
    """Return what the header of a page leads to."""
    actor: Actor | None = getattr(request, "actor", None)
    match = request.resolver_match
    here = match.url_name if match else None
    if actor is not None:
        found = [(one.page, one.title, one.under) for one in STAFF if one.for_whom(actor)]
    else:
        found = [one for one in _PUBLIC if one[0] != "departures-all" or settings.DEMO]
    return [Link(reverse(page), str(title), here == page or here in under) for page, title, under in found]


def account(request: HttpRequest) -> dict[str, str] | None:
    """Return the name, initials and roles of who is signed in, for the account menu; None for nobody."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        return None
    parts = actor.name.split()
    initials = "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()
    return {
        "name": actor.name,
        "initials": initials,
        "roles": " · ".join(words.role(role) for role in sorted(actor.roles)),
    }
