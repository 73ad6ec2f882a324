"""Field groups, refusals and choices of the pages about people, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from babel.dates import format_date, get_month_names
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from wayfare.access.words import groups as group_names
from wayfare.common.web.formats import locale, number
from wayfare.ledger.rules import Refused, TooLong
from wayfare.people.births import Birth, Told
from wayfare.people.fields import Invisible
from wayfare.people.names import Names
from wayfare.people.rules import Contact, Document, Documents, Group, Notes, TooShort
from wayfare.people.web import choices

_USES = {
    "used": pgettext_lazy("name", "The name they use"),
    "document": pgettext_lazy("name", "On a document"),
    "birth": pgettext_lazy("name", "At birth"),
    "earlier": pgettext_lazy("name", "An earlier name"),
    "other": pgettext_lazy("name", "Another name"),
}
_CALENDARS = {
    "gregorian": gettext_lazy("Gregorian calendar"),
    "hijri": gettext_lazy("Islamic lunar calendar"),
    "persian": gettext_lazy("Persian solar calendar"),
}
_CHANNELS = {
    "phone": gettext_lazy("Telephone"),
    "text_message": gettext_lazy("Text message"),
    "messenger": gettext_lazy("Messenger"),
    "email": gettext_lazy("E-mail"),
    "post": gettext_lazy("Post"),
    "in_person": gettext_lazy("In person"),
    "through_somebody": gettext_lazy("Through somebody"),
}
_DOCUMENTS = {
    "passport": gettext_lazy("Passport"),
    "identity_card": gettext_lazy("Identity card"),
    "travel_document": gettext_lazy("Travel document"),
    "laissez_passer": gettext_lazy("Laissez-passer"),
    "residence_permit": gettext_lazy("Residence permit"),
    "birth_record": gettext_lazy("Birth record"),
    "family_record": gettext_lazy("Family record"),
    "driving_licence": gettext_lazy("Driving licence"),
    "other": gettext_lazy("Another document"),
}
_SEEN = {
    "original": gettext_lazy("seen by us"),
    "copy": gettext_lazy("a copy"),
    "told": gettext_lazy("stated by the person"),
}

_PARTS = {
    "whole": pgettext_lazy("part of a name", "The whole name"),
    "given": pgettext_lazy("part of a name", "Given name"),
    "family": pgettext_lazy("part of a name", "Family name"),
    "father": pgettext_lazy("part of a name", "Father’s name"),
    "grandfather": pgettext_lazy("part of a name", "Grandfather’s name"),
    "mother": pgettext_lazy("part of a name", "Mother’s name"),
    "clan": pgettext_lazy("part of a name", "Name of a clan or tribe"),
    "title": pgettext_lazy("part of a name", "Title"),
}
Choices = list[tuple[str, str]]


def uses(codes: Collection[str]) -> Choices:
    """Return what names are to a person, to choose from."""
    return [(code, str(_USES[code])) for code in codes]


def parts(codes: Collection[str]) -> Choices:
    """Return the parts of names, to choose from."""
    return [(code, str(_PARTS[code])) for code in codes]


def channels(codes: Collection[str]) -> Choices:
    """Return the ways to reach a person, to choose from."""
    return [(code, str(_CHANNELS[code])) for code in codes]


def documents(codes: Collection[str]) -> Choices:
    """Return the kinds of documents, to choose from."""
    return [(code, str(_DOCUMENTS[code])) for code in codes]


def seen(codes: Collection[str]) -> Choices:
    """Return how a document is known, to choose from."""
    return [(code, str(_SEEN[code]).capitalize()) for code in codes]


def calendar(code: str) -> str:
    """Return the name of a calendar."""
    return str(_CALENDARS[code])


def told(birth: Told, language: str) -> str:
    """Return a birth date as it was told: no more of it than was, in the calendar of the person."""
    where = locale(language)
    match birth:
        case Told("gregorian", year, int(month), int(day)):
            return format_date(date(year, month, day), "long", locale=where)
        case Told("gregorian", year, int(month), None):
            return f"{get_month_names('wide', locale=where)[month]} {_year(year, language)}"
        case Told("gregorian", year, None, None):
            return _year(year, language)
    return _("%(date)s (%(calendar)s)") % {"date": birth.text(), "calendar": calendar(birth.calendar)}


def _year(year: int, language: str) -> str:
    """Return a year in a language's digits, without grouping."""
    return "".join(number(int(digit), language) for digit in str(year))


Row = dict[str, Any]


def group(name: str, value: Group, language: str) -> dict[str, Any]:
    """Return a field group as its name and rows of `key`, `value` and perhaps a `note`."""
    return {"group": name, "title": group_names([name]), "rows": _rows(value, language)}


def _rows(value: Group, language: str) -> list[Row]:
    match value:
        case Names():
            return _of_names(value, language)
        case Birth():
            return _of_birth(value, language)
        case Contact():
            return _of_contact(value, language)
        case Documents():
            return [_of_document(one, language) for one in value.documents]
        case Notes():
            return [{"key": note.on, "value": note.text} for note in value.notes]


def _named(names: Mapping[str, Any], code: str) -> str:
    """Return what a code that is stored is called; one that was taken off the list since, as it stands."""
    return str(names.get(code, code))


def _of_document(value: Document, language: str) -> Row:
    said = [choices.shown_country(value.country or ""), _named(_SEEN, value.seen)]
    if value.valid_from is not None:
        said.append(_("valid from %(day)s") % {"day": _long(value.valid_from, language)})
    if value.valid_until is not None:
        said.append(_("valid until %(day)s") % {"day": _long(value.valid_until, language)})
    return {
        "key": _named(_DOCUMENTS, value.kind),
        "value": value.number or _("number not noted"),
        "note": " · ".join(filter(None, said)),
    }


def _long(day: str, language: str) -> str:
    return str(format_date(date.fromisoformat(day), "long", locale=locale(language)))


def _of_names(value: Names, language: str) -> list[Row]:
    """Return a row for each written name; no two have the same key."""
    rows: list[Row] = []
    times = Counter[str]()
    for name in value.names:
        for n, written in enumerate(name.written):
            called = _named(_USES, name.use)
            key = _in_script(called, written.script, language) if n else called
            times[key] += 1
            if times[key] > 1:
                key = _("%(name)s %(n)s") % {"name": key, "n": number(times[key], language)}
            note = _("transliterated") if written.transliterated else ""
            rows.append({"key": key, "value": written.text(), "note": note})
    return [*rows, *([{"key": _("Wishes to be addressed as"), "value": value.address}] if value.address else [])]


def _in_script(name: str, script: str, language: str) -> str:
    return _("%(name)s (%(script)s)") % {"name": name, "script": script_name(script, language)}


def script_name(code: str, language: str) -> str:
    """Return the name of a script (ISO 15924); the code where CLDR has none."""
    return str(locale(language).scripts.get(code, code)).capitalize()


def _of_birth(value: Birth, language: str) -> list[Row]:
    rows: list[Row] = []
    if value.told is not None:
        note = _("estimated by somebody else") if value.estimated else ""
        rows.append(
            {"key": _("Date of birth, as stated by the person"), "value": told(value.told, language), "note": note}
        )
    if value.on_document is not None:
        rows.append({"key": _("Date of birth on a document"), "value": told(value.on_document, language)})
    if value.place is not None:
        rows.append({"key": _("Place of birth"), "value": value.place})
    if value.nationality is not None:
        rows.append({"key": _("Nationality"), "value": choices.shown_nationality(value.nationality)})
    if value.sex is not None:
        rows.append({"key": _("Sex"), "value": choices.shown_sex(value.sex)})
    return rows


def _of_contact(value: Contact, language: str) -> list[Row]:
    rows: list[Row] = [
        {
            "key": _named(_CHANNELS, one.kind),
            "value": one.value,
            "note": one.note or "",
            "allowed": one.allowed,
            "channel": True,
        }
        for one in value.channels
    ]
    if value.languages:
        names = [choices.language_name(tag) for tag in value.languages]
        note = _("with an interpreter") if value.interpreter else ""
        rows.append({"key": _("Languages"), "value": ", ".join(names), "note": note})
    return rows


_REFUSALS = {
    "text": gettext_lazy("Write a name, a case number or a year of birth."),
    "reason": gettext_lazy("Say in a sentence why this file is opened now."),
    "basis": gettext_lazy("Name the law, the article and the request that oblige us."),
    "names.name": gettext_lazy("Write the name that the person uses."),
    "programme": gettext_lazy("Choose the programme."),
    "told": gettext_lazy("This lies in the future. Check the year and the calendar."),
    "birth.nationality": gettext_lazy(
        "Choose a country of the list, such as Afghanistan, or Stateless, Not known or Prefer not to say."
    ),
    "birth.sex": gettext_lazy("Choose one of the list."),
    "birth.year": gettext_lazy("Write the year in digits, one that the calendar has, or leave the whole date out."),
    "birth.month": gettext_lazy("Write the month as a number from 1 to 12, or leave it out."),
    "birth.day": gettext_lazy("Write the day as a number that the month has, or leave it out."),
    "contact.channels": gettext_lazy(
        "Write the telephone number as it is dialled, such as +33 1 23 45 67 89 or 01 23 45 67 89 ext. 12."
    ),
    "contact.languages": gettext_lazy("Choose a language of the list, such as Arabic, or write its code, such as ar."),
}


def refused(problem: Refused, language: str) -> str:
    """Return what is wrong with a form, and the mend."""
    return too_long(problem, language) or _apart(problem) or refusal(problem.field, language)


def search_refused(problem: Refused, language: str) -> dict[str, str]:
    """Return what is wrong with a search, by the field of its form."""
    if problem.field.startswith(("birth", "told")):
        return {"year": _("Write the year of birth in digits, such as 1985, or leave it empty.")}
    return {"text": refused(problem, language)}


def _apart(problem: Refused) -> str:
    """Return what is wrong where the kind of the refusal says more than its field; nothing where it does not."""
    if isinstance(problem, Invisible):
        return _("This has only invisible characters. Delete them, and write it with letters.")
    if isinstance(problem, TooShort):
        return _(
            "This telephone number has too few digits or too many. Write all of it, such as +33 1 23 45 67 89"
            " or 01 23 45 67 89."
        )
    return ""


def too_long(problem: Refused, language: str) -> str:
    """Return how long a text is and may be; nothing if that is not the problem."""
    if not isinstance(problem, TooLong):
        return ""
    numbers = {"length": number(problem.length, language), "limit": number(problem.limit, language)}
    return _("This has %(length)s characters. Write at most %(limit)s.") % numbers


def refusal(field: str, language: str) -> str:
    """Return what is wrong with a field and the mend, in words; fields within a list are told by the list."""
    parts = field.replace("[", ".").split(".")
    for end in range(len(parts), 0, -1):
        if (said := _REFUSALS.get(".".join(parts[:end]))) is not None:
            return str(said)
    last = _REFUSALS.get(f"birth.{parts[-1]}") or _REFUSALS.get(f"contact.{parts[-1]}")
    return str(last or _("This cannot be read. Check it, and write it another way."))


_CORRECTIONS = {
    "names": gettext_lazy("Write at least one name."),
    "written": gettext_lazy("One script stands there twice. Write the second spelling as another name."),
    "parts": gettext_lazy("Write either the whole name, or its parts."),
    "kind": gettext_lazy("Choose one of the list."),
    "use": gettext_lazy("Choose one of the list."),
    "seen": gettext_lazy("Choose one of the list."),
    "calendar": gettext_lazy("Choose one of the list."),
    "told": gettext_lazy("This lies in the future. Check the year and the calendar."),
    "nationality": gettext_lazy(
        "Choose a country of the list, such as Afghanistan, or Stateless, Not known or Prefer not to say."
    ),
    "sex": gettext_lazy("Choose one of the list."),
    "year": gettext_lazy("Write the year in digits, one that the calendar has, or leave the whole date out."),
    "value": gettext_lazy(
        "Write a telephone number such as +33 1 23 45 67 89, or an e-mail address such as name@example.org."
    ),
    "country": gettext_lazy("Choose a country of the list, such as Afghanistan, or write its code, such as AFG."),
    "valid_from": gettext_lazy("Write a day such as 2026-05-17, or leave it out."),
    "valid_until": gettext_lazy("Write a day such as 2026-05-17 that is not before the first, or leave it out."),
    "channels": gettext_lazy("These are more than a file holds. Leave some out."),
    "documents": gettext_lazy("These are more than a file holds. Leave some out."),
    "notes": gettext_lazy("The file is full of notes. Ask your administrator."),
    "note": gettext_lazy("Write the note, in at most 4,000 characters."),
}


def correction(problem: Refused, language: str) -> str:
    """Return what is wrong with a correction, and the mend."""
    if said := too_long(problem, language) or _apart(problem):
        return said
    named = re.sub(r"\[\d+\]", "", problem.field).split(".")
    text = named[0] == "notes" and named[-1] == "text"
    return str(_CORRECTIONS.get("note" if text else named[-1]) or refusal(problem.field, language))


def keys_changed() -> str:
    """Return that nothing was saved because the keys were being changed."""
    return _("Keys were being changed at this moment. What you typed is still here: save it again.")


def forbidden(code: str) -> str:
    """Return in words why the actor has to wait; nothing else is told apart."""
    if code == "too_many_files":
        return _("You have opened the files of many people within an hour. Wait two minutes before the next one.")
    return _("You have searched many times. Wait a minute.")
