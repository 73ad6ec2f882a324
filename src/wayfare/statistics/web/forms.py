"""The form of the table builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from wayfare.ledger.rules import Refused
from wayfare.statistics import queries
from wayfare.statistics.web import words

COLUMNS = ("sex", "age", "destination", "nationality", "evidence", "assistance", "programme", "year")
"""What may stand side by side: dimensions with few values, or whose smaller ones can stand together."""


class TableForm(forms.Form):
    """Which table is wanted: of which programmes, what is counted, by what, of which months, as of which entry."""

    programme = forms.ChoiceField(required=False)
    measure = forms.ChoiceField()
    rows = forms.ChoiceField()
    columns = forms.ChoiceField(required=False)
    since = forms.CharField(required=False, max_length=7)
    until = forms.CharField(required=False, max_length=7)
    as_of = forms.IntegerField(required=False, min_value=0, max_value=2**63 - 1)

    def __init__(self, given: Mapping[str, Any], titles: Mapping[str, str], head: int) -> None:
        super().__init__(given)
        self.head = head
        labels = {"programme": _("Programme"), "measure": _("Count"), "rows": _("Rows"), "columns": _("Columns")}
        for name, label in (labels | {"since": _("From"), "until": _("To"), "as_of": _("As of entry")}).items():
            self.fields[name].label = label
        choices = {
            "programme": [("", _("All your programmes")), *titles.items()],
            "measure": [(name, words.measure(name)) for name in queries.MEASURES],
            "rows": [(name, words.dimension(name)) for name in queries.DIMENSIONS],
            "columns": [("", _("None")), *((name, words.dimension(name)) for name in COLUMNS)],
        }
        for name, offered in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = offered
            field.error_messages |= dict.fromkeys(("invalid_choice", "required"), _("Choose one of the list."))
        month = _("Write a month such as 2026-01, or a year such as 2026.")
        for name in ("since", "until"):
            self.fields[name].error_messages["max_length"] = month
        entry = _("Write the number of an entry of the ledger, at most %(head)s, or leave it out.") % {"head": head}
        for code in ("invalid", "min_value", "max_value"):
            self.fields["as_of"].error_messages[code] = entry
        for validator in self.fields["as_of"].validators:
            validator.message = entry  # type: ignore[attr-defined]
        self.messages = {"month": month, "entry": entry}

    def clean(self) -> dict[str, Any]:
        """Hold the choices to each other: no dimension twice, no period that ends before it begins."""
        found = super().clean() or {}
        if found.get("columns") and found["columns"] == found.get("rows"):
            self.add_error("columns", _("Choose another one than for the rows."))
        if (found.get("as_of") or 0) > self.head:
            self.add_error("as_of", self.messages["entry"])
        try:
            found["period"] = queries.period(found.get("since") or "", found.get("until") or "")
        except queries.Backwards:
            self.add_error("until", _("Write a month that is not before the first."))
        except Refused as refusal:
            self.add_error("since" if refusal.field == "from" else "until", self.messages["month"])
        return found

    @property
    def by(self) -> list[str]:
        """The dimensions in their order, rows first."""
        data = self.cleaned_data
        return [data["rows"], *([data["columns"]] if data["columns"] else [])]
