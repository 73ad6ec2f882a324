"""Histories of every kind of entry, with chains of links, ties in every tie-break, and clock changes."""

from __future__ import annotations

import random
import uuid
from typing import Any

from wayfare.departures.rules import EVIDENCE, Programme

PROGRAMMES = {
    "paris": Programme("paris", "FRA", "Europe/Paris", "boarding_pass", "Return, France"),
    "gander": Programme("gander", "CAN", "America/St_Johns", "self_reported", "Return, Newfoundland"),
}
DAYS = ("2025-03-29", "2025-03-30", "2025-03-31", "2025-06-30", "2025-10-26", "2025-11-02", "2025-12-31", "2026-03-01")
TIMES = ("00:00:00Z", "22:30:00Z", "23:30:00Z", "01:30:00+02:00", "12:00:00-05:00", "02:29:59.999999Z")
BIRTHS = (None, "1990", "2008-02-29", "2007-03", "2007-03-30", "1890", "2026-12", "2011-06-30")


def history(seed: int, people: int = 6, length: int = 60) -> list[dict[str, Any]]:
    """Return a random history; few ids and few instants, so that everything meets and ties."""
    chance = random.Random(seed)

    def new() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    persons, departures = [new() for _ in range(people)], [new() for _ in range(people * 2)]
    confirmations, links = [new()], [new()]
    entries: list[dict[str, Any]] = []

    def say(kind: str, **fields: Any) -> str:
        at = f"{chance.choice(DAYS)}T{chance.choice(TIMES)}"
        entries.append({"entry_id": new(), "kind": kind, "occurred_at": at, "source": "desk", **fields})
        return str(entries[-1]["entry_id"])

    def facts() -> dict[str, Any]:
        return {
            "nationality": chance.choice(["GEO", "ARM", "UNK"]),
            "sex": chance.choice([0, 1, 2, 9]),
            "birth_date": chance.choice(BIRTHS),
        }

    def some(whole: dict[str, Any]) -> dict[str, Any]:
        return {name: whole[name] for name in chance.sample(sorted(whole), chance.randint(1, len(whole)))}

    def travel() -> dict[str, Any]:
        return {
            "destination": chance.choice(["GEO", "TUN"]),
            "assistance": chance.choice([[], ["cash"], ["reintegration", "cash"]]),
        }

    for _ in range(length):
        turn = chance.random()
        person, departure, programme = chance.choice(persons), chance.choice(departures), chance.choice([*PROGRAMMES])
        if turn < 0.12:
            say("enrolled", person=person, programme=programme, **facts())
        elif turn < 0.18:
            say("facts_corrected", person=person, facts=some(facts()))
        elif turn < 0.42:
            say("departure_registered", departure=departure, person=person, programme=programme, **travel())
        elif turn < 0.48:
            say("departure_corrected", departure=departure, facts=some({**travel(), "planned_on": "2026-01-01"}))
        elif turn < 0.50:
            say("departure_withdrawn", departure=departure)
        elif turn < 0.80:
            confirmations.append(say("departure_confirmed", departure=departure, evidence=chance.choice(EVIDENCE)))
        elif turn < 0.85:
            say("confirmation_retracted", confirmation=chance.choice(confirmations), reason="wrong pass")
        elif turn < 0.90:
            say("returned", person=person)
        elif turn < 0.96:
            links.append(say("persons_linked", persons=chance.sample(persons, 2)))
        else:
            say("persons_unlinked", link=chance.choice(links), reason="two people")
    chance.shuffle(entries)
    return entries
