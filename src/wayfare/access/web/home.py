"""What the access package shows on home pages: approvals, notices, load, unusual access, logs, staff. Within `acting`.

Each function returns a section for somebody whose role has it; none opens a file, so none is a line of the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wayfare.access import naming, queries, sentences, words
from wayfare.access.queries import OTHERS_UNDONE, Notice
from wayfare.access.rules import Actor
from wayfare.access.signin import queries as signin
from wayfare.access.signin import tries
from wayfare.access.signin.queries import Colleague, Office
from wayfare.access.visits import visits
from wayfare.access.web import logs, looks
from wayfare.access.web.sections import Part, Section, has
from wayfare.common.web.formats import number

UNUSUAL = frozenset({"many_files", "many_searches", "break_glass"})
"""What data-protection officers are told of how files are used; the rest is about staff and requests."""
LATEST = 5


def _language() -> str:
    return translation.get_language() or "en"


def warnings(actor: Actor) -> dict[str, bool]:
    """Return what may be going on with the actor's own account."""
    return {
        "recovery_asked": bool(signin.own_recoveries(actor.staff)),
        "password_blocked": tries.blocked_at(actor.staff) is not None,
    }


def approvals(actor: Actor) -> Section:
    """Return what the actor can decide: emergencies, erasures, roles, account recovery."""
    emergencies = [one for one in queries.waiting_for_approval() if one.staff != actor.staff] if actor.approves else []
    erasures = [one for one in queries.erasures() if one.decides]
    asked = [one for one in queries.roles_asked() if actor.staff not in (one.by, one.staff)] if actor.confirms else []
    files = naming.numbers([*(one.person for one in emergencies), *(one.person for one in erasures)])
    names = queries.staff_names(one.by for one in asked)
    recoveries = [one for one in signin.recoveries(actor.staff) if not (one.mine or one.usable_at or one.obstacle)]
    count = len(emergencies) + len(erasures) + len(asked) + len(recoveries)
    here = {
        "emergencies": [looks.emergency_row(one, files, actor) for one in emergencies],
        "erasures": [looks.erasure_row(one, files, actor) for one in erasures],
        "asked": [looks.roles_row(one, names, actor) for one in asked],
        "recoveries": len(recoveries),
        "empty": not count,
        "confirms": actor.confirms,
    }
    return Section("approve", "access/home/approvals.html", here, count, _("to approve"))


def notices(actor: Actor) -> list[Section]:
    """Return unusual access and the other notices of a data-protection officer."""
    found = queries.notices()
    unusual = [one for one in found if one.about in UNUSUAL]
    others = [one for one in found if one.about not in UNUSUAL]
    return [
        Section(
            "unusual",
            "access/home/unusual.html",
            {"told": _told(unusual, actor), "undone": _undone()},
            len(unusual),
            ngettext("unusual access", "unusual accesses", len(unusual)),
        ),
        Section(
            "notices",
            "access/home/notices.html",
            {"told": _told(others, actor)},
            len(others),
            ngettext("notice", "notices", len(others)),
        ),
    ]


def _told(found: Sequence[Notice], actor: Actor) -> list[dict[str, Any]]:
    files = naming.numbers(one.person for one in found if one.person)
    names = queries.staff_names(looks.named(found))
    return [looks.notice_row(one, names, files, actor) for one in found]


def _undone() -> str:
    """Return how many looks and steps of searches left no line in 30 days; empty for none."""
    gone = queries.undone().undone + sum(lost for _steps, lost in (other() for other in OTHERS_UNDONE))
    return number(gone, _language()) if gone else ""


def load() -> Section:
    """Return how much work each office has, of those whose files the actor may know of."""
    rows, language = queries.office_load(), _language()

    def each(one: queries.Load) -> str:
        return number(round(one.files / one.counsellors), language) if one.counsellors else _("no counsellor")

    measures = [
        (_("Counsellors"), [number(one.counsellors, language) for one in rows]),
        (_("Files"), [number(one.files, language) for one in rows]),
        (_("Files per counsellor"), [each(one) for one in rows]),
        (_("New in 30 days"), [number(one.recent, language) for one in rows]),
        (_("Without a case team"), [number(one.without_team, language) for one in rows]),
    ]
    return Section("load", "access/home/load.html", {"offices": [one.name for one in rows], "measures": measures})


def health(actor: Actor) -> Section:
    """Return whether the logs are well."""
    found = logs.health_in_short(actor)
    ill = sum("late" in (one["status"]["shape"], one["verified"]["shape"]) for one in found)
    said = ngettext("log needs attention", "logs need attention", ill)
    return Section("health", "access/home/health.html", {"logs": found}, ill or None, said, late=True)


def latest(actor: Actor) -> list[Section]:
    """Return the latest visits to files and changes to staff, for an auditor."""
    seen = visits(queries.entries_by_visit(limit=LATEST))
    changes = queries.newest_staff_matters(limit=LATEST)
    files = naming.numbers(one.last.person for one in seen if one.last.person)
    names = queries.staff_names(sentences.named(entry for one in seen for entry in one.entries))
    known = queries.staff_known(sentences.named(changes))
    visited = [looks.visit_row(one, names, files, actor) for one in seen]
    changed = [looks.entry_row(one, known, actor) for one in changes]
    return [
        Section("visits", "access/home/visits.html", {"lines": visited}),
        Section("changes", "access/home/changes.html", {"lines": changed}),
    ]


def staff(colleagues: Sequence[Colleague], offices: Sequence[Office]) -> list[Section]:
    """Return who works here and where, for an administrator: counts, and the invitations that nobody accepted yet."""
    states = Counter(one.state for one in colleagues)
    at_work = Counter(one.office for one in colleagues if one.state == "active")
    here = {
        "active": number(states["active"], _language()),
        "open": [one for one in colleagues if one.state in ("invited", "run_out")],
    }
    rows = [{"office": one, "staff": number(at_work[one.id], _language())} for one in offices]
    return [
        Section("staff", "access/home/staff.html", here),
        Section("offices", "access/home/offices.html", {"rows": rows}),
    ]


def today(actor: Actor) -> dict[str, str]:
    """Return the day and time by the clock of the actor's office, and the office's name."""
    now, names = timezone.now(), {one.id: one.name for one in signin.offices()}
    return {
        "day": words.day(now, _language(), actor.timezone),
        "at": words.clock(now, _language(), actor.timezone),
        "office": names.get(actor.office, actor.office),
    }


def _to_approve(actor: Actor) -> list[Section]:
    """Return approvals, for who may be asked for any, and for others while there is one."""
    found = approvals(actor)
    return [found] if actor.confirms or not found.here["empty"] else []


PARTS = (
    Part(10, lambda actor: True, _to_approve),
    Part(30, has("data_protection_officer"), notices),
    Part(40, has("supervisor"), lambda actor: [load()]),
    Part(60, lambda actor: actor.watches, lambda actor: [health(actor)]),
    Part(70, has("auditor"), latest),
)
