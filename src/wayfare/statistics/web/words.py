"""Dimensions, measures and the values of cells in words, as each language writes them."""

from __future__ import annotations

from datetime import date

from babel.dates import format_date, format_skeleton
from django.utils.translation import gettext as _

from wayfare.common.web.formats import locale
from wayfare.departures.rules import Programme
from wayfare.departures.web.words import country_name, evidence_name, month_and_year


def dimension(name: str) -> str:
    """Return what a dimension of tables is called."""
    return {
        "year": _("Year"),
        "quarter": _("Quarter"),
        "month": _("Month"),
        "day": _("Day"),
        "nationality": _("Nationality"),
        "sex": _("Sex"),
        "age": _("Age group"),
        "destination": _("Destination"),
        "evidence": _("Evidence"),
        "assistance": _("Assistance"),
        "programme": _("Programme"),
    }[name]


def measure(name: str) -> str:
    """Return what a measure counts."""
    return {"departures": _("Departures"), "persons": _("Persons, each once in a cell")}[name]


def value(name: str, code: str, language: str, programmes: dict[str, Programme]) -> str:
    """Return a value of a dimension in words: a month, a country, an age group."""
    match name:
        case "quarter":
            first = date(int(code[:4]), 3 * int(code[-1]) - 2, 1)
            return str(format_skeleton("yQQQ", first, locale=locale(language)))
        case "month":
            return month_and_year(date.fromisoformat(f"{code}-01"), language)
        case "day":
            return str(format_date(date.fromisoformat(code), "medium", locale=locale(language)))
        case "nationality" | "destination":
            return country_name(code, language)
        case "evidence":
            return evidence_name(code)
        case "programme":
            return programmes[code].title or code
    return _coded(name).get(code, code) if name != "assistance" else _assistance(code)


def _coded(name: str) -> dict[str, str]:
    unknown = _("Not known")
    if name == "sex":  # ISO 5218, with 9 for what it has no code for
        return {"0": unknown, "1": _("Male"), "2": _("Female"), "9": _("Another sex")}
    if name == "age":
        bands = {"Y_LT14": _("Under 14"), "Y14-17": "14–17", "Y18-34": "18–34", "Y35-64": "35–64"}
        return bands | {"Y_GE65": _("65 and over"), "UNK": unknown}
    return {}


def _assistance(code: str) -> str:
    names = {
        "none": _("No assistance"),
        "cash": _("Cash"),
        "in_kind_before": _("Help in kind before departure"),
        "reintegration": _("Reintegration help"),
    }
    return " + ".join(names.get(one, one) for one in code.split("+"))
