"""One page."""

from __future__ import annotations

from tests.toy_room import web
from wayfare.common.web.pages import SIGN_IN, Page

PAGES = (Page("toy/flights", web.flights, "toy-flights", SIGN_IN, ("supervisor", "travel_officer")),)
