"""Departure histories with known truth: published figures, made into the entries that could have led to them.

Pure: figures in, lines of JSON out, the same for the same seed. Whatever trouble is mixed in, the counting rule must
find the published figures again, by year, country left and country returned to; that is what makes it a proof.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zlib import crc32
from zoneinfo import ZoneInfo

from wayfare.departures.figures import (
    Corridor,
    Figures,
    airports,
    programmes,
    read_figures,
    scaled,
    timezone_of,
)

__all__ = ["Corridor", "Figures", "lines", "programmes", "read_figures", "scaled", "this_year_so_far", "timezone_of"]
SEASON = (6, 6, 8, 8, 9, 10, 11, 10, 9, 9, 8, 6)
"""The weight of each month: fewer departures in winter."""
WEEK = (5, 5, 5, 5, 6, 2, 2)
"""The weight of each weekday, Monday first: offices and most flights rest at weekends."""
BLOCK = 10_000
"""Entries that are shuffled together; what comes late comes in the next block. Also how many may be months late at
once, so that memory does not grow with the figures."""
A_BLOCK, MONTHS = 1, (2, 9)
"""How late news comes: a block, or so many months."""
BANDS = ((0, 4), (5, 11), (12, 17), (18, 59), (60, 90))
_EVERYWHERE = [1] * 10
_EVIDENCE = ("pass_scanned", "carrier_flown", "exit_stamp", "arrival_confirmed")
_EVIDENCE_UPTO = (80, 92, 97, 100)
_ASSISTANCE = ('"cash"', '"in_kind_before"', '"cash","reintegration"', "")


@cache
def _days(year: int, month: int, low: int = 1, high: int = 31) -> tuple[date, ...]:
    """Return the days of a month from `low` to `high`, each as often as its weekday weighs."""
    last = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
    days = [date(year, month, day) for day in range(low, min(high, last) + 1)]
    return tuple(day for day in days for _ in range(WEEK[day.weekday()]))


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
        self.far: dict[int, list[str]] = {}
        self.turn = 0
        self.before: str | None = None

    def uuid(self) -> str:
        h = f"{self.chance.getrandbits(128):032x}"
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"

    def happens(self, share: float) -> bool:
        return self.chance.random() < share * self.trouble

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, faster than `randint`."""
        return low + int(self.chance.random() * (high - low + 1))

    def put(self, line: str, late: int) -> None:
        """Keep a line until it is told: at once, a block later, or so many months later."""
        if late > A_BLOCK and sum(map(len, self.far.values())) < BLOCK:
            self.far.setdefault(self.turn + late, []).append(line)
        else:
            (self.later if late else self.now).append(line)

    def next_month(self) -> None:
        """Turn the month; what was to come months late and is due now comes."""
        self.turn += 1
        self.now += self.far.pop(self.turn, ())

    def rest(self) -> None:
        """Have everything come that is still to come."""
        for turn in sorted(self.far):
            self.later += self.far.pop(turn)

    def far_off(self, share: float) -> int:
        """Return how late news is that comes late in such a share of cases: mostly a block, now and then months."""
        if not self.happens(share):
            return 0
        return self.between(*MONTHS) if self.chance.random() < 0.2 else A_BLOCK

    def say(self, kind: str, day: date, minute: int, rest: str, source: str = "office", late: int = 0) -> str:
        """Write one entry at a local time of day (minutes after midnight); return its id."""
        entry_id = self.uuid()
        at = f"{day.isoformat()}T{minute // 60:02}:{minute % 60:02}:00{_offset(self.zone, day)}"
        line = (
            f'{{"entry_id":"{entry_id}","kind":"{kind}","occurred_at":"{at}","source":"{self.key}-{source}",{rest}}}\n'
        )
        if late:
            self.put(line, late)
        else:
            self.now.append(line)
        if self.trouble and self.happens(0.03):
            self.put(line, max(late, A_BLOCK if self.chance.random() < 0.3 else 0))
        return entry_id

    def enter(self, corridor: Corridor) -> None:
        """Turn to a corridor."""
        self.key = corridor.departed_from.lower()
        self.zone = timezone_of(corridor.departed_from)
        self.destination = corridor.returned_to
        weights = self.ages.get(corridor.returned_to, _EVERYWHERE)
        self.cells = list(accumulate(weights if sum(weights) else _EVERYWHERE))
        self.place = self.at_airport(corridor.departed_from)
        self.arrival = self.at_airport(corridor.returned_to)

    @staticmethod
    def at_airport(country: str) -> str:
        """Return the field `place` of a confirmation at a country's airport; nothing where none is known."""
        code = airports().get(country)
        return f',"place":"{code}"' if code else ""

    def cell(self) -> int:
        """Return a cell of the published sexes and ages (f, m × five bands)."""
        return bisect(self.cells, self.chance.random() * self.cells[-1])

    def birth(self, exit_day: date, cell: int) -> str:
        """Return a birth date, as JSON, of somebody of a published cell (sex × band) on a day."""
        if self.happens(0.04):
            return "null"
        low, high = BANDS[cell % 5]
        month = self.between(1, 12)
        year = exit_day.year - self.between(low, high) - ((month, 15) > (exit_day.month, exit_day.day))
        return f'"{year}"' if self.happens(0.05) else f'"{year}-{month:02}"'

    def enrol(self, exit_day: date, cell: int, birth: str) -> str:
        person = self.uuid()
        day = exit_day - timedelta(days=self.between(45, 150))
        nationality, wrong = self.destination, self.happens(0.03)
        told = "UNK" if wrong else nationality
        self.say(
            "enrolled",
            day,
            self.between(480, 1020),
            f'"person":"{person}","programme":"{self.key}","nationality":"{told}",'
            f'"sex":{2 - cell // 5},"birth_date":{birth}',
        )
        if wrong:
            self.say(
                "facts_corrected",
                exit_day + timedelta(days=20),
                600,
                f'"person":"{person}","facts":{{"nationality":"{nationality}"}}',
                late=self.far_off(1) or A_BLOCK,
            )
        return person

    def register(self, person: str, day: date, destination: str | None = None, late: int = 0) -> str:
        departure = self.uuid()
        help_ = _ASSISTANCE[self.between(0, 3)]
        self.say(
            "departure_registered",
            day,
            self.between(480, 1020),
            f'"departure":"{departure}","person":"{person}","programme":"{self.key}",'
            f'"destination":"{destination or self.destination}","assistance":[{help_}]',
            late=late,
        )
        return departure

    def confirm(self, departure: str, day: date, minute: int, evidence: str, source: str, late: int = 0) -> str:
        place = self.arrival if evidence == "arrival_confirmed" else self.place if evidence in _EVIDENCE else ""
        rest = f'"departure":"{departure}","evidence":"{evidence}"{place}'
        return self.say("departure_confirmed", day, minute, rest, source, late)

    def leave(self, person: str, exit_day: date, minute: int) -> str:
        """Let a person leave on a day: the departure is registered, confirmed, and counted once."""
        abroad = self.happens(0.02)
        wrong = self.happens(0.02)
        registered = exit_day + timedelta(days=2) if abroad else exit_day - timedelta(days=self.between(1, 6))
        departure = self.register(person, registered, "UNK" if wrong else None, A_BLOCK if abroad else 0)
        if wrong:
            self.say(
                "departure_corrected",
                registered + timedelta(days=9),
                700,
                f'"departure":"{departure}","facts":{{"destination":"{self.destination}"}}',
                late=self.far_off(1) or A_BLOCK,
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
        evidence = _EVIDENCE[bisect(_EVIDENCE_UPTO, self.chance.random() * 100)]
        self.confirm(departure, exit_day, minute, evidence, "gate", self.far_off(0.05))
        if self.happens(0.15):
            self.confirm(departure, exit_day, minute + 10, evidence, "gate2")
        if evidence == "pass_scanned" and self.happens(0.2):
            self.confirm(departure, exit_day, minute - 25, "carrier_flown", "carrier")
        return departure

    def one(self, exit_day: date) -> None:
        """Tell of one human being who leaves once."""
        cell = self.cell()
        birth, minute = self.birth(exit_day, cell), self.between(330, 1290)
        person = self.enrol(exit_day, cell, birth)
        self.leave(person, exit_day, minute)
        if self.happens(0.02):  # enrolled at two offices, both departures confirmed by one flight, then linked
            twin = self.enrol(exit_day, cell, birth)
            departure = self.register(twin, exit_day - timedelta(days=self.between(1, 6)))
            self.confirm(departure, exit_day, minute, "boarding_pass", "office")
            pair = f'"persons":["{person}","{twin}"]'
            self.say("persons_linked", exit_day + timedelta(days=30), 660, pair, late=A_BLOCK)
        if self.before is not None and self.happens(0.005):
            pair = f'"persons":["{self.before}","{person}"]'
            link = self.say("persons_linked", exit_day + timedelta(days=10), 660, pair)
            undone = f'"link":"{link}","reason":"two people after all"'
            self.say("persons_unlinked", exit_day + timedelta(days=12), 660, undone, late=A_BLOCK)
        self.before = person

    def twice(self, first: date, back: date, second: date) -> None:
        """Tell of one human being who leaves, comes back, and leaves again."""
        cell = self.cell()
        person = self.enrol(first, cell, self.birth(first, cell))
        departure = self.register(person, first - timedelta(days=3))
        self.confirm(departure, first, self.between(330, 1290), "pass_scanned", "gate")
        self.say("returned", back, 600, f'"person":"{person}"')
        again = self.register(person, back + timedelta(days=1))
        self.confirm(again, second, self.between(330, 1290), "pass_scanned", "gate")

    def nobody(self, day: date) -> None:
        """Tell of somebody who does not leave, or of whom there is only a bare word."""
        cell = self.cell()
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
        year, choice = corridor.year, self.chance.choice
        days = _days(year, month)
        left = people
        while left:
            if left > 1 and self.happens(0.01):
                self.twice(*(choice(_days(year, month, low, high)) for low, high in ((1, 9), (12, 15), (18, 26))))
                left -= 2
            else:
                self.one(choice(days))
                left -= 1
            if self.happens(0.02):
                self.nobody(choice(days))
            yield


def lines(figures: Figures, corridors: Sequence[Corridor], trouble: float, seed: int) -> Iterator[str]:
    """Yield the JSON lines of histories whose true totals are the corridors' figures, month by month.

    `trouble` from 0 to 1. Entries come in shuffled blocks, late news a block later or, seldom, months; memory is that
    of three blocks.
    """
    chance = random.Random(seed)  # noqa: S311 - for play, not for secrets
    teller = _Teller(figures, trouble, chance)
    for year in sorted({c.year for c in corridors}):
        of_year = [(c, by_month(c.people, crc32(repr(c).encode()))) for c in corridors if c.year == year]
        for month in range(1, 13):
            teller.next_month()
            for corridor, parts in of_year:
                for _ in teller.month(corridor, month, parts[month - 1]):
                    if len(teller.now) >= BLOCK:
                        yield from _block(teller, chance)
    teller.rest()
    yield from _block(teller, chance)
    yield from _block(teller, chance)


def this_year_so_far(figures: Figures, now: datetime, trouble: float, seed: int) -> Iterator[str]:
    """Yield what would have been told of this year by an instant, if as many left as in each country's last year.

    Invented: for an example that has a present, too.
    """
    last = {c.departed_from: c.year for c in sorted(figures.corridors)}
    corridors = [c._replace(year=now.year) for c in figures.corridors if c.year == last[c.departed_from]]
    mark = '"occurred_at":"'
    for line in lines(figures, corridors, trouble, seed):
        start = line.index(mark) + len(mark)
        if datetime.fromisoformat(line[start : line.index('"', start)]) <= now:
            yield line


def _block(teller: _Teller, chance: random.Random) -> list[str]:
    block, teller.now, teller.later = teller.now, teller.later, []
    chance.shuffle(block)
    return block
