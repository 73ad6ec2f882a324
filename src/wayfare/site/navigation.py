"""What the header leads to, for each role and for who is not signed in: the items of all rooms, in a fixed order."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from wayfare.access import words
from wayfare.access.rules import Actor
from wayfare.common.rooms import load
from wayfare.common.web.navigation import Item
from wayfare.site import rooms


class Link(NamedTuple):
    """An item as the header shows it; `here`: the page that is shown is it, or belongs to it."""

    address: str
    title: str
    here: bool


ITEMS: list[Item] = sorted(
    (item for room in rooms.manifests() if room.navigation for item in load(room.navigation)),
    key=lambda item: item.place,
)
STAFF = [item for item in ITEMS if item.for_whom is not None]
"""For who is signed in. One role has at most seven of them."""


def links(request: HttpRequest) -> list[Link]:
    """Return what the header of a page leads to."""
    actor: Actor | None = getattr(request, "actor", None)
    match = request.resolver_match
    here = match.url_name if match else None
    if actor is not None:
        told = {who: who is not None and who(actor) for who in {one.for_whom for one in STAFF}}  # items may share one
        found = [one for one in STAFF if told[one.for_whom]]
    else:
        found = [one for one in ITEMS if one.for_guests is not None and one.for_guests()]
    return [Link(reverse(one.page), str(one.title), here == one.page or here in one.under) for one in found]


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
