"""The pages of the installation as a whole."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from wayfare.access.purposes import ROLES
from wayfare.common.web.navigation import Item
from wayfare.common.web.pages import OPEN, SIGN_IN, Page
from wayfare.site import home, reference
from wayfare.site.demo import web as demo

ITEMS = (Item(10, "staff-home", gettext_lazy("Home"), lambda actor: True),)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PAGES = (
    Page("home", home.home, "staff-home", SIGN_IN, ROLES),
    Page("demo/sign-in", demo.sign_in, "demo-sign-in", dict.fromkeys(_METHODS, 404)),
    Page("api/", reference.guide, "api-guide", OPEN),
    Page("api/v1/docs", reference.reference, "api-reference", OPEN),
)
