"""One page."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from tests.toy_room import web
from wayfare.common.web.navigation import Item
from wayfare.common.web.pages import SIGN_IN, Page

ITEMS = (Item(35, "toy-flights", gettext_lazy("Flights"), lambda actor: "travel_officer" in actor.roles),)
PAGES = (Page("toy/flights", web.flights, "toy-flights", SIGN_IN, ("supervisor", "travel_officer")),)
