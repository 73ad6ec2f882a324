"""Departure histories with known truth: published figures, made into the entries that could have led to them.

Pure: figures in, lines of JSON out, the same for the same seed. Whatever trouble is mixed in, the counting rule must
find the published figures again, by year, country left and country returned to; that is what makes it a proof.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from zlib import crc32
from zoneinfo import ZoneInfo

import pycountry

SEASON = (6, 6, 8, 8, 9, 10, 11, 10, 9, 9, 8, 6)
"""The weight of each month: fewer departures in winter."""
BLOCK = 10_000
"""Entries that are shuffled together; what comes late comes in the next block."""
BANDS = ((0, 4), (5, 11), (12, 17), (18, 59), (60, 90))
CAPITALS = {
    "AUS": "Australia/Sydney",
    "BRA": "America/Sao_Paulo",
    "CAN": "America/Toronto",
    "RUS": "Europe/Moscow",
    "UKR": "Europe/Kyiv",
    "UNK": "Etc/UTC",
    "XXA": "Etc/UTC",
    "XKX": "Europe/Belgrade",
}
"""Where the tz database's first zone of a country is not that of its capital."""
_EVERYWHERE = [1] * 10


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


def programmes(corridors: Iterable[Corridor]) -> list[dict[str, str]]:
    """Return the configuration of one programme a country of departure."""
    found = []
    for country in sorted({c.departed_from for c in corridors}):
        known = pycountry.countries.get(alpha_3=country)
        name = known.name if known else {"XXA": "stateless"}.get(country, "unknown")
        found.append(
            {
                "key": country.lower(),
                "title": f"Return from {name}",
                "country": country,
                "timezone": timezone_of(country),
                "counts_from": "boarding_pass",
            }
        )
    return found


@cache
def _offset(zone: str, day: date) -> str:
    """Return the offset of a zone at noon of a day, as RFC 3339 writes it."""
    text = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).isoformat()[19:]
    return text if text != "+00:00" else "Z"


def by_month(people: int, start: int = 0) -> list[int]:
    """Divide a year's people among its months, by season, so that the parts add up.

    `start`: any number; it turns the rounding, so that the few people of small corridors do not all leave in December.
    """
    total, passed, done, parts = sum(SEASON), 0, 0, []
    for weight in SEASON:
        passed += weight
        upto = (people * passed + start % total) // total
        parts.append(upto - done)
        done = upto
    return parts


class _Teller:
    """Tells the histories of people in one corridor, with a share of trouble."""

    def __init__(self, figures: Figures, trouble: float, chance: random.Random) -> None:
        self.ages = figures.ages
        self.trouble = trouble
        self.chance = chance
        self.now: list[str] = []
        self.later: list[str] = []
        self.before: str | None = None

    def uuid(self) -> str:
        h = f"{self.chance.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def happens(self, share: float) -> bool:
        return self.chance.random() < share * self.trouble

    def say(self, kind: str, day: date, minute: int, rest: str, source: str = "office", late: bool = False) -> str:
        """Write one entry at a local time of day (minutes after midnight); return its id."""
        entry_id = self.uuid()
        at = f"{day.isoformat()}T{minute // 60:02}:{minute % 60:02}:00{_offset(self.zone, day)}"
        line = (
            f'{{"entry_id":"{entry_id}","kind":"{kind}","occurred_at":"{at}","source":"{self.key}-{source}",{rest}}}\n'
        )
        (self.later if late else self.now).append(line)
        if self.trouble and self.happens(0.03):
            (self.later if self.chance.random() < 0.3 else self.now).append(line)
        return entry_id

    def enter(self, corridor: Corridor) -> None:
        """Turn to a corridor."""
        self.key = corridor.departed_from.lower()
        self.zone = timezone_of(corridor.departed_from)
        self.destination = corridor.returned_to
        weights = self.ages.get(corridor.returned_to, _EVERYWHERE)
        self.weights = weights if sum(weights) else _EVERYWHERE

    def birth(self, exit_day: date, cell: int) -> str:
        """Return a birth date, as JSON, of somebody of a published cell (sex × band) on a day."""
        if self.happens(0.04):
            return "null"
        low, high = BANDS[cell % 5]
        month = self.chance.randint(1, 12)
        year = exit_day.year - self.chance.randint(low, high) - ((month, 15) > (exit_day.month, exit_day.day))
        return f'"{year}"' if self.happens(0.05) else f'"{year}-{month:02}"'

    def enrol(self, exit_day: date, cell: int, birth: str) -> str:
        person = self.uuid()
        day = exit_day - timedelta(days=self.chance.randint(45, 150))
        nationality, wrong = self.destination, self.happens(0.03)
        told = "UNK" if wrong else nationality
        self.say(
            "enrolled",
            day,
            self.chance.randint(480, 1020),
            f'"person":"{person}","programme":"{self.key}","nationality":"{told}",'
            f'"sex":{2 - cell // 5},"birth_date":{birth}',
        )
        if wrong:
            self.say(
                "facts_corrected",
                exit_day + timedelta(days=20),
                600,
                f'"person":"{person}","facts":{{"nationality":"{nationality}"}}',
                late=True,
            )
        return person

    def register(self, person: str, day: date, destination: str | None = None, late: bool = False) -> str:
        departure = self.uuid()
        help_ = self.chance.choice(('"cash"', '"in_kind_before"', '"cash","reintegration"', ""))
        self.say(
            "departure_registered",
            day,
            self.chance.randint(480, 1020),
            f'"departure":"{departure}","person":"{person}","programme":"{self.key}",'
            f'"destination":"{destination or self.destination}","assistance":[{help_}]',
            late=late,
        )
        return departure

    def confirm(self, departure: str, day: date, minute: int, evidence: str, source: str, late: bool = False) -> str:
        return self.say(
            "departure_confirmed", day, minute, f'"departure":"{departure}","evidence":"{evidence}"', source, late
        )

    def leave(self, person: str, exit_day: date, minute: int) -> str:
        """Let a person leave on a day: the departure is registered, confirmed, and counted once."""
        abroad = self.happens(0.02)
        wrong = self.happens(0.02)
        registered = exit_day + timedelta(days=2) if abroad else exit_day - timedelta(days=self.chance.randint(1, 6))
        departure = self.register(person, registered, "UNK" if wrong else None, late=abroad)
        if wrong:
            self.say(
                "departure_corrected",
                registered + timedelta(days=9),
                700,
                f'"departure":"{departure}","facts":{{"destination":"{self.destination}"}}',
                late=True,
            )
        if self.happens(0.03):
            missed = self.confirm(departure, exit_day - timedelta(days=1), minute, "carrier_flown", "carrier")
            self.say(
                "confirmation_retracted",
                exit_day - timedelta(days=1),
                minute + 60,
                f'"confirmation":"{missed}","reason":"not on board"',
                "carrier",
            )
        if self.happens(0.03):
            self.confirm(departure, exit_day - timedelta(days=1), 720, "self_reported", "person")
        evidence = self.chance.choices(
            ("pass_scanned", "carrier_flown", "exit_stamp", "arrival_confirmed"), (80, 12, 5, 3)
        )
        self.confirm(departure, exit_day, minute, evidence[0], "gate", late=self.happens(0.05))
        if self.happens(0.15):
            self.confirm(departure, exit_day, minute + 10, evidence[0], "gate2")
        if evidence[0] == "pass_scanned" and self.happens(0.2):
            self.confirm(departure, exit_day, minute - 25, "carrier_flown", "carrier")
        return departure

    def one(self, exit_day: date) -> None:
        """Tell of one human being who leaves once."""
        cell = self.chance.choices(range(10), self.weights)[0]
        birth, minute = self.birth(exit_day, cell), self.chance.randint(330, 1290)
        person = self.enrol(exit_day, cell, birth)
        self.leave(person, exit_day, minute)
        if self.happens(0.02):  # enrolled at two offices, both departures confirmed by one flight, then linked
            twin = self.enrol(exit_day, cell, birth)
            departure = self.register(twin, exit_day - timedelta(days=self.chance.randint(1, 6)))
            self.confirm(departure, exit_day, minute, "boarding_pass", "office")
            pair = f'"persons":["{person}","{twin}"]'
            self.say("persons_linked", exit_day + timedelta(days=30), 660, pair, late=True)
        if self.before is not None and self.happens(0.005):
            pair = f'"persons":["{self.before}","{person}"]'
            link = self.say("persons_linked", exit_day + timedelta(days=10), 660, pair)
            undone = f'"link":"{link}","reason":"two people after all"'
            self.say("persons_unlinked", exit_day + timedelta(days=12), 660, undone, late=True)
        self.before = person

    def twice(self, first: date, back: date, second: date) -> None:
        """Tell of one human being who leaves, comes back, and leaves again."""
        cell = self.chance.choices(range(10), self.weights)[0]
        person = self.enrol(first, cell, self.birth(first, cell))
        departure = self.register(person, first - timedelta(days=3))
        self.confirm(departure, first, self.chance.randint(330, 1290), "pass_scanned", "gate")
        self.say("returned", back, 600, f'"person":"{person}"')
        again = self.register(person, back + timedelta(days=1))
        self.confirm(again, second, self.chance.randint(330, 1290), "pass_scanned", "gate")

    def nobody(self, day: date) -> None:
        """Tell of somebody who does not leave, or of whom there is only a bare word."""
        cell = self.chance.choices(range(10), self.weights)[0]
        person = self.enrol(day, cell, self.birth(day, cell))
        departure = self.register(person, day - timedelta(days=5))
        turn = self.chance.random()
        if turn < 0.5:
            self.say("departure_withdrawn", day - timedelta(days=1), 800, f'"departure":"{departure}"')
        if turn > 0.3:
            self.confirm(departure, day, 700, "pass_scanned" if turn < 0.5 else "self_reported", "desk")

    def month(self, corridor: Corridor, month: int, people: int) -> Iterator[None]:
        """Tell of a month's people in a corridor; yields between people."""
        self.enter(corridor)
        year = corridor.year
        days = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
        left = people
        while left:
            if left > 1 and self.happens(0.01):
                first, back, second = (
                    date(year, month, self.chance.randint(*span)) for span in ((1, 9), (12, 15), (18, 26))
                )
                self.twice(first, back, second)
                left -= 2
            else:
                self.one(date(year, month, self.chance.randint(1, days)))
                left -= 1
            if self.happens(0.02):
                self.nobody(date(year, month, self.chance.randint(1, days)))
            yield


def lines(figures: Figures, corridors: Sequence[Corridor], trouble: float, seed: int) -> Iterator[str]:
    """Yield the JSON lines of histories whose true totals are the corridors' figures, month by month.

    `trouble` from 0 to 1. Entries come in shuffled blocks, late news a block later; memory is that of two blocks.
    """
    chance = random.Random(seed)  # noqa: S311 - for play, not for secrets
    teller = _Teller(figures, trouble, chance)
    for year in sorted({c.year for c in corridors}):
        of_year = [(c, by_month(c.people, crc32(repr(c).encode()))) for c in corridors if c.year == year]
        for month in range(1, 13):
            for corridor, parts in of_year:
                for _ in teller.month(corridor, month, parts[month - 1]):
                    if len(teller.now) >= BLOCK:
                        yield from _block(teller, chance)
    yield from _block(teller, chance)
    yield from _block(teller, chance)


def _block(teller: _Teller, chance: random.Random) -> list[str]:
    block, teller.now, teller.later = teller.now, teller.later, []
    chance.shuffle(block)
    return block
