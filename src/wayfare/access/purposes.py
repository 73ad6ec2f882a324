"""What a file may be opened for: a closed list, each purpose with the field groups it needs and the roles it is for.

Pure. The database is given the same list when it is brought up (`listed.py`) and decides by it; a test holds the two
together. A purpose is never chosen from a box at the door: it comes from the task that a member of staff has in hand.
Rooms above put purposes of their own on the list by their manifests.
"""

from __future__ import annotations

from typing import NamedTuple

VERSION = 1
"""Of the list. A look keeps the version that it was made under."""
GROUPS = ("names", "birth", "contact", "documents", "notes")
"""The field groups of a file, in the order in which they are shown."""
ROLES = (
    "counsellor",
    "supervisor",
    "travel_officer",
    "verifier",
    "statistician",
    "auditor",
    "data_protection_officer",
    "administrator",
)
"""What staff are. Verifiers, statisticians, auditors and administrators open no file for any purpose."""
SCOPES = ("team", "office", "any")
"""Whose files: those of one's own case teams, those of one's office, those of any office."""


class Purpose(NamedTuple):
    """A purpose: its field groups, whose files each role may open for it, and what is asked for besides."""

    groups: tuple[str, ...]
    roles: dict[str, str]
    """Role → scope."""
    hours: int
    """How long a task for it lasts at most."""
    needs: str = ""
    """`reason` in words, the legal `basis`, or a reason and a second person's `approval`; nothing for everyday work."""


class Declared(NamedTuple):
    """A purpose as a room above puts it on the list."""

    purpose: Purpose
    name: object
    """Its name, as `gettext_lazy` gives it."""
    in_a_sentence: object
    """What a file was opened for, as the end of a sentence."""


PURPOSES = {
    "case_work": Purpose(GROUPS, {"counsellor": "team", "supervisor": "office"}, 12),
    "travel_booking": Purpose(("names", "birth", "documents"), {"travel_officer": "office"}, 12),
    "correction_review": Purpose(
        GROUPS, {"counsellor": "team", "supervisor": "office", "data_protection_officer": "any"}, 12
    ),
    "duplicate_review": Purpose(("names", "birth"), {"counsellor": "office", "supervisor": "office"}, 2),
    "support_at_request": Purpose(("names", "contact"), {"counsellor": "office", "supervisor": "office"}, 2, "reason"),
    "legal_duty": Purpose(GROUPS, {"supervisor": "office", "data_protection_officer": "any"}, 12, "basis"),
    "break_glass": Purpose(
        GROUPS, {"counsellor": "any", "supervisor": "any", "data_protection_officer": "any"}, 2, "approval"
    ),
}
DECLARED: dict[str, Declared] = {}
"""Those of other rooms, by code."""
OPENERS = frozenset(role for known in PURPOSES.values() for role in known.roles)
"""The roles that open a file for some purpose, and therefore look for one."""
READERS = OPENERS | {"auditor"}
"""The roles that read of the log of looks what is theirs to read."""
ENROLLERS = ("counsellor", "supervisor")
"""The roles of who makes a file."""
ASKERS = (*ENROLLERS, "data_protection_officer")
"""The roles of who may ask that a person is erased: counsellors of their case team, supervisors of their office."""
APPROVERS = ("supervisor", "data_protection_officer")
"""The roles of who may be the second person."""
CONFIRMERS = (*APPROVERS, "administrator")
"""The roles of who may confirm the roles that a colleague asked for: supervisors those of their office."""
FIGURE_READERS = ("statistician", "supervisor", "auditor")
"""The roles that read exact and live figures: those of the programmes of their own office."""
ENTRY_READERS = ("auditor",)
"""The roles that read the ledger's entries over the API; each reading is on record."""
WATCHERS = ("administrator", "auditor", "data_protection_officer")
"""The roles that read what was done to staff, and watch whether the logs are well."""


def register(code: str, declared: Declared) -> None:
    """Put a purpose of a room on the list; the same again changes nothing.

    Raises: ValueError, if it asks for what a room may not give, or another purpose has its code.
    """
    groups, roles, _, needs = declared.purpose
    fits = set(groups) <= set(GROUPS) and set(roles.values()) <= set(SCOPES) and needs in ("", "reason", "basis")
    if not fits or not groups or not roles or not set(roles) <= OPENERS:
        raise ValueError(
            f"the purpose {code}: opens known groups, to roles that open files, for a reason or basis at most"
        )
    if PURPOSES.setdefault(code, declared.purpose) != declared.purpose:
        raise ValueError(f"there is another purpose {code}; choose a new code")
    DECLARED[code] = declared
