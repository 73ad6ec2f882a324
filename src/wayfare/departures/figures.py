"""Published figures, and what else the simulator has to know of countries: time zones and airports. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import pycountry

from wayfare.ledger.countries import COUNTRIES

CAPITALS = {
    "AUS": "Australia/Sydney",
    "BRA": "America/Sao_Paulo",
    "CAN": "America/Toronto",
    "RUS": "Europe/Moscow",
    "UKR": "Europe/Kyiv",
    "XKX": "Europe/Belgrade",
}
"""Where the tz database's first zone of a country is not that of its capital, or it lists none."""
WITHOUT_COUNTRY = "CHE"
"""The country of a programme for figures whose country of departure is not published: that of UNHCR's seat, who
published them. A programme must have one."""


class Corridor(NamedTuple):
    """People who returned in a year from one country to another."""

    year: int
    departed_from: str
    returned_to: str
    people: int


class Figures(NamedTuple):
    """What was published: corridors, and how each nationality divides by sex (f, m) and age band."""

    corridors: list[Corridor]
    ages: dict[str, list[int]]


def read_figures(folder: Path | None) -> Figures:
    """Read `returns_by_corridor.csv` and `age_sex_by_nationality.csv` of a folder (None: the small ones shipped here).

    Raises: OSError, ValueError with the file and what is wrong.
    """
    base = folder if folder is not None else resources.files("wayfare.departures") / "data"
    ages: dict[str, list[int]] = {}
    corridors = []
    try:
        for line in csv.DictReader((base / "age_sex_by_nationality.csv").read_text("utf-8-sig").splitlines()):
            nationality = line.pop("nationality")
            ages[nationality] = [int(number) for number in line.values()]
        for line in csv.DictReader((base / "returns_by_corridor.csv").read_text("utf-8-sig").splitlines()):
            place = (int(line["year"]), line["departed_from"], line["returned_to"], int(line["people"]))
            corridors.append(Corridor(*place))
    except (KeyError, TypeError) as problem:
        raise ValueError(f"{base}: a column is missing: {problem}") from None
    return Figures(corridors, ages)


def scaled(corridors: Iterable[Corridor], scale: float) -> list[Corridor]:
    """Return corridors with each figure multiplied and rounded, never below 1."""
    return [c._replace(people=max(1, round(c.people * scale))) if c.people else c for c in corridors]


@cache
def _zones() -> dict[str, str]:
    """Return the first time zone of each country (alpha-2) in the tz database's own list."""
    found: dict[str, str] = {}
    for line in (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, zone)
    return found


def timezone_of(country: str) -> str:
    """Return a time zone for a country (alpha-3), that of its capital where it has several."""
    if country in CAPITALS:
        return CAPITALS[country]
    known = pycountry.countries.get(alpha_3=country)
    return _zones().get(known.alpha_2, "Etc/UTC") if known else "Etc/UTC"


def _title(country: str) -> str:
    known = pycountry.countries.get(alpha_3=country)
    return (
        known.name
        if known
        else {"XKX": "Kosovo", "XXA": "a country not given (stateless people)"}.get(country, "a country not known")
    )


def programmes(corridors: Iterable[Corridor]) -> list[dict[str, str]]:
    """Return the configuration of one programme a country of departure."""
    found = []
    for country in sorted({c.departed_from for c in corridors}):
        found.append(
            {
                "key": country.lower(),
                "title": f"Return from {_title(country)}",
                "country": country if country in COUNTRIES else WITHOUT_COUNTRY,
                "timezone": timezone_of(country),
                "counts_from": "boarding_pass",
            }
        )
    return found


@cache
def airports() -> dict[str, str]:
    """Return the IATA code of a country's main airport, by alpha-3 (`data/SOURCE.md`)."""
    text = (resources.files("wayfare.departures") / "data" / "airports.csv").read_text("ascii")
    return {line["country"]: line["iata"] for line in csv.DictReader(text.splitlines())}
