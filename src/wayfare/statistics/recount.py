"""The counting rule, set by set: reading (b), in Ibis expressions for DuckDB or Spark (`docs/counting.md`).

`departures/rules.py` reads the same rule one cluster at a time; `wayfare ledger verify` and the tests hold them
against each other. Instants are microseconds and ids are bytes here, so that engines cannot differ on either; the
civil day comes from tables made with Python's time zones, for the same reason.

Most things are told once. So each "the latest of those that tell it" is worked out for the few that are told more
than once, and what several steps read is kept as a table of the engine's instead of being evaluated again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, combinations
from typing import Any, NamedTuple

import ibis
import pyarrow as pa

from wayfare.departures.rules import EVIDENCE, RANK, Programme, assistance_text, clusters
from wayfare.statistics import civil
from wayfare.statistics.columns import ASSISTANCE
from wayfare.statistics.engines import Engine, texts

COUNTED = (
    *("departure", "programme", "cluster", "exited_at", "day", "nationality", "sex", "age"),
    *("destination", "evidence", "assistance"),
)
_AT_BITS = 54
_AT_ZERO = 1 << (_AT_BITS - 1)
"""Strength and instant packed in one number whose order is theirs; instants up to 285 years around 1970 fit."""
_ASSISTANCE_TEXTS = {
    sum(ASSISTANCE[code] for code in codes): assistance_text(codes)
    for codes in chain.from_iterable(combinations(ASSISTANCE, n) for n in range(len(ASSISTANCE) + 1))
}


class Recount(NamedTuple):
    """Two lazy tables: counted departures (columns COUNTED) and findings (subject, kind, programme, at).

    Departures, clusters and subjects are ids as the engine has them; `readable` gives them as text.
    """

    engine: Engine
    counted: ibis.Table
    findings: ibis.Table

    def readable(self) -> tuple[ibis.Table, ibis.Table]:
        """Return both tables with ids as lower-case text."""
        counted = texts(self.engine, self.counted, ("departure", "cluster"))
        return counted, texts(self.engine, self.findings, ("subject",))


class _Step(NamedTuple):
    """What the steps share: the engine, the entries of each kind, the programmes."""

    engine: Engine
    of_kind: Mapping[str, ibis.Table]
    programmes: ibis.Table
    clusters: ibis.Table


def _latest(table: ibis.Table, by: str) -> ibis.Table:
    """Keep, for each value of a column, the row with the greatest (at, entry_id)."""
    order = ibis.window(group_by=by, order_by=[ibis.desc("at"), ibis.desc("entry_id")])
    return table.mutate(nth=ibis.row_number().over(order)).filter(lambda t: t.nth == 0).drop("nth")


def _repeated(engine: Engine, table: ibis.Table, by: str) -> ibis.Table:
    """Return the values of a column that stand in more than one row: a small table, kept."""
    counts = table.group_by(by).agg(times=table.count())
    return engine.keep(counts.filter(counts.times > 1).select(by))


def _clustered(table: ibis.Table, of: ibis.Table) -> ibis.Table:
    joined = table.left_join(of, table.person == of.linked)
    return joined.mutate(cluster=ibis.coalesce(joined.of_cluster, joined.person)).drop("linked", "of_cluster")


def _cluster_map(engine: Engine, of_kind: Mapping[str, ibis.Table]) -> ibis.Table:
    """Return (linked, of_cluster) for every person in a standing link (step 1; links are few: solved here)."""
    links, unlinked = of_kind["persons_linked"], of_kind["persons_unlinked"]
    standing = links.anti_join(unlinked, links.entry_id == unlinked.ref).select("person", "person_b")
    pairs = texts(engine, standing, ("person", "person_b")).to_pyarrow()
    found = clusters(zip(pairs["person"].to_pylist(), pairs["person_b"].to_pylist(), strict=True))
    names = ("linked", "of_cluster")
    table = engine.table(pa.table([pa.array(c, pa.string()) for c in (list(found), found.values())], names=names))
    return table.select(**{name: engine.id(table[name]) for name in names})


def _programmes(programmes: Mapping[str, Programme]) -> pa.Table:
    columns = {
        "programme": pa.array(list(programmes), pa.string()),
        "timezone": pa.array([p.timezone for p in programmes.values()], pa.string()),
        "weakest": pa.array([RANK[p.counts_from] for p in programmes.values()], pa.int8()),
    }
    return pa.table(columns)


def _registered(step: _Step) -> ibis.Table:
    """Return each registered departure under its latest facts (step 3)."""
    facts = ("departure", "person", "programme", "destination", "assistance")
    told = step.of_kind["departure_registered"].select(*facts, "at", "entry_id")
    again = _repeated(step.engine, told, "departure")
    once = told.anti_join(again, "departure").select(*facts)
    last = _latest(told.semi_join(again, "departure"), "departure").select(*facts)
    registered = once.union(last)
    corrected = _corrections(step, told)
    registered = registered.left_join(corrected, registered.departure == corrected.of_departure)
    return registered.mutate(
        destination=ibis.coalesce(registered.later_destination, registered.destination),
        assistance=ibis.coalesce(registered.later_assistance, registered.assistance),
    ).select(*facts)


def _corrections(step: _Step, told: ibis.Table) -> ibis.Table:
    """Return (of_departure, later_destination, later_assistance), null where the registration is the later word."""
    corrected = step.of_kind["departure_corrected"]
    first = _latest(told.semi_join(corrected, "departure"), "departure")
    table = first.select(of_departure="departure", registered_at="at", registration="entry_id")
    for name in ("destination", "assistance"):
        fact = corrected.filter(corrected[name].notnull()).select("departure", "at", "entry_id", name)
        fact = _latest(fact, "departure").select(
            told_of="departure", corrected_at="at", correction="entry_id", later=name
        )
        table = table.left_join(fact, table.of_departure == fact.told_of)
        greater = (table.corrected_at > table.registered_at) | (
            (table.corrected_at == table.registered_at) & (table.correction > table.registration)
        )
        later = ibis.ifelse(greater.fill_null(False), table.later, ibis.null())
        table = table.mutate(**{f"later_{name}": later}).drop("told_of", "corrected_at", "correction", "later")
    return table.select("of_departure", "later_destination", "later_assistance")


def _confirmed(step: _Step) -> ibis.Table:
    """Return (departure, rank, at) of each departure's strongest standing confirmation (step 5).

    Strongest, then earliest, is the smallest of one number; the id, which breaks further ties, shows in neither.
    """
    confirmations, retractions = step.of_kind["departure_confirmed"], step.of_kind["confirmation_retracted"]
    standing = confirmations.anti_join(retractions, confirmations.entry_id == retractions.ref)
    packed = standing["rank"].cast("int64") * (1 << _AT_BITS) + (standing["at"] + _AT_ZERO)
    best = standing.group_by("departure").agg(best=packed.min())
    at = (best.best & ((1 << _AT_BITS) - 1)) - _AT_ZERO
    return best.select("departure", rank=(best.best >> _AT_BITS).cast("int8"), at=at)


def _exits(step: _Step) -> tuple[ibis.Table, ibis.Table]:
    """Return confirmed departures with exits and clusters (steps 4 and 5), and what stands but does not count."""
    best, registered = _confirmed(step), _registered(step)
    best = best.inner_join(registered, "departure").inner_join(step.programmes, "programme")
    withdrawn = step.of_kind["departure_withdrawn"].select(gone="departure").distinct()
    best = best.left_join(withdrawn, best.departure == withdrawn.gone)
    best = step.engine.keep(_clustered(best, step.clusters))
    exits = best.filter(best.gone.isnull() & (best["rank"] <= best.weakest)).drop("gone", "weakest")
    refused = best.filter(best.gone.notnull() | (best["rank"] > best.weakest))
    kind = refused.gone.notnull().ifelse("confirmed_after_withdrawal", "word_only")
    return exits, refused.select(subject=refused.departure, kind=kind, programme=refused.programme, at=refused["at"])


def _presences(step: _Step, exits: ibis.Table, several: ibis.Table) -> ibis.Table:
    """Return (cluster, at, leaves, id) of the presences in some clusters (step 6)."""
    returned, registered = step.of_kind["returned"], step.of_kind["departure_registered"]
    names = ("person", "departure", "entry_id", "at")
    seen = _clustered(returned.select(*names).union(registered.select(*names)), step.clusters)
    seen = step.engine.keep(seen.semi_join(several, "cluster"))
    own = exits.semi_join(seen, "departure").select(own="departure", left_at="at")
    seen = seen.left_join(own, seen.departure == own.own)
    seen = seen.filter(seen.left_at.isnull() | (seen.left_at > seen["at"]))
    return seen.select("cluster", "at", leaves=ibis.literal(0, "int8"), id="entry_id")


def _walk(step: _Step, exits: ibis.Table) -> tuple[ibis.Table, ibis.Table]:
    """Return the chosen exit of each group, and the others (steps 6 and 7); a cluster's only exit needs no walk."""
    several = _repeated(step.engine, exits, "cluster")
    walked = exits.semi_join(several, "cluster")
    leaving = walked.select("cluster", "at", leaves=ibis.literal(1, "int8"), id="departure")
    events = _presences(step, exits, several).union(leaving)
    before = ibis.window(group_by="cluster", order_by=["at", "leaves", "id"], preceding=None, following=0)
    numbered = events.mutate(grp=(1 - events.leaves).sum().over(before).cast("int64"))
    numbered = numbered.filter(numbered.leaves == 1).select(number_of="id", grp="grp")
    walked = walked.inner_join(numbered, walked.departure == numbered.number_of).drop("number_of")
    strongest = ibis.window(group_by=["cluster", "grp"], order_by=["rank", "at", "departure"])
    walked = step.engine.keep(walked.mutate(nth=ibis.row_number().over(strongest)).drop("grp"))
    chosen = walked.filter(walked.nth == 0).drop("nth")
    alone = exits.anti_join(several, "cluster")
    joined = walked.filter(walked.nth > 0)
    joined = joined.select(subject="departure", kind=ibis.literal("joined"), programme="programme", at="at")
    return alone.union(chosen.select(*alone.columns)), joined


def _facts(step: _Step) -> ibis.Table:
    """Return (of_person, nationality, sex, birth) under the latest of each (step 2); null where nobody told."""
    names = ("nationality", "sex", "birth")
    parts = [step.of_kind[kind].select("person", "at", "entry_id", *names) for kind in ("enrolled", "facts_corrected")]
    told = parts[0].union(parts[1])
    again = _repeated(step.engine, told, "person")
    repeated = step.engine.keep(told.semi_join(again, "person"))
    facts = repeated.select("person").distinct()
    for name in names:
        fact = repeated.filter(repeated[name].notnull()).select("person", "at", "entry_id", name)
        fact = _latest(fact, "person").select("person", name)
        facts = facts.left_join(fact, "person").select(*facts.columns, name)
    once = told.anti_join(again, "person").select("person", *names)
    return once.union(facts.select("person", *names)).rename(of_person="person")


def _dated(engine: Engine, chosen: ibis.Table, programmes: Mapping[str, Programme]) -> ibis.Table:
    """Put the civil day to exits (step 8): `day` as text, `year`, `mmdd`."""
    bounds = chosen.agg(low=chosen["at"].min(), high=chosen["at"].max()).to_pyarrow().to_pylist()[0]
    low, high = (0, -1) if bounds["low"] is None else (bounds["low"], bounds["high"])
    offsets = engine.table(civil.offsets(programmes, low // civil.WEEK_US, high // civil.WEEK_US))
    days = engine.table(civil.days(low // civil.DAY_US - 2, high // civil.DAY_US + 2))
    # `//` goes by way of a double, whose rounding cannot reach the next whole number: there are under 2^16 days.
    chosen = chosen.mutate(week_of=(chosen["at"] // civil.WEEK_US).cast("int64"))
    same = [chosen.timezone == offsets.zone, chosen.week_of == offsets.week]
    chosen = chosen.inner_join(offsets, [*same, chosen["at"] >= offsets.from_us, chosen["at"] < offsets.to_us])
    chosen = chosen.mutate(local_day=((chosen["at"] + chosen.offset_us) // civil.DAY_US).cast("int64"))
    return chosen.inner_join(days, chosen.local_day == days.number)


def _age(birth: Any, year: Any, mmdd: Any) -> Any:
    """Return the band of the age in completed years (step 9); `birth` is yyyymmdd, 0 or null for unknown."""
    born = birth.cast("int32")
    in_year = born % 10000
    age = year - ((born - in_year) / 10000).cast("int32") - (mmdd < in_year).ifelse(1, 0)
    return ibis.cases(
        (birth.isnull() | (birth == 0) | (age < 0) | (age > 120), "UNK"),
        (age < 14, "Y_LT14"),
        (age < 18, "Y14-17"),
        (age < 35, "Y18-34"),
        (age < 65, "Y35-64"),
        else_="Y_GE65",
    )


def _under_facts(step: _Step, dated: ibis.Table) -> ibis.Table:
    """Put the facts of each exit's person to it, and its codes into words (steps 7 and 9)."""
    facts = _facts(step)
    table = dated.left_join(facts, dated.person == facts.of_person)
    return table.select(
        departure=table.departure,
        programme=table.programme,
        cluster=table.cluster,
        exited_at=table["at"],
        day=table.day,
        nationality=table.nationality.fill_null("UNK"),
        sex=table.sex.fill_null(0).cast("int8"),
        age=_age(table.birth, table.year, table.mmdd),
        destination=table.destination,
        evidence=table["rank"].cases(*enumerate(EVIDENCE), else_="unknown"),
        assistance=table.assistance.cases(*_ASSISTANCE_TEXTS.items(), else_="unknown"),
    )


def _pending(of_kind: Mapping[str, ibis.Table]) -> ibis.Table:
    """Return the entries that wait for something they refer to."""
    enrolled = of_kind["enrolled"].select(known="person")
    registered = of_kind["departure_registered"].select(known="departure")
    confirmations = of_kind["departure_confirmed"].select(known="entry_id")
    links = of_kind["persons_linked"].select(known="entry_id")

    def waiting(kinds: Sequence[str], column: str, known: ibis.Table, waits: str) -> ibis.Table:
        names = list(dict.fromkeys(("entry_id", "programme", "at", column)))
        parts = [of_kind[kind].select(*names) for kind in kinds]
        told = ibis.union(*parts) if len(parts) > 1 else parts[0]
        found = told.anti_join(known, told[column] == known.known)
        return found.select(subject="entry_id", kind=ibis.literal(waits), programme="programme", at="at")

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


_KINDS = (
    *("enrolled", "facts_corrected", "departure_registered", "departure_corrected", "departure_withdrawn"),
    *("departure_confirmed", "confirmation_retracted", "returned", "persons_linked", "persons_unlinked"),
)


def recount(
    engine: Engine, entries: ibis.Table, programmes: Mapping[str, Programme], upto: int | None = None
) -> Recount:
    """Count by the rule the departures that entries at or below a position tell of.

    `entries` has the columns of `columns.SCHEMA` on `engine`. Works out the exits at once; facts and findings are
    lazy. Source: `docs/counting.md`.
    """
    if upto is not None:
        entries = entries.filter(entries.position <= upto)
    of_kind = {kind: entries.filter(entries.kind == kind) for kind in _KINDS}
    step = _Step(engine, of_kind, engine.table(_programmes(programmes)), _cluster_map(engine, of_kind))
    exits, refused = _exits(step)
    chosen, joined = _walk(step, exits)
    counted = _under_facts(step, _dated(engine, chosen, programmes))
    return Recount(engine, counted, joined.union(refused).union(_pending(of_kind)))
