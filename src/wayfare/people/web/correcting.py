"""The form by which a field group is corrected: its blocks and fields, and what was typed, as `read_group` reads it.

A field is named by its place in the group, such as `names.0.written.1.parts.0.text`; a refusal names the same place.
What is emptied is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from django.utils.translation import gettext as _

from wayfare.common.web.formats import number
from wayfare.people.births import CALENDARS
from wayfare.people.names import PARTS, USES
from wayfare.people.rules import CHANNELS, DOCUMENTS, SEEN
from wayfare.people.web import choices, words
from wayfare.people.web.forms import SCRIPTS, script_of

GROUPS = ("names", "birth", "contact", "documents")
"""Those that are corrected in a form; to notes one is added."""
_KEY = re.compile(r"[a-z_]+(?:\.(?:[0-9]{1,2}|[a-z_]+)){0,6}", re.ASCII)
_PART = {"kind": "whole", "text": ""}
_WRITTEN: dict[str, Any] = {"script": "", "parts": [_PART]}
_MORE: dict[str, dict[str, Any]] = {
    "names": {"use": "other", "written": [_WRITTEN]},
    "written": _WRITTEN,
    "parts": {"kind": "given", "text": ""},
    "channels": {"kind": "phone", "value": ""},
    "documents": {"kind": "", "seen": "original"},
}
"""What an empty entry of each list has."""
Data = dict[str, Any]


# What was typed


def typed(group: str, given: Mapping[str, str]) -> Data:
    """Return a form as the field group that it means, whatever is wrong with it; empty entries are still there."""
    tree: dict[str, Any] = {}
    for key, value in given.items():
        if _KEY.fullmatch(key):
            _place(tree, key.split("."), value.strip())
    found = _listed(tree)
    return _TYPED[group](found if isinstance(found, dict) else {})


def _place(tree: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):  # a field with the name of a block: no form of ours
            return
    tree.setdefault(path[-1], value)


def _listed(tree: Any) -> Any:
    """Return a tree with a list for each block of numbers, in their order."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [_listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: _listed(value) for key, value in tree.items()}


def _entries(value: Any) -> list[Data]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _names(tree: Data) -> Data:
    names = [
        {"use": _text(name.get("use")), "written": [_writing(one) for one in _entries(name.get("written"))]}
        for name in _entries(tree.get("names"))
    ]
    return {"names": names, "address": _text(tree.get("address"))}


def _writing(tree: Data) -> Data:
    parts = [{"kind": _text(one.get("kind")), "text": _text(one.get("text"))} for one in _entries(tree.get("parts"))]
    script = _text(tree.get("script")) or script_of(" ".join(part["text"] for part in parts))
    return {"script": script, "parts": parts, "transliterated": tree.get("transliterated") == "yes"}


def _birth(tree: Data) -> Data:
    found: Data = {"estimated": tree.get("estimated") == "yes", "place": _text(tree.get("place"))}
    found |= {"nationality": choices.nationality_code(_text(tree.get("nationality"))), "sex": _text(tree.get("sex"))}
    for name in ("told", "on_document"):
        given = tree.get(name)
        part = given if isinstance(given, dict) else {}
        found[name] = {"calendar": _text(part.get("calendar")) or "gregorian"} | {
            one: _number(_text(part.get(one))) for one in ("year", "month", "day")
        }
    return found


def _number(text: str) -> int | str:
    """Return what is typed as a number if it is one, in whatever digits; else as it stands, to be refused."""
    return int(text) if text.isdecimal() and len(text) <= 4 else text


def _contact(tree: Data) -> Data:
    channels = [
        {name: _text(one.get(name)) for name in ("kind", "value", "note")} | {"allowed": one.get("allowed") == "yes"}
        for one in _entries(tree.get("channels"))
    ]
    given = tree.get("languages")
    typed = given if isinstance(given, list) else [given]
    parts = [part.strip() for one in typed for part in re.split(r"[,،;]", _text(one))]
    languages = [choices.language_tag(part) for part in parts if part]
    return {"channels": channels, "languages": languages, "interpreter": tree.get("interpreter") == "yes"}


def _documents(tree: Data) -> Data:
    columns = ("kind", "seen", "number", "country", "valid_from", "valid_until")
    found = [{name: _text(one.get(name)) for name in columns} for one in _entries(tree.get("documents"))]
    return {"documents": [one | {"country": choices.country_code(one["country"])} for one in found]}


_TYPED = {"names": _names, "birth": _birth, "contact": _contact, "documents": _documents}


def filled(group: str, data: Data) -> Data:
    """Return a field group without its empty entries and fields."""
    match group:
        case "names":
            for name in data["names"]:
                for one in name["written"]:
                    one["parts"] = [part for part in one["parts"] if part["text"]]
                name["written"] = [one for one in name["written"] if one["parts"]]
            data["names"] = [name for name in data["names"] if name["written"]]
        case "birth":
            for name in ("told", "on_document"):
                dated = any(data[name][one] != "" for one in ("year", "month", "day"))
                data[name] = {k: v for k, v in data[name].items() if v != ""} if dated else ""
        case "contact":
            data["channels"] = [_without_empty(one) for one in data["channels"] if one["value"] or one["note"]]
        case "documents":
            data["documents"] = [
                _without_empty(one)
                for one in data["documents"]
                if one["kind"] or any(one[name] for name in ("number", "country", "valid_from", "valid_until"))
            ]
    return _without_empty(data)


def _without_empty(data: Data) -> Data:
    return {name: value for name, value in data.items() if value not in ("", None)}


def with_one_more(data: Data, where: str) -> Data:
    """Return a field group with an empty entry at the end of the list at a place; unchanged if there is no such."""
    at: Any = data
    *_steps, last = steps = where.split(".")
    for step in steps:
        if isinstance(at, list) and step.isdecimal() and int(step) < len(at):
            at = at[int(step)]
        elif isinstance(at, dict) and step in at:
            at = at[step]
        elif isinstance(at, dict) and step in _MORE:
            at = at.setdefault(step, [])
        else:
            return data
    if isinstance(at, list) and last in _MORE:
        at.append(deepcopy(_MORE[last]))
    return data


# What is shown


def offered(group: str) -> dict[str, list[tuple[str, str]]]:
    """Return the lists that fields of a group choose from by name: by the list's id."""
    offered = {
        "birth": {"nationalities": choices.nationalities()},
        "contact": {"languages": choices.languages()},
        "documents": {"countries": choices.countries()},
    }
    return offered.get(group, {})


class Form:
    """The blocks of a form, with each refusal beside the field that it names."""

    def __init__(self, language: str, errors: Mapping[str, str]) -> None:
        self.language = language
        self.errors = errors
        self.missing = dict(errors)
        """The refusals of what has no field; each that is shown beside one is taken out."""
        self.labels: dict[str, str] = {}

    def field(self, name: str, label: str, value: Any, kind: str = "text", **more: Any) -> Data:
        """Return a field; `kind`: text, select, check, date or number."""
        self.labels[name] = label
        error = self.missing.pop(name, "")
        return {"name": name, "label": label, "value": value, "kind": kind, "error": error, "limit": 200, **more}

    def choice(self, name: str, label: str, value: Any, options: list[tuple[str, str]]) -> Data:
        """Return a field to choose in; what is stored stays to be chosen, even if it is none of the options."""
        known = [code for code, _word in options]
        if value and value not in known:
            options = [*options, (value, value)]
        return self.field(name, label, value, "select", options=options)

    def nth(self, n: int) -> str:
        """Return a place in a list as people count."""
        return number(n + 1, self.language)


def blocks(group: str, data: Data, form: Form) -> list[Data]:
    """Return the blocks of a group's form: legend, fields, blocks within."""
    return _BLOCKS[group](data, form)


def more(group: str, data: Data) -> list[tuple[str, str]]:
    """Return where an entry can be added: its place, and what the button says."""
    match group:
        case "names":
            found = [("names", _("Another name"))]
            for n, name in enumerate(data.get("names", [])):
                for k, one in enumerate(name["written"]):
                    text = {"name": " ".join(part["text"] for part in one["parts"]) or _("this name")}
                    if k == 0:
                        found.append((f"names.{n}.written", _("Another script for %(name)s") % text))
                    found.append((f"names.{n}.written.{k}.parts", _("Another part of %(name)s") % text))
            return found
        case "contact":
            return [("channels", _("Another contact"))]
        case "documents":
            return [("documents", _("Another document"))]
    return []


def _name_blocks(data: Data, form: Form) -> list[Data]:
    found = []
    for n, name in enumerate(data.get("names", [])):
        at = f"names.{n}"
        fields = [form.choice(f"{at}.use", _("Type of name"), name["use"], words.uses(USES))]
        inner = [_written_block(one, f"{at}.written.{k}", form) for k, one in enumerate(name["written"])]
        found.append({"legend": _("Name %(n)s") % {"n": form.nth(n)}, "fields": fields, "blocks": inner})
    address = form.field("address", _("How they wish to be addressed"), data.get("address", ""), dir="auto")
    return [*found, {"legend": "", "fields": [address]}]


def _written_block(data: Data, at: str, form: Form) -> Data:
    text = " ".join(part["text"] for part in data["parts"])
    guessed = data["script"] if data["script"] != script_of(text) else ""
    scripts = [("", _("Detect automatically")), *_scripts(form.language)]
    fields = [
        field
        for k, part in enumerate(data["parts"])
        for field in (
            form.choice(f"{at}.parts.{k}.kind", _("Part"), part["kind"], words.parts(PARTS)),
            form.field(f"{at}.parts.{k}.text", _("As written"), part["text"], dir="auto", wide=True),
        )
    ]
    fields.append(form.choice(f"{at}.script", _("Script"), guessed, scripts))
    checked = form.field(
        f"{at}.transliterated", _("Transliterated by somebody else"), data.get("transliterated"), "check"
    )
    shown = words.script_name(data["script"], form.language) if text else ""
    return {"legend": shown or _("In another script"), "parts": fields, "fields": [checked], "inner": True}


def _scripts(language: str) -> list[tuple[str, str]]:
    named = [(code, words.script_name(code, language)) for code in sorted({*SCRIPTS.values(), "Zyyy"})]
    return sorted(named, key=lambda one: one[1])


def _birth_blocks(data: Data, form: Form) -> list[Data]:
    estimated = form.field(
        "estimated", _("Estimated by somebody other than the person"), data.get("estimated"), "check"
    )
    place = form.field("place", _("Place of birth"), data.get("place", ""), dir="auto")
    return [
        {
            "legend": _("Date of birth, as stated by the person"),
            "hint": _("As much as they know, in the calendar they use. Leave empty what is not known."),
            "parts": _date_fields(data.get("told"), "told", form),
            "fields": [estimated],
        },
        {
            "legend": _("Date of birth on a document"),
            "hint": _("Only if it is different."),
            "parts": _date_fields(data.get("on_document"), "on_document", form),
        },
        {"legend": "", "fields": [place]},
        {
            "legend": _("Nationality and sex"),
            "hint": for_counts_only(),
            "fields": [
                nationality_field(form, choices.shown_nationality(data.get("nationality", ""))),
                sex_field(form, data.get("sex", "")),
            ],
        },
    ]


def for_counts_only() -> str:
    """Return what nationality and sex are asked for."""
    return _("Used for counts only. No decision and no place in a list depends on them.")


def nationality_field(form: Form, shown: str) -> Data:
    """Return the field of a nationality. `shown`: as it is shown or was typed."""
    hint = _("Write the first letters, and choose from the list: a country, Stateless, Not known or Prefer not to say.")
    return form.field("nationality", _("Nationality"), shown, hint=hint, dir="auto", limit=100, list="nationalities")


def sex_field(form: Form, chosen: str) -> Data:
    """Return the field of a sex."""
    return form.choice("sex", _("Sex"), chosen, choices.sexes())


def _date_fields(data: Any, at: str, form: Form) -> list[Data]:
    told = data if isinstance(data, dict) else {}
    labels = {"day": _("Day"), "month": _("Month"), "year": _("Year")}
    calendars = [(code, words.calendar(code)) for code in CALENDARS]
    return [
        *(
            form.field(f"{at}.{name}", label, told.get(name, ""), "number", limit=4 if name == "year" else 2)
            for name, label in labels.items()
        ),
        form.choice(f"{at}.calendar", _("Calendar"), told.get("calendar", "gregorian"), calendars),
    ]


def _contact_blocks(data: Data, form: Form) -> list[Data]:
    found = []
    for n, one in enumerate(data.get("channels", [])):
        at = f"channels.{n}"
        fields = [
            form.choice(f"{at}.kind", _("Type of contact"), one["kind"], words.channels(CHANNELS)),
            form.field(f"{at}.value", _("Number or address"), one.get("value", ""), dir="auto", limit=400, wide=True),
        ]
        more_fields = [
            form.field(f"{at}.note", _("In their words, such as when they can speak"), one.get("note", ""), dir="auto"),
            form.field(f"{at}.allowed", _("They allow us to use it"), one.get("allowed"), "check"),
        ]
        found.append({"legend": _("Contact %(n)s") % {"n": form.nth(n)}, "parts": fields, "fields": more_fields})
    interpreter = form.field("interpreter", _("With an interpreter"), data.get("interpreter"), "check")
    languages = [
        _language_field(f"languages.{n}", one, n, form) for n, one in enumerate([*data.get("languages", []), ""])
    ]
    spoken = {"legend": _("Languages"), "hint": _("The one they prefer first."), "parts": languages}
    return [*found, spoken | {"fields": [interpreter]}]


def _language_field(name: str, tag: str, n: int, form: Form) -> Data:
    label = _("Language %(n)s") % {"n": form.nth(n)}
    return form.field(name, label, choices.shown_language(tag) if tag else "", dir="auto", limit=60, list="languages")


def _document_blocks(data: Data, form: Form) -> list[Data]:
    found = []
    for n, one in enumerate(data.get("documents", [])):
        at = f"documents.{n}"
        kinds = [("", _("Leave it out")), *words.documents(DOCUMENTS)]
        fields = [
            form.choice(f"{at}.kind", _("Kind"), one.get("kind", ""), kinds),
            form.choice(f"{at}.seen", _("Source"), one.get("seen", ""), words.seen(SEEN)),
        ]
        fields += [
            form.field(f"{at}.number", _("Number"), one.get("number", ""), dir="ltr", limit=60),
            form.field(
                f"{at}.country",
                _("Country"),
                choices.shown_country(one.get("country", "")),
                dir="auto",
                limit=60,
                list="countries",
            ),
            form.field(f"{at}.valid_from", _("Valid from"), one.get("valid_from", ""), "date"),
            form.field(f"{at}.valid_until", _("Valid until"), one.get("valid_until", ""), "date"),
        ]
        found.append({"legend": _("Document %(n)s") % {"n": form.nth(n)}, "parts": fields})
    return found


_BLOCKS = {"names": _name_blocks, "birth": _birth_blocks, "contact": _contact_blocks, "documents": _document_blocks}
