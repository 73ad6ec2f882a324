"""Whether the two logs are well: for who watches them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from wayfare.access import operations, words
from wayfare.access.purposes import WATCHERS
from wayfare.access.queries import OTHERS_UNDONE, log_extent, undone
from wayfare.access.rules import Actor
from wayfare.access.signin.web import StaffRequest, needs
from wayfare.access.source import ACCESS
from wayfare.common.web.formats import number
from wayfare.ledger import source as ledger_source
from wayfare.ledger.source import LEDGER
from wayfare.tlog import health, queries, witnesses
from wayfare.tlog.health import Extent
from wayfare.tlog.notes import Malformed
from wayfare.tlog.queries import Signed

_SHAPES = {"well": "good", "behind": "due", "empty": "unk", "stopped": "late", "never": "late", "ahead": "late"}


@require_safe
@needs(*WATCHERS)
def logs(request: StaffRequest) -> HttpResponse:
    """Show for each log how far it is signed, who cosigned it, and what was found when it was last recomputed."""
    language, now = translation.get_language() or "en", timezone.now()
    shown = []
    for log, title in _logs():
        signed = queries.last_signed(log)
        size = signed.size if signed else 0
        with operations.acting(request.session_secret):
            extent = _extent(log, size)
            gone = undone() if log == ACCESS.log else None
            others = [other() for other in OTHERS_UNDONE] if log == ACCESS.log else []
        rows = _rows(extent, signed, request.actor, now, language)
        if gone is not None:
            of = ngettext("of %(n)s opening", "of %(n)s openings", gone.looks) % {"n": number(gone.looks, language)}
            rows.append((_("Openings in the last 30 days without an entry"), number(gone.undone, language), of))
        for steps, lost in others:
            of = ngettext("of %(n)s step", "of %(n)s steps", steps) % {"n": number(steps, language)}
            rows.append((_("Search steps in the last 30 days that were rolled back"), number(lost, language), of))
        shown.append(
            {
                "log": log,
                "title": title,
                "status": _status(extent, signed, now, language),
                "rows": rows,
                "verified": _verified(log, request.actor, language),
                **_witnesses(log, size, request.actor, language),
            }
        )
    quorum = number(settings.WITNESS_QUORUM, language) if settings.WITNESS_QUORUM else ""
    return render(request, "access/logs.html", {"logs": shown, "quorum": quorum})


def _logs() -> tuple[tuple[str, str], ...]:
    return (LEDGER.log, _("The ledger")), (ACCESS.log, _("Access record"))


def _extent(log: str, size: int) -> Extent:
    return ledger_source.extent(size) if log == LEDGER.log else log_extent(size)


def health_in_short(actor: Actor) -> list[dict[str, Any]]:
    """Return for each log how it is signed and what was found when it was last recomputed. Within `acting`."""
    language, now = translation.get_language() or "en", timezone.now()
    found = []
    for log, title in _logs():
        signed = queries.last_signed(log)
        status = _status(_extent(log, signed.size if signed else 0), signed, now, language)
        found.append({"title": title, "status": status, "verified": _verified(log, actor, language)})
    return found


def _status(extent: Extent, signed: Signed | None, now: datetime, language: str) -> dict[str, str]:
    """Return how the signing stands: a shape, a word, a sentence."""
    code = health.signing(extent, signed, now)
    said = {
        "well": (_("Signed to its end"), _("Every entry is under a signed checkpoint.")),
        "behind": (_("Signing in progress"), _("The latest entries will be signed within moments.")),
        "empty": (_("Nothing to sign yet"), _("There is no entry.")),
        "stopped": (
            _("Signing has stopped"),
            _("Entries are waiting to be signed. Check that wayfare up is running, and read its log."),
        ),
        "never": (
            _("Never signed"),
            _("No checkpoint has been signed. Check that wayfare up is running, and read its log."),
        ),
        "ahead": (
            _("The log is ahead of the database"),
            _(
                "The database is older than its log, for example after an older backup was restored. "
                "Nothing more is signed."
            ),
        ),
    }
    word, sentence = said[code]
    return {"shape": _SHAPES[code], "word": word, "sentence": sentence}


def _rows(
    extent: Extent, signed: Signed | None, actor: Actor, now: datetime, language: str
) -> list[tuple[str, str, str]]:
    """Return the lines about a log as name, value and a note."""
    behind = max(0, extent.entries - (signed.size if signed else 0))
    found = [(_("Entries"), number(extent.entries, language), "")]
    if signed is not None:
        at = words.moment(signed.at, language, actor.timezone)
        found.append(
            (_("Last checkpoint"), number(signed.size, language), f"{at} · {words.ago(signed.at, now, language)}")
        )
    else:
        found.append((_("Last checkpoint"), _("none"), ""))
    since = ""
    if behind and extent.waiting_since:
        since = _("the oldest was made %(ago)s") % {"ago": words.ago(extent.waiting_since, now, language)}
    waiting = ngettext("%(n)s entry", "%(n)s entries", behind) % {"n": number(behind, language)}
    found.append((_("Not signed yet"), waiting if behind else _("none"), since))
    return found


def _verified(log: str, actor: Actor, language: str) -> dict[str, str]:
    known = health.last_verified(log)
    if known is None:
        return {
            "shape": "unk",
            "word": _("Not known"),
            "sentence": _("It was not recomputed from here yet:"),
        }
    at = words.moment(known.at, language, actor.timezone)
    if known.differences:
        return {"shape": "late", "word": _("Different"), "sentence": at, "differs": known.differences[0]}
    leaves = ngettext("%(n)s entry recomputed", "%(n)s entries recomputed", known.leaves) % {
        "n": number(known.leaves, language)
    }
    return {"shape": "good", "word": _("Matches the log"), "sentence": f"{leaves} · {at}"}


def _witnesses(log: str, size: int, actor: Actor, language: str) -> dict[str, Any]:
    try:
        found = witnesses.cosigned_last(log)
    except (Malformed, OSError) as problem:
        return {"witnesses": [], "witness_problem": str(problem)}
    shown = []
    for one in found:
        if one.size is None or one.at is None:
            shown.append({"name": one.name, "shape": "late", "word": _("Has never cosigned"), "hint": ""})
            continue
        whole = one.size >= size
        hint = ngettext("%(n)s entry", "%(n)s entries", one.size) % {"n": number(one.size, language)}
        shown.append(
            {
                "name": one.name,
                "shape": "good" if whole else "due",
                "word": _("Cosigned the last checkpoint") if whole else _("Cosigned an earlier one"),
                "hint": f"{hint} · {words.moment(one.at, language, actor.timezone)}",
            }
        )
    return {"witnesses": shown}
