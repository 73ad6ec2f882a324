"""The counting rule: a person cannot leave twice without coming back (`counting.md`).

Reading (a): pure Python, over the entries of whole components of reference, so that the cost of an append is
that of the people it concerns. `statistics/recount.py` is the set-based reading (b); `wayfare ledger verify`
holds one against the other. No clock, no database, no Django here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

EVIDENCE = (
    "pass_scanned",
    "carrier_flown",
    "exit_stamp",
    "arrival_confirmed",
    "boarding_pass",
    "self_reported",
)
"""Strongest first."""
RANK = {evidence: rank for rank, evidence in enumerate(EVIDENCE)}
WAITS = {
    "facts_corrected": "waits_for_person",
    "returned": "waits_for_person",
    "departure_registered": "waits_for_person",
    "persons_linked": "waits_for_person",
    "departure_corrected": "waits_for_registration",
    "departure_withdrawn": "waits_for_registration",
    "departure_confirmed": "waits_for_registration",
    "confirmation_retracted": "waits_for_confirmation",
    "persons_unlinked": "waits_for_link",
}
"""What an entry of each kind waits for while the thing it refers to is not in the ledger."""
KINDS = frozenset({"enrolled", *WAITS})
"""The kinds of entry that the rule reads; others count nothing and are no presence."""
FOLLOWS = frozenset({"person", "persons", "departure", "confirmation", "link"})
"""The references that join entries for counting: those that name one human being, one departure or one entry."""
ANOMALIES = frozenset({"confirmed_after_withdrawal"})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Said(Protocol):
    """One entry as the rule reads it; `at` in microseconds since 1970."""

    @property
    def entry_id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def data(self) -> dict[str, Any]: ...


class Programme(NamedTuple):
    """A programme's configuration: what the rule needs to know of it."""

    key: str
    country: str
    timezone: str
    counts_from: str = "boarding_pass"
    title: str = ""


class Counted(NamedTuple):
    """One counted departure, under the facts of the member of its group with the strongest evidence."""

    departure: str
    programme: str
    cluster: str
    exited_at: int
    day: date
    nationality: str
    sex: int
    age: str
    destination: str
    evidence: str
    assistance: str


class Finding(NamedTuple):
    """Something that does not count, and why; `subject` is an entry's or a departure's id."""

    subject: str
    kind: str
    programme: str | None
    at: int


@dataclass(slots=True)
class Outcome:
    """What the rule says of a set of entries."""

    counted: list[Counted] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


Latest = tuple[int, str, Any]
"""(`occurred_at`, `entry_id`, value): the greatest pair wins, whatever the order of arrival."""


@dataclass(slots=True)
class _Heard:
    """The entries sorted by what they speak of."""

    enrolled: set[str] = field(default_factory=set)
    persons: defaultdict[str, dict[str, Latest]] = field(default_factory=lambda: defaultdict(dict))
    registered: dict[str, Latest] = field(default_factory=dict)
    corrected: defaultdict[str, dict[str, Latest]] = field(default_factory=lambda: defaultdict(dict))
    withdrawn: set[str] = field(default_factory=set)
    confirmed: defaultdict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))
    confirmations: set[str] = field(default_factory=set)
    retracted: set[str] = field(default_factory=set)
    presences: list[tuple[str, int, str, str | None]] = field(default_factory=list)
    """(person, instant, entry id, the departure registered then or None)."""
    links: dict[str, list[str]] = field(default_factory=dict)
    unlinked: set[str] = field(default_factory=set)


class _Exit(NamedTuple):
    """A confirmed departure; sorts by strength, then instant, then departure id (step 7)."""

    rank: int
    at: int
    departure: str
    person: str


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local_day(at: int, timezone: str) -> date:
    """Return the civil day of an instant (microseconds since 1970) in an IANA time zone (step 8)."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(_zone(timezone)).date()


def age_band(birth_date: str | None, day: date) -> str:
    """Return the band of the age in completed years on a local day (step 9).

    `YYYY` counts as 1 July, `YYYY-MM` as the 15th; someone born on 29 February comes of age on 1 March in a
    common year; a negative age or one over 120 is unknown.
    """
    if birth_date is None:
        return "UNK"
    year = int(birth_date[:4])
    month = int(birth_date[5:7] or 7)
    in_month = int(birth_date[8:10] or (15 if len(birth_date) == 7 else 1))
    age = day.year - year - ((day.month, day.day) < (month, in_month))
    if age < 0 or age > 120:
        return "UNK"
    if age < 18:
        return "Y_LT14" if age < 14 else "Y14-17"
    if age < 35:
        return "Y18-34"
    return "Y35-64" if age < 65 else "Y_GE65"


def assistance_text(codes: Iterable[str]) -> str:
    """Return assistance codes sorted and joined by `+`, or `none`."""
    return "+".join(sorted(codes)) or "none"


def _keep_latest(facts: dict[str, Latest], name: str, said: Latest) -> None:
    known = facts.get(name)
    if known is None or said[:2] > known[:2]:
        facts[name] = said


def _keep_facts(facts: dict[str, Latest], given: Mapping[str, Any], at: int, entry_id: str) -> None:
    for name in ("nationality", "sex", "birth_date"):
        if name in given:
            _keep_latest(facts, name, (at, entry_id, given[name]))


def _hear(entries: Iterable[Said]) -> _Heard:
    heard = _Heard()
    confirmed, confirmations, registered = heard.confirmed, heard.confirmations, heard.registered
    presences, persons = heard.presences, heard.persons
    for entry in entries:
        kind, data, at, entry_id = entry.kind, entry.data, entry.at, entry.entry_id
        if kind == "departure_confirmed":
            confirmations.add(entry_id)
            confirmed[data["departure"]].append((RANK[data["evidence"]], at, entry_id))
        elif kind == "departure_registered":
            departure = data["departure"]
            known = registered.get(departure)
            if known is None or (at, entry_id) > known[:2]:
                registered[departure] = (at, entry_id, data)
            presences.append((data["person"], at, entry_id, departure))
        elif kind == "enrolled":
            person = data["person"]
            heard.enrolled.add(person)
            _keep_facts(persons[person], data, at, entry_id)
        elif kind == "facts_corrected":
            _keep_facts(persons[data["person"]], data["facts"], at, entry_id)
        elif kind == "departure_corrected":
            for name, value in data["facts"].items():
                _keep_latest(heard.corrected[data["departure"]], name, (at, entry_id, value))
        elif kind == "departure_withdrawn":
            heard.withdrawn.add(data["departure"])
        elif kind == "confirmation_retracted":
            heard.retracted.add(data["confirmation"])
        elif kind == "returned":
            presences.append((data["person"], at, entry_id, None))
        elif kind == "persons_linked":
            heard.links[entry_id] = data["persons"]
        elif kind == "persons_unlinked":
            heard.unlinked.add(data["link"])
    return heard


def clusters(links: Iterable[Iterable[str]]) -> dict[str, str]:
    """Return, for each linked person, the smallest person id of their cluster (step 1: connected components)."""
    parent: dict[str, str] = {}

    def root(person: str) -> str:
        parent.setdefault(person, person)
        while parent[person] != person:
            parent[person] = parent[parent[person]]
            person = parent[person]
        return person

    for one, other in links:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {person: root(person) for person in list(parent)}


def _exits(heard: _Heard, programmes: Mapping[str, Programme], outcome: Outcome) -> dict[str, _Exit]:
    """Return the exit of each confirmed departure (steps 4 and 5), and note what stands but does not count."""
    exits: dict[str, _Exit] = {}
    for departure, confirmations in heard.confirmed.items():
        registration = heard.registered.get(departure)
        standing = [c for c in confirmations if c[2] not in heard.retracted]
        if registration is None or not standing:
            continue
        programme = programmes[registration[2]["programme"]]
        rank, at, _ = min(standing)
        if departure in heard.withdrawn:
            outcome.findings.append(Finding(departure, "confirmed_after_withdrawal", programme.key, at))
        elif rank <= RANK[programme.counts_from]:
            exits[departure] = _Exit(rank, at, departure, registration[2]["person"])
        else:
            outcome.findings.append(Finding(departure, "word_only", programme.key, at))
    return exits


def _walk(exits: list[_Exit], presences: Iterable[tuple[int, str]]) -> Iterable[list[_Exit]]:
    """Yield the groups of one cluster's exits (step 6)."""
    events: list[tuple[int, int, str, _Exit | None]] = [(at, 0, entry_id, None) for at, entry_id in presences]
    events += [(e.at, 1, e.departure, e) for e in exits]
    events.sort(key=lambda event: event[:3])
    group: list[_Exit] = []
    for _, _, _, exit_ in events:
        if exit_ is not None:
            group.append(exit_)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _departure_fact(heard: _Heard, departure: str, name: str) -> Any:
    registered_at, registered_id, data = heard.registered[departure]
    correction = heard.corrected[departure].get(name) if departure in heard.corrected else None
    if correction is not None and correction[:2] > (registered_at, registered_id):
        return correction[2]
    return data[name]


def _under_facts(chosen: _Exit, cluster: str, heard: _Heard, programmes: Mapping[str, Programme]) -> Counted:
    """Return a group's counted departure under the facts of its chosen member (steps 2, 3, 7 to 9)."""
    programme = programmes[heard.registered[chosen.departure][2]["programme"]]
    facts = heard.persons.get(chosen.person, {})
    day = local_day(chosen.at, programme.timezone)
    birth_date = facts["birth_date"][2] if "birth_date" in facts else None
    return Counted(
        departure=chosen.departure,
        programme=programme.key,
        cluster=cluster,
        exited_at=chosen.at,
        day=day,
        nationality=facts["nationality"][2] if "nationality" in facts else "UNK",
        sex=facts["sex"][2] if "sex" in facts else 0,
        age=age_band(birth_date, day),
        destination=_departure_fact(heard, chosen.departure, "destination"),
        evidence=EVIDENCE[chosen.rank],
        assistance=assistance_text(_departure_fact(heard, chosen.departure, "assistance")),
    )


def _pending(entries: Iterable[Said], heard: _Heard) -> Iterable[Finding]:
    """Yield the entries that wait for something they refer to."""
    for entry in entries:
        kind, data = entry.kind, entry.data
        if kind in ("enrolled",):
            continue
        waits = WAITS[kind]
        if waits == "waits_for_registration":
            here = data["departure"] in heard.registered
        elif waits == "waits_for_confirmation":
            here = data["confirmation"] in heard.confirmations
        elif waits == "waits_for_link":
            here = data["link"] in heard.links
        elif kind == "persons_linked":
            here = heard.enrolled.issuperset(data["persons"])
        else:
            here = data["person"] in heard.enrolled
        if not here:
            yield Finding(entry.entry_id, waits, data.get("programme"), entry.at)


def count(entries: Iterable[Said], programmes: Mapping[str, Programme]) -> Outcome:
    """Count the departures that a set of entries tells of.

    `entries`: every entry of KINDS of one or more whole components of reference (each person, departure and entry they
    name, with all that names it), each once, in any order; the outcome is a function of the set. `programmes`
    by key must hold each programme named. Returns the counted departures and what does not count.
    Source: `counting.md`, The rule, step by step.
    """
    entries = list(entries)
    heard = _hear(entries)
    outcome = Outcome()
    cluster_of = clusters(pair for link, pair in heard.links.items() if link not in heard.unlinked)
    exits = _exits(heard, programmes, outcome)
    exits_of: defaultdict[str, list[_Exit]] = defaultdict(list)
    for exit_ in exits.values():
        exits_of[cluster_of.get(exit_.person, exit_.person)].append(exit_)
    presences_of: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    if len(exits_of) < len(exits):  # somebody left twice: who was seen here in between?
        for person, at, entry_id, departure in heard.presences:
            told_from_abroad = departure in exits and exits[departure].at <= at if departure else False
            if not told_from_abroad:
                presences_of[cluster_of.get(person, person)].append((at, entry_id))
    for cluster, out in exits_of.items():
        groups = [out] if len(out) == 1 else _walk(out, presences_of[cluster])
        for group in groups:
            chosen = min(group)
            outcome.counted.append(_under_facts(chosen, cluster, heard, programmes))
            for member in group:
                if member is not chosen:
                    key = heard.registered[member.departure][2]["programme"]
                    outcome.findings.append(Finding(member.departure, "joined", key, member.at))
    outcome.findings.extend(_pending(entries, heard))
    return outcome
