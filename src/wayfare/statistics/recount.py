"""The counting rule, set by set: reading (b), in Ibis expressions for DuckDB or Spark (`docs/counting.md`).

`departures/rules.py` reads the same rule one cluster at a time; `wayfare ledger verify` and the tests hold them
against each other. Instants are microseconds and ids are text here, so that engines cannot differ on either; the
civil day comes from a table made with Python's time zones, for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from wayfare.departures.rules import RANK, Programme, clusters, local_day
from wayfare.ledger.rules import EPOCH, MICROSECOND
from wayfare.statistics.columns import DAY_US

COUNTED = (
    *("departure", "programme", "cluster", "exited_at", "day", "nationality", "sex", "age"),
    *("destination", "evidence", "assistance"),
)


class Recount(NamedTuple):
    """Two lazy tables: counted departures (columns COUNTED) and findings (subject, kind, programme, at)."""

    counted: ibis.Table
    findings: ibis.Table


def _latest(table: ibis.Table, by: str) -> ibis.Table:
    """Keep, for each value of a column, the row with the greatest (at, entry_id)."""
    order = ibis.window(group_by=by, order_by=[ibis.desc("at"), ibis.desc("entry_id")])
    return table.mutate(nth=ibis.row_number().over(order)).filter(lambda t: t.nth == 0).drop("nth")


def _rank(evidence: Any) -> Any:
    return evidence.cases(*RANK.items(), else_=len(RANK))


def _calendar(programmes: Mapping[str, Programme], first: int, last: int) -> pa.Table:
    """Return, for each time zone and UTC day, which instants are which civil day."""
    rows: list[tuple[str, int, int, int, int]] = []
    for zone in sorted({p.timezone for p in programmes.values()}):
        offsets = [_offset_us(zone, day * DAY_US) for day in range(first, last + 2)]
        for utc_day, offset, then in zip(range(first, last + 1), offsets, offsets[1:], strict=False):
            start = utc_day * DAY_US
            if offset == then:
                midnight = start + -(start + offset) % DAY_US
                cuts = [start, midnight, start + DAY_US] if midnight > start else [start, start + DAY_US]
            else:
                cuts = [start, *_midnights(zone, start), start + DAY_US]
            for low, high in pairwise(cuts):
                day = (low + offset) // DAY_US if offset == then else (local_day(low, zone) - EPOCH.date()).days
                rows.append((zone, utc_day, low, high, day))
    names = ["timezone", "utc_day", "from_us", "to_us"]
    types = [pa.string(), pa.int32(), pa.int64(), pa.int64()]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    days = pa.array(columns[4], pa.int32()).cast(pa.date32())
    mmdd = pc.add(pc.multiply(pc.month(days), 100), pc.day(days))
    arrays = [pa.array(c, t) for c, t in zip(columns, types, strict=False)]
    arrays += [pc.strftime(days, "%Y-%m-%d"), pc.year(days).cast(pa.int32()), mmdd.cast(pa.int32())]
    return pa.table(arrays, names=[*names, "day", "year", "mmdd"])


def _offset_us(zone: str, at: int) -> int:
    """Return the offset of a time zone at an instant, both in microseconds."""
    offset = (EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _midnights(zone: str, start: int) -> list[int]:
    """Return the instants within a UTC day with a clock change at which the civil day changes, to the second."""
    second = 1_000_000
    found = []
    for minute in range(start, start + DAY_US, 60 * second):
        if local_day(minute, zone) != local_day(minute + 60 * second, zone):
            at = next(
                t
                for t in range(minute + second, minute + 61 * second, second)
                if local_day(t, zone) != local_day(minute, zone)
            )
            found.append(at)
    return [cut for cut in found if start < cut < start + DAY_US]


def _birth_mmdd(birth: Any) -> Any:
    return ibis.cases(
        (birth.length() == 4, 701),
        (birth.length() == 7, birth.substr(5, 2).cast("int32") * 100 + 15),
        (birth.length() == 10, birth.substr(5, 2).cast("int32") * 100 + birth.substr(8, 2).cast("int32")),
        else_=0,
    )


def _age(birth: Any, year: Any, mmdd: Any) -> Any:
    age = year - birth.substr(0, 4).cast("int32") - (mmdd < _birth_mmdd(birth)).ifelse(1, 0)
    return ibis.cases(
        (birth.isnull() | (age < 0) | (age > 120), "UNK"),
        (age < 14, "Y_LT14"),
        (age < 18, "Y14-17"),
        (age < 35, "Y18-34"),
        (age < 65, "Y35-64"),
        else_="Y_GE65",
    )


def _cluster_map(entries: ibis.Table) -> ibis.Table:
    """Return (person, cluster) for every person in a standing link (links are few: solved here)."""
    links = entries.filter(entries.kind == "persons_linked")
    unlinked = entries.filter(entries.kind == "persons_unlinked")
    pairs = links.anti_join(unlinked, links.entry_id == unlinked.ref).select("person", "person_b").to_pyarrow()
    found = clusters(zip(pairs["person"].to_pylist(), pairs["person_b"].to_pylist(), strict=True))
    table = pa.table(
        {"linked": pa.array(list(found), pa.string()), "of_cluster": pa.array(list(found.values()), pa.string())}
    )
    return ibis.memtable(table)


def _clustered(table: ibis.Table, of: ibis.Table) -> ibis.Table:
    joined = table.left_join(of, table.person == of.linked)
    return joined.mutate(cluster=ibis.coalesce(joined.of_cluster, joined.person)).drop("linked", "of_cluster")


def _walk(exits: ibis.Table, entries: ibis.Table, of: ibis.Table) -> ibis.Table:
    """Return the exits with `grp`, the number of presences before each in its cluster (steps 6 and 7)."""
    size = exits.group_by("cluster").agg(exits_of_cluster=exits.count())
    sized = exits.inner_join(size, "cluster")
    alone = sized.filter(sized.exits_of_cluster == 1).mutate(grp=ibis.literal(0, "int64"))
    several = sized.filter(sized.exits_of_cluster > 1)
    seen = entries.filter(entries.kind.isin(["returned", "departure_registered"]))
    seen = seen.select("person", "departure", "entry_id", seen_at="at")
    own = exits.select(own_departure="departure", left_at="at")
    seen = seen.left_join(own, seen.departure == own.own_departure)
    seen = seen.filter(seen.left_at.isnull() | (seen.left_at > seen.seen_at)).select("person", "entry_id", "seen_at")
    seen = _clustered(seen, of)
    seen = seen.semi_join(several, "cluster")
    presences = seen.select(cluster=seen.cluster, at=seen.seen_at, leaves=ibis.literal(0, "int8"), id=seen.entry_id)
    leaving = several.select(
        cluster=several.cluster, at=several.at, leaves=ibis.literal(1, "int8"), id=several.departure
    )
    events = presences.union(leaving)
    before = ibis.window(group_by="cluster", order_by=["at", "leaves", "id"], preceding=None, following=0)
    numbered = events.mutate(grp=(1 - events.leaves).sum().over(before).cast("int64"))
    numbered = numbered.filter(numbered.leaves == 1).select(number_of="id", grp="grp")
    walked = several.inner_join(numbered, several.departure == numbered.number_of).drop("number_of")
    return alone.union(walked.select(*alone.columns))


def recount(entries: ibis.Table, programmes: Mapping[str, Programme], upto: int | None = None) -> Recount:
    """Count by the rule the departures that entries at or below a position tell of.

    `entries` has the columns of `columns.SCHEMA` on `backend`. Reads the links, and the first and last day, at
    once; the rest is lazy. Source: `docs/counting.md`.
    """
    if upto is not None:
        entries = entries.filter(entries.position <= upto)
    of_kind = {kind: entries.filter(entries.kind == kind) for kind in _KINDS}
    configured = ibis.memtable(_programmes(programmes))
    registered = _latest(of_kind["departure_registered"], "departure")
    exits, refused = _exits(of_kind, registered, configured)
    of = _cluster_map(entries)
    exits = _walk(_clustered(exits, of), entries, of)
    strongest = ibis.window(group_by=["cluster", "grp"], order_by=["rank", "at", "departure"])
    exits = exits.mutate(nth=ibis.row_number().over(strongest))
    joined = exits.filter(exits.nth > 0).select(
        subject="departure", kind=ibis.literal("joined"), programme="programme", at="at"
    )
    chosen = exits.filter(exits.nth == 0)
    bounds = chosen.agg(low=chosen.utc_day.min(), high=chosen.utc_day.max()).to_pyarrow().to_pylist()[0]
    span = (bounds["low"], bounds["high"]) if bounds["low"] is not None else (0, -1)
    calendar = ibis.memtable(_calendar(programmes, *span))
    counted = _under_facts(chosen, of_kind, calendar)
    findings = joined.union(refused).union(_pending(of_kind))
    return Recount(counted, findings)


_KINDS = (
    *("enrolled", "facts_corrected", "departure_registered", "departure_corrected", "departure_withdrawn"),
    *("departure_confirmed", "confirmation_retracted", "returned", "persons_linked", "persons_unlinked"),
)


def _programmes(programmes: Mapping[str, Programme]) -> pa.Table:
    return pa.table(
        {
            "programme": pa.array(list(programmes), pa.string()),
            "timezone": pa.array([p.timezone for p in programmes.values()], pa.string()),
            "weakest": pa.array([RANK[p.counts_from] for p in programmes.values()], pa.int8()),
        }
    )


def _exits(
    of_kind: Mapping[str, ibis.Table], registered: ibis.Table, configured: ibis.Table
) -> tuple[ibis.Table, ibis.Table]:
    """Return confirmed departures with their exits (steps 4 and 5), and what stands but does not count."""
    confirmations, retractions = of_kind["departure_confirmed"], of_kind["confirmation_retracted"]
    standing = confirmations.anti_join(retractions, confirmations.entry_id == retractions.ref)
    standing = standing.select("departure", "evidence", "entry_id", "at", "utc_day")
    standing = standing.mutate(rank=_rank(standing.evidence).cast("int8"))
    first = ibis.window(group_by="departure", order_by=["rank", "at", "entry_id"])
    best = standing.mutate(nth=ibis.row_number().over(first))
    best = best.filter(best.nth == 0).select("departure", "evidence", "rank", "at", "utc_day")
    facts = registered.select(
        "departure",
        "person",
        "programme",
        registered_at="at",
        registration="entry_id",
        first_destination="destination",
        first_assistance="assistance",
    )
    best = best.inner_join(facts, "departure").inner_join(configured, "programme")
    withdrawn = of_kind["departure_withdrawn"].select(gone="departure").distinct()
    best = best.left_join(withdrawn, best.departure == withdrawn.gone)
    exits = best.filter(best.gone.isnull() & (best["rank"] <= best.weakest)).drop("gone")
    refused = best.filter(best.gone.notnull() | (best["rank"] > best.weakest))
    kind = refused.gone.notnull().ifelse("confirmed_after_withdrawal", "word_only")
    return exits, refused.select(subject=refused.departure, kind=kind, programme=refused.programme, at=refused.at)


def _under_facts(chosen: ibis.Table, of_kind: Mapping[str, ibis.Table], calendar: ibis.Table) -> ibis.Table:
    """Put the facts of person and departure, the civil day and the age to the chosen exits (steps 2, 3, 8, 9)."""
    told = of_kind["enrolled"].union(of_kind["facts_corrected"])
    for name, given in (
        ("nationality", told.nationality.notnull()),
        ("sex", told.sex.notnull()),
        ("birth_date", told.gives_birth_date),
    ):
        fact = _latest(told.filter(given).select("person", "at", "entry_id", name), "person")
        fact = fact.select(of_person="person", **{f"told_{name}": name})
        chosen = chosen.left_join(fact, chosen.person == fact.of_person).drop("of_person")
    corrected = of_kind["departure_corrected"]
    for name in ("destination", "assistance"):
        fact = corrected.filter(corrected[name].notnull()).select("departure", "at", "entry_id", name)
        fact = _latest(fact, "departure").select(
            of_departure="departure", corrected_at="at", correction="entry_id", later=name
        )
        chosen = chosen.left_join(fact, chosen.departure == fact.of_departure)
        greater = (chosen.corrected_at > chosen.registered_at) | (
            (chosen.corrected_at == chosen.registered_at) & (chosen.correction > chosen.registration)
        )
        value = ibis.ifelse(greater.fill_null(False), chosen.later, chosen[f"first_{name}"])
        chosen = chosen.mutate(**{name: value}).drop("of_departure", "corrected_at", "correction", "later")
    days = calendar.rename(zone="timezone", of_day="utc_day")
    chosen = chosen.inner_join(
        days,
        [
            chosen.timezone == days.zone,
            chosen.utc_day == days.of_day,
            chosen.at >= days.from_us,
            chosen.at < days.to_us,
        ],
    )
    return chosen.select(
        departure=chosen.departure,
        programme=chosen.programme,
        cluster=chosen.cluster,
        exited_at=chosen.at,
        day=chosen.day,
        nationality=chosen.told_nationality.fill_null("UNK"),
        sex=chosen.told_sex.fill_null(0),
        age=_age(chosen.told_birth_date, chosen.year, chosen.mmdd),
        destination=chosen.destination,
        evidence=chosen.evidence,
        assistance=chosen.assistance,
    )


def _pending(of_kind: Mapping[str, ibis.Table]) -> ibis.Table:
    """Return the entries that wait for something they refer to."""
    enrolled = of_kind["enrolled"].select(known="person").distinct()
    registered = of_kind["departure_registered"].select(known="departure").distinct()
    confirmations = of_kind["departure_confirmed"].select(known="entry_id")
    links = of_kind["persons_linked"].select(known="entry_id")

    def waiting(kinds: Sequence[str], column: str, known: ibis.Table, waits: str) -> ibis.Table:
        found = [of_kind[kind].anti_join(known, of_kind[kind][column] == known.known) for kind in kinds]
        parts = [f.select(subject="entry_id", kind=ibis.literal(waits), programme="programme", at="at") for f in found]
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    about_persons = ("facts_corrected", "returned", "departure_registered", "persons_linked")
    about_departures = ("departure_corrected", "departure_withdrawn", "departure_confirmed")
    persons = waiting(about_persons, "person", enrolled, "waits_for_person")
    others = waiting(("persons_linked",), "person_b", enrolled, "waits_for_person")
    return ibis.union(
        persons.union(others).distinct(),
        waiting(about_departures, "departure", registered, "waits_for_registration"),
        waiting(("confirmation_retracted",), "ref", confirmations, "waits_for_confirmation"),
        waiting(("persons_unlinked",), "ref", links, "waits_for_link"),
    )
