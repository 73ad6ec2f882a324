"""The colleagues of the example (`wayfare demo`), as whom anybody at that machine signs in without proving anything.

The database says who they are, and begins such a session for nobody else (`access/sql/68_example.sql`). Whether a
request comes from that machine is for the page that calls this (`wayfare.site.demo.web`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from wayfare.access import operations as access
from wayfare.access.rules import Forbidden
from wayfare.access.signin.rules import NotProved
from wayfare.access.statements import rows


class Colleague(NamedTuple):
    """An invented colleague."""

    staff: UUID
    name: str
    email: str
    office: str
    """Its name."""
    roles: tuple[str, ...]


def mark(cursor: Any, emails: Sequence[str]) -> bool:
    """Make a database that of an example, before anybody works there; return False if somebody does. As owner."""
    cursor.execute("select access_mark_example(%s)", [list(emails)])
    ((is_example,),) = cursor.fetchall()
    return bool(is_example)


def colleagues() -> list[Colleague]:
    """Return the invented colleagues, in the order in which they joined; none in an installation of real people."""
    found = rows(
        "select s.id, s.name, s.email, o.name, array(select role from access_role where staff = s.id order by role)"
        " from access_example e join access_staff s using (email) join access_office o on o.id = s.office"
        " where s.left_at is null order by s.joined_at, s.id"
    )
    return [Colleague(staff, name, email, office, tuple(roles)) for staff, name, email, office, roles in found]


def sign_in(staff: UUID, *, at: datetime) -> str:
    """Begin a session of an invented colleague; return its secret. Raises: NotProved for anybody else."""
    try:
        return access.begin_session(staff, "example", at=at)
    except Forbidden:
        raise NotProved("not_of_the_example") from None
