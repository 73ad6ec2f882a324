"""Why a colleague's approval of somebody else's request does not count, in words for that colleague.

The database decides (`sql/15_duties.sql`): `access_approval_obstacle` returns one of these codes, and a function that
writes an approval refuses with it. The rule and its reasons are in docs/design/duties.md.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy

ASKED_TOO_SOON = gettext_lazy("Your account was recovered too recently to ask for this. Ask another colleague.")
"""Said where one asks that a person is erased, or confirms that one asked (`recovered_lately`)."""
OBSTACLES = {
    "own_request": gettext_lazy("You have a part in this request yourself. Another colleague has to approve it."),
    "no_role": gettext_lazy("Your roles do not allow you to approve this. Ask another colleague."),
    "account_too_new": gettext_lazy("Your account is too new to approve this. Ask another colleague."),
    "role_too_new": gettext_lazy("Your role was confirmed too recently to approve this. Ask another colleague."),
    "recovered_lately": gettext_lazy("Your account was recovered too recently to approve this. Ask another colleague."),
    "not_independent": gettext_lazy(
        "One of the people concerned invited you, or you invited them. Ask another colleague."
    ),
}
"""The code of an obstacle → what the colleague reads. One who has left (`has_left`) reads nothing."""
