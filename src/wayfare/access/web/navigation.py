"""What the header leads to in this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from wayfare.access.rules import Actor
from wayfare.common.web.navigation import Item, always


def _administers(actor: Actor) -> bool:
    return "administrator" in actor.roles


_COLLEAGUES = ("staff-invite", "staff-colleague")
_WITHOUT_SESSION = ("staff-recover", "staff-sign-up", "staff-recovering")
ITEMS = (
    Item(
        30,
        "staff-requests",
        gettext_lazy("Approvals and notices"),
        lambda actor: actor.confirms,
        under=("file-erasure",),
    ),
    Item(40, "staff-looks", gettext_lazy("Access record"), lambda actor: actor.reads_looks),
    Item(60, "staff-people", gettext_lazy("Staff"), _administers, under=_COLLEAGUES),
    Item(70, "staff-offices", gettext_lazy("Offices"), _administers),
    Item(80, "staff-log", gettext_lazy("Log health"), lambda actor: actor.watches),
    Item(90, "staff-matters", gettext_lazy("Changes to staff"), lambda actor: actor.watches),
    Item(100, "staff-sign-in", gettext_lazy("Staff sign-in"), for_guests=always, under=_WITHOUT_SESSION),
)
