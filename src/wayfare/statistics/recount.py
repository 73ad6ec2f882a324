"""The counting rule, set by set: reading (b), in Ibis expressions for DuckDB or Spark (`docs/counting.md`).

`departures/rules.py` reads the same rule one cluster at a time; `wayfare ledger verify` and the tests hold them
against each other. Instants are microseconds and ids are bytes here, so that engines cannot differ on either; the
civil day comes from tables made with Python's time zones, for the same reason.

Most things are told once. So each "the latest of those that tell it" is worked out for the few that are told more
than once, and what several steps read is kept as a table of the engine's instead of being evaluated again. What is
missing shows in the joins that count: few departures are not registered, and only for these is it asked who waits.
Joins have their lesser side on the right.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        "zone": pa.array([p.timezone for p in programmes.values()], pa.string()),
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


def _told(step: _Step) -> ibis.Table:
    """Return (subject, rank, at, gone) of each departure that is told of after its registration (steps 4 and 5).

    `rank` and `at` are those of its strongest standing confirmation, null if there is none; it was withdrawn if
    `gone`. Strongest, then earliest, is the smallest of one number; the id, which breaks further ties, shows in
    neither.
    """
    confirmed, withdrawn = step.of_kind["departure_confirmed"], step.of_kind["departure_withdrawn"]
    retracted = step.of_kind["confirmation_retracted"].select(retracted="ref").distinct()
    confirmed = confirmed.left_join(retracted, confirmed.entry_id == retracted.retracted)
    packed = confirmed["rank"].cast("int64") * (1 << _AT_BITS) + (confirmed["at"] + _AT_ZERO)
    standing = confirmed.retracted.isnull().ifelse(packed, ibis.null("int64"))
    corrected, nothing = step.of_kind["departure_corrected"], ibis.null("int64")
    told = ibis.union(
        confirmed.select(subject="departure", packed=standing, gone=ibis.null("int8")),
        withdrawn.select(subject="departure", packed=nothing, gone=ibis.literal(1, "int8")),
        corrected.select(subject="departure", packed=nothing, gone=ibis.null("int8")),
    )
    told = told.group_by("subject").agg(best=told.packed.min(), gone=told.gone.count() > 0)
    at = (told.best & ((1 << _AT_BITS) - 1)) - _AT_ZERO
    return told.select("subject", rank=(told.best >> _AT_BITS).cast("int8"), at=at, gone="gone")


def _exits(step: _Step) -> tuple[ibis.Table, ibis.Table, ibis.Table]:
    """Return confirmed departures with exits and clusters (steps 4 and 5), and what is told of but does not count.

    The latter are findings, and the departures that are not registered.
    """
    told, registered = _told(step), _registered(step)
    told = registered.right_join(told, registered.departure == told.subject).drop("departure")
    told = told.left_join(step.programmes, "programme").drop("programme_right")
    outcome = ibis.cases(
        (told.programme.isnull(), "waits_for_registration"),
        (told["rank"].isnull(), "unconfirmed"),
        (told.gone, "confirmed_after_withdrawal"),
        (told["rank"] > told.weakest, "word_only"),
        else_=ibis.null("string"),
    )
    told = step.engine.keep(_clustered(told.mutate(refused=outcome).drop("weakest", "gone"), step.clusters))
    exits = told.filter(told.refused.isnull()).drop("refused").rename(departure="subject")
    refused = told.filter(told.refused.isin(["confirmed_after_withdrawal", "word_only"]))
    refused = refused.select("subject", kind="refused", programme="programme", at="at")
    return exits, refused, told.filter(told.refused == "waits_for_registration").select("subject")


def _presences(step: _Step, exits: ibis.Table, several: ibis.Table) -> ibis.Table:
    """Return (cluster, at, leaves, id) of the presences in some clusters (step 6)."""
    returned, registered = step.of_kind["returned"], step.of_kind["departure_registered"]
    names = ("person", "departure", "entry_id", "at")
    linked = step.clusters.semi_join(several, step.clusters.of_cluster == several.cluster)
    members = several.select(linked="cluster", of_cluster="cluster").union(linked).distinct()
    seen = returned.select(*names).union(registered.select(*names))
    seen = seen.inner_join(members, seen.person == members.linked).rename(cluster="of_cluster")
    seen = step.engine.keep(seen.drop("person", "linked"))
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


def _dated(engine: Engine, exits: ibis.Table, chosen: ibis.Table, programmes: Mapping[str, Programme]) -> ibis.Table:
    """Put the civil day to the chosen ones of some exits (step 8): `day` as text, `number` as yyyymmdd."""
    bounds = exits.agg(low=exits["at"].min(), high=exits["at"].max()).to_pyarrow().to_pylist()[0]
    low, high = (0, -1) if bounds["low"] is None else (bounds["low"], bounds["high"])
    days = engine.table(civil.days(programmes, low // civil.DAY_US, high // civil.DAY_US))
    # `//` goes by way of a double, whose rounding cannot reach the next whole number: there are under 2^17 days.
    chosen = chosen.mutate(utc_day_of=(chosen["at"] // civil.DAY_US).cast("int64"))
    same = [chosen.zone == days.of_zone, chosen.utc_day_of == days.utc_day]
    return chosen.inner_join(days, [*same, chosen["at"] >= days.from_us, chosen["at"] < days.to_us])


def _age(birth: Any, day: Any) -> Any:
    """Return the band of the age in completed years (step 9); both are yyyymmdd, `birth` 0 or null for unknown.

    In such numbers, somebody has completed n years when the difference has reached n * 10000.
    """
    lived = day - birth
    return ibis.cases(
        (birth.isnull() | (birth == 0) | (lived < 0) | (lived >= 121_0000), "UNK"),
        (lived < 14_0000, "Y_LT14"),
        (lived < 18_0000, "Y14-17"),
        (lived < 35_0000, "Y18-34"),
        (lived < 65_0000, "Y35-64"),
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
        age=_age(table.birth, table.number),
        destination=table.destination,
        evidence=table["rank"].cases(*enumerate(EVIDENCE), else_="unknown"),
        assistance=table.assistance.cases(*_ASSISTANCE_TEXTS.items(), else_="unknown"),
    )


def _pending(of_kind: Mapping[str, ibis.Table], unregistered: ibis.Table) -> ibis.Table:
    """Return the entries that wait for something they refer to."""

    def about(column: str, *kinds: str) -> ibis.Table:
        parts = [of_kind[kind].select(subject="entry_id", programme="programme", at="at", of=column) for kind in kinds]
        return ibis.union(*parts) if len(parts) > 1 else parts[0]

    def waiting(found: ibis.Table, waits: str) -> ibis.Table:
        return found.select("subject", kind=ibis.literal(waits), programme="programme", at="at")

    def unknown(told: ibis.Table, known: ibis.Table) -> ibis.Table:
        """Return what tells of none of the many known ones; there is much less of it than of them."""
        joined = known.right_join(told, known.known == told.of)
        return joined.filter(joined.known.isnull())

    persons = about("person", "facts_corrected", "returned", "departure_registered", "persons_linked")
    persons = persons.union(about("person_b", "persons_linked"))
    persons = persons.anti_join(of_kind["enrolled"], persons.of == of_kind["enrolled"].person)
    departures = about("departure", "departure_corrected", "departure_withdrawn", "departure_confirmed")
    departures = departures.semi_join(unregistered, departures.of == unregistered.subject)
    confirmations = of_kind["departure_confirmed"].select(known="entry_id")
    links = of_kind["persons_linked"].select(known="entry_id")
    return ibis.union(
        waiting(persons, "waits_for_person").distinct(),
        waiting(departures, "waits_for_registration"),
        waiting(unknown(about("ref", "confirmation_retracted"), confirmations), "waits_for_confirmation"),
        waiting(unknown(about("ref", "persons_unlinked"), links), "waits_for_link"),
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
    exits, refused, unregistered = _exits(step)
    chosen, joined = _walk(step, exits)
    counted = _under_facts(step, _dated(engine, exits, chosen, programmes))
    return Recount(engine, counted, joined.union(refused).union(_pending(of_kind, unregistered)))
