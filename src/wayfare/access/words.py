"""A look in words: who opened what of a file, and what for; in the language of who reads it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, format_timedelta
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from wayfare.access.purposes import DECLARED, GROUPS
from wayfare.common.web.formats import day_and_time, locale, number

_PURPOSES = {
    "case_work": gettext_lazy("to work on the case"),
    "travel_booking": gettext_lazy("to book the journey"),
    "correction_review": gettext_lazy("to check a correction that was asked for"),
    "duplicate_review": gettext_lazy("to find out whether two files are about one person"),
    "support_at_request": gettext_lazy("because help was asked for"),
    "legal_duty": gettext_lazy("because a law obliges us to"),
    "break_glass": gettext_lazy("in an emergency, which a second colleague confirmed"),
}
_NAMES = {
    "case_work": gettext_lazy("Case work"),
    "travel_booking": gettext_lazy("Booking a journey"),
    "correction_review": gettext_lazy("Check a correction"),
    "duplicate_review": gettext_lazy("Possible duplicate"),
    "support_at_request": gettext_lazy("Request for help"),
    "legal_duty": gettext_lazy("A legal duty"),
    "break_glass": gettext_lazy("Emergency, with a second colleague"),
}
_GROUPS = {
    "names": pgettext_lazy("field group", "names"),
    "birth": pgettext_lazy("field group", "date of birth, nationality and sex"),
    "contact": pgettext_lazy("field group", "contact details"),
    "documents": pgettext_lazy("field group", "documents"),
    "notes": pgettext_lazy("field group", "notes"),
}
_ROLES = {
    "counsellor": gettext_lazy("Counsellor"),
    "supervisor": gettext_lazy("Supervisor"),
    "travel_officer": gettext_lazy("Travel officer"),
    "verifier": gettext_lazy("Verifier"),
    "statistician": gettext_lazy("Statistician"),
    "auditor": gettext_lazy("Auditor"),
    "data_protection_officer": gettext_lazy("Data-protection officer"),
    "administrator": gettext_lazy("Administrator"),
}


_SCOPES = {
    "team": gettext_lazy("files of their own case teams"),
    "office": gettext_lazy("files of their office"),
    "any": gettext_lazy("files of any office"),
}
_NEEDS = {
    "": gettext_lazy("No reason: this is everyday work."),
    "reason": gettext_lazy("A sentence that says why, for this file and now."),
    "basis": gettext_lazy("The law, the article, the authority and the day of its request."),
    "approval": gettext_lazy("A sentence that says why, and a second person who approves it first."),
}
_GROUNDS = {
    "asked": gettext_lazy("The person asked for it"),
    "no_longer_needed": gettext_lazy("The data are no longer needed"),
    "consent_withdrawn": gettext_lazy("The person withdrew consent"),
    "unlawful": gettext_lazy("The data were held without a legal basis"),
    "legal_duty": gettext_lazy("Another law obliges us to erase"),
}
_STATES = {
    "unconfirmed": gettext_lazy("Waiting for the colleague named to confirm it"),
    "waits": gettext_lazy("Waiting for a second person"),
    "erased": gettext_lazy("Erased"),
    "refused": gettext_lazy("Refused"),
    "withdrawn": gettext_lazy("Withdrawn"),
    "lapsed": gettext_lazy("Expired: nobody decided in time"),
}
_TOLD = {
    "emergency_approved": gettext_lazy(
        "%(who)s approved your emergency access to %(file)s. You can open the file now."
    ),
    "emergency_refused": gettext_lazy("%(who)s refused your emergency access to %(file)s."),
    "erasure_by_command": gettext_lazy(
        "A command on the machine asked in your name to erase %(file)s. Confirm it only if you asked for it."
    ),
    "erasure_done": gettext_lazy("%(who)s approved the erasure that you asked for. The person is erased."),
    "erasure_refused": gettext_lazy("%(who)s refused to erase %(file)s, which you asked for."),
}
_REFUSALS = {
    "person": gettext_lazy(
        "No file that you may know of has this case number, or the file was erased. Check it, or leave it out."
    ),
    "since": gettext_lazy("Write the day as 2026-05-17, or leave it out."),
    "until": gettext_lazy("Write a day such as 2026-05-17 that is not before the first, or leave it out."),
    "why": gettext_lazy("Say in a sentence why. Do not name the person."),
    "ground": gettext_lazy("Choose the legal ground from the list."),
    "staff": gettext_lazy("Choose a colleague from the list."),
    "as_of": gettext_lazy("The access record has no such entry. Leave the field empty for the last one."),
}


def ground(code: str) -> str:
    """Return why a person may be erased."""
    return str(_GROUNDS[code])


def erasure_state(code: str) -> str:
    """Return what came of a request to erase a person."""
    return str(_STATES[code])


def told(about: str, who: str | None, file: str) -> str:
    """Return what a colleague is told about a request of their own. `who`: None if a command acted."""
    return str(_TOLD[about]) % {"who": who, "file": file}


def scope(code: str) -> str:
    """Return whose files a scope opens."""
    return str(_SCOPES[code])


def needs(code: str) -> str:
    """Return what a purpose asks for besides."""
    return str(_NEEDS[code])


def refusal(field: str) -> str:
    """Return what is wrong with a field of a page about looks, and the mend."""
    return str(_REFUSALS[field])


def purpose(code: str) -> str:
    """Return the name of a purpose."""
    return str(DECLARED[code].name if code in DECLARED else _NAMES[code])


def purpose_in_a_sentence(code: str) -> str:
    """Return what a file was opened for, as the end of a sentence."""
    return str(DECLARED[code].in_a_sentence if code in DECLARED else _PURPOSES[code])


def role(code: str) -> str:
    """Return the name of a role."""
    return str(_ROLES[code])


def groups(codes: Collection[str]) -> str:
    """Return field groups as a list in words, in the order in which a file shows them."""
    return listed([str(_GROUPS[code]) for code in GROUPS if code in codes])


def listed(named: Sequence[str]) -> str:
    """Return names as a list in words."""
    if len(named) < 2:
        return "".join(named)
    return _("%(all_but_last)s and %(last)s") % {"all_but_last": _(", ").join(named[:-1]), "last": named[-1]}


def look(who: str, opened: Collection[str], code: str) -> str:
    """Return a look as a sentence for anyone who may see it, also for the person whose file it is."""
    return _("%(who)s opened %(what)s %(what_for)s.") % {
        "who": who,
        "what": groups(opened),
        "what_for": purpose_in_a_sentence(code),
    }


def corrected(groups_corrected: Collection[str]) -> str:
    """Return which field groups a visit corrected, empty for none."""
    return _("Corrected: %(what)s.") % {"what": groups(groups_corrected)} if groups_corrected else ""


def openings(n: int, first: datetime, last: datetime, language: str, timezone: str) -> str:
    """Return how often a file was opened within one visit, and from when until when."""
    said = ngettext("Opened %(n)s time, at %(first)s.", "Opened %(n)s times, from %(first)s to %(last)s.", n)
    times = {"first": clock(first, language, timezone), "last": clock(last, language, timezone)}
    return said % {"n": number(n, language), **times}


def day(at: datetime, language: str, timezone: str) -> str:
    """Return the day of an instant by the clock of an office, as a heading."""
    return str(format_date(at.astimezone(ZoneInfo(timezone)).date(), "full", locale=locale(language)))


def clock(at: datetime, language: str, timezone: str) -> str:
    """Return the time of an instant to the minute, by the clock of an office."""
    return str(format_time(at.astimezone(ZoneInfo(timezone)).time(), "HH:mm", locale=locale(language)))


def look_by(who: str, roles: Collection[str], opened: Collection[str], code: str) -> str:
    """Return a look as a sentence with the role of who looked, if it is known."""
    known = _(", ").join(role(one) for one in roles)
    shown = who or _("A colleague")
    return look(_("%(who)s (%(role)s)") % {"who": shown, "role": known} if known else shown, opened, code)


def moment(at: datetime, language: str, timezone: str) -> str:
    """Return an instant to the minute, by the clock of an office."""
    return day_and_time(at.astimezone(ZoneInfo(timezone)), "HH:mm", language)


def ago(at: datetime, now: datetime, language: str) -> str:
    """Return how long ago an instant is, in the greatest unit that fits; at least a second."""
    return str(format_timedelta(min(at - now, timedelta(seconds=-1)), add_direction=True, locale=locale(language)))
