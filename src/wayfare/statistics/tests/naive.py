"""A third reading of the counting rule, written from its text alone: slow, plain, and in the order of its steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wayfare.departures.rules import Programme

STRONGEST_FIRST = ["pass_scanned", "carrier_flown", "exit_stamp", "arrival_confirmed", "boarding_pass", "self_reported"]


def instant(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["occurred_at"].replace("Z", "+00:00"))


def latest(entries: list[dict[str, Any]]) -> dict[str, Any] | None:
    return max(entries, key=lambda e: (instant(e), e["entry_id"])) if entries else None


def count(entries: list[dict[str, Any]], programmes: dict[str, Programme]) -> set[tuple[Any, ...]]:
    """Return (departure, programme, exit instant, day, nationality, sex, age, destination, evidence, assistance, cluster)."""

    def of(kind: str) -> list[dict[str, Any]]:
        return [e for e in entries if e["kind"] == kind]

    # 1. Persons
    people = {p for e in entries for p in [e.get("person"), *e.get("persons", [])] if p}
    cluster = {p: {p} for p in people}
    undone = {e["link"] for e in of("persons_unlinked")}
    changed = True
    while changed:
        changed = False
        for link in of("persons_linked"):
            one, other = link["persons"]
            if link["entry_id"] not in undone and cluster[one] != cluster[other]:
                both = cluster[one] | cluster[other]
                for p in both:
                    cluster[p] = both
                changed = True

    # 2. Facts of a person
    def person_fact(person: str, name: str, unknown: Any) -> Any:
        told = [e for e in of("enrolled") if e["person"] == person]
        told += [e for e in of("facts_corrected") if e["person"] == person and name in e["facts"]]
        last = latest(told)
        return unknown if last is None else last.get("facts", last)[name]

    # 3. Facts of a departure
    registration = {}
    for departure in {e["departure"] for e in of("departure_registered")}:
        registration[departure] = latest([e for e in of("departure_registered") if e["departure"] == departure])

    def departure_fact(departure: str, name: str) -> Any:
        first = registration[departure]
        told = [e for e in of("departure_corrected") if e["departure"] == departure and name in e["facts"]]
        last = latest([first, *told])
        return last[name] if last is first else last["facts"][name]

    # 4. and 5. Confirmed, and when
    retracted = {e["confirmation"] for e in of("confirmation_retracted")}
    withdrawn = {e["departure"] for e in of("departure_withdrawn")}
    exits = {}
    for departure, first in registration.items():
        weakest = STRONGEST_FIRST.index(programmes[first["programme"]].counts_from)
        qualifying = [
            e
            for e in of("departure_confirmed")
            if e["departure"] == departure
            and e["entry_id"] not in retracted
            and STRONGEST_FIRST.index(e["evidence"]) <= weakest
        ]
        if qualifying and departure not in withdrawn:
            best = min(qualifying, key=lambda e: (STRONGEST_FIRST.index(e["evidence"]), instant(e), e["entry_id"]))
            exits[departure] = best

    # 6. The walk
    found = set()
    for group_of_people in {frozenset(c) for c in cluster.values()}:
        events = [
            (instant(e), 1, departure, departure)
            for departure, e in exits.items()
            if registration[departure]["person"] in group_of_people
        ]
        for e in of("returned"):
            if e["person"] in group_of_people:
                events.append((instant(e), 0, e["entry_id"], None))
        for e in of("departure_registered"):
            gone = e["departure"] in exits and instant(exits[e["departure"]]) <= instant(e)
            if e["person"] in group_of_people and not gone:
                events.append((instant(e), 0, e["entry_id"], None))
        groups: list[list[str]] = []
        open_group = False
        for _, _, _, departure in sorted(events, key=lambda event: event[:3]):
            if departure is None:
                open_group = False
            elif open_group:
                groups[-1].append(departure)
            else:
                groups.append([departure])
                open_group = True

        # 7. to 9. One group is one departure
        for group in groups:
            chosen = min(group, key=lambda d: (STRONGEST_FIRST.index(exits[d]["evidence"]), instant(exits[d]), d))
            programme = programmes[registration[chosen]["programme"]]
            day = instant(exits[chosen]).astimezone(ZoneInfo(programme.timezone)).date()
            person = registration[chosen]["person"]
            birth = person_fact(person, "birth_date", None)
            found.add(
                (
                    chosen,
                    programme.key,
                    (instant(exits[chosen]) - datetime.fromisoformat("1970-01-01T00:00:00+00:00"))
                    // timedelta(microseconds=1),
                    day.isoformat(),
                    person_fact(person, "nationality", "UNK"),
                    person_fact(person, "sex", 0),
                    band(birth, day),
                    departure_fact(chosen, "destination"),
                    exits[chosen]["evidence"],
                    "+".join(sorted(departure_fact(chosen, "assistance"))) or "none",
                    min(group_of_people),
                )
            )
    return found


def band(birth: str | None, day: Any) -> str:
    if birth is None:
        return "UNK"
    parts = [int(part) for part in birth.split("-")]
    year, month, dom = [*parts, *([7, 1] if len(parts) == 1 else [15])][:3] if len(parts) < 3 else parts
    years = day.year - year
    if (day.month, day.day) < (month, dom):
        years -= 1
    if years < 0 or years > 120:
        return "UNK"
    for name, below in (("Y_LT14", 14), ("Y14-17", 18), ("Y18-34", 35), ("Y35-64", 65)):
        if years < below:
            return name
    return "Y_GE65"
