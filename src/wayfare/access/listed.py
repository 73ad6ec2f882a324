"""The list of purposes in the database, which decides by it: brought in step with `purposes.py` and what rooms add."""

from __future__ import annotations

from typing import Any

from wayfare.access.purposes import PURPOSES, VERSION


def _stored(cursor: Any) -> tuple[dict[str, tuple[Any, ...]], set[tuple[str, str, str]]]:
    cursor.execute("select code, version, groups, hours, needs from access_purpose")
    purposes = {
        code: (version, tuple(groups), hours, needs) for code, version, groups, hours, needs in cursor.fetchall()
    }
    cursor.execute("select purpose, role, scope from access_purpose_role")
    return purposes, set(cursor.fetchall())


def _wanted() -> tuple[dict[str, tuple[Any, ...]], set[tuple[str, str, str]]]:
    purposes = {code: (VERSION, one.groups, one.hours, one.needs) for code, one in PURPOSES.items()}
    return purposes, {(code, role, scope) for code, one in PURPOSES.items() for role, scope in one.roles.items()}


def agree(cursor: Any) -> None:
    """Make the database's list what the code says, as owner, in the caller's transaction; quick when it is.

    A purpose that is on the list no more stays for the tasks that name it, and is for nobody.
    """
    stored, stored_roles = _stored(cursor)
    wanted, wanted_roles = _wanted()
    for code, row in wanted.items():
        if stored.get(code) != row:
            cursor.execute(
                "insert into access_purpose values (%s, %s, %s, %s, %s) on conflict (code) do update set"
                " version = excluded.version, groups = excluded.groups, hours = excluded.hours, needs = excluded.needs",
                [code, row[0], list(row[1]), *row[2:]],
            )
    for purpose, role, scope in stored_roles - wanted_roles:
        cursor.execute(
            "delete from access_purpose_role where (purpose, role, scope) = (%s, %s, %s)", [purpose, role, scope]
        )
    for purpose, role, scope in wanted_roles - stored_roles:
        cursor.execute(
            "insert into access_purpose_role values (%s, %s, %s) on conflict do nothing", [purpose, role, scope]
        )
