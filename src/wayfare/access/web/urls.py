"""The pages of staff: sign-in, administration, the access record, approvals, and the published figures of access."""

from __future__ import annotations

from wayfare.access.purposes import CONFIRMERS, OPENERS, READERS, ROLES, WATCHERS
from wayfare.access.signin.web import me, password, people, recovery, sign_in, sign_up
from wayfare.access.web import logs, looks, published, purposes
from wayfare.common.web.pages import OPEN, SIGN_IN, SIGN_IN_FORM, SIGN_IN_POST, Page

_ADMINISTRATOR = ("administrator",)
_CLOSED = {"GET": 404, "POST": 404}
"""What a link that opens nothing is answered; there is none that is good for everybody."""
_LINK = "<str:secret>"
PAGES = (
    Page("looks/", published.page, "looks-published", OPEN),
    Page("looks/table.csv", published.table, "looks-table", OPEN),
    Page("staff/sign-in", sign_in.sign_in, "staff-sign-in", OPEN | {"POST": 403}, forms=()),
    Page("staff/sign-in/options", sign_in.sign_in_options, "staff-sign-in-options", {"POST": 200}, forms=()),
    Page("staff/sign-out", sign_in.sign_out, "staff-sign-out", SIGN_IN_POST, forms=()),
    Page(f"staff/sign-up/{_LINK}", sign_up.sign_up, "staff-sign-up", _CLOSED, forms=()),
    Page(f"staff/sign-up/{_LINK}/options", sign_up.sign_up_options, "staff-sign-up-options", {"POST": 404}, forms=()),
    Page("staff/me", me.me, "staff-me", SIGN_IN_FORM, ROLES, forms=("recovery",)),
    Page("staff/me/options", me.me_options, "staff-me-options", SIGN_IN_POST, ROLES, forms=()),
    Page("staff/me/password", password.password, "staff-password", SIGN_IN_FORM, ROLES, forms=()),
    Page("staff/recover", recovery.recover, "staff-recover", OPEN | {"POST": 422}, forms=()),
    Page(f"staff/recover/{_LINK}", recovery.recovering, "staff-recovering", _CLOSED, forms=()),
    Page(
        f"staff/recover/{_LINK}/options",
        recovery.recovering_options,
        "staff-recovering-options",
        {"POST": 404},
        forms=(),
    ),
    Page("staff/recoveries", recovery.recoveries, "staff-recoveries", SIGN_IN_FORM, ROLES, forms=("recovery",)),
    Page("staff/people", people.people, "staff-people", SIGN_IN_FORM, _ADMINISTRATOR, forms=()),
    Page("staff/people/invite", people.invite, "staff-invite", SIGN_IN_FORM, _ADMINISTRATOR, forms=()),
    Page(
        "staff/people/<uuid:staff>",
        people.colleague,
        "staff-colleague",
        SIGN_IN_FORM,
        _ADMINISTRATOR,
        shows={"administrator": "any"},
        forms=(),
    ),
    Page("staff/looks", looks.looks, "staff-looks", SIGN_IN, READERS),
    Page("staff/matters", looks.staff_matters, "staff-matters", SIGN_IN, WATCHERS),
    Page("staff/log", logs.logs, "staff-log", SIGN_IN, WATCHERS),
    Page("staff/purposes", purposes.purposes, "staff-purposes", SIGN_IN, ROLES),
    Page(
        "staff/requests",
        looks.requests,
        "staff-requests",
        SIGN_IN_FORM,
        CONFIRMERS,
        forms=("approve", "decline", "confirm", "refuse"),
    ),
    Page("staff/notices", looks.notices, "staff-notices", SIGN_IN_POST, OPENERS, forms=()),
    Page("staff/offices", people.offices, "staff-offices", SIGN_IN_FORM, _ADMINISTRATOR, forms=()),
)
