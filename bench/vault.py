"""How the vault's work compares with the least that anybody would have to do, on one machine, in one run.

Opening: a sealed identity of about 1 KB, its look and the policies included, beside a select by primary key of as many
bytes and a commit: once of nothing, once of one inserted row, as every look is on disk before it shows anything. By one
thread, and by eight of one process beside eight.
Sealing: enrolling people, beside AES-GCM of the same bytes and a COPY of the result (raw); and beside that and a COPY
of as many search tokens into two indexes (raw with tokens). Turning: wrapping data keys for a new epoch, beside
unwrapping and wrapping alone; with --token also with the master keys in a software token (SoftHSM), and for what it
would cost, data keys wrapped by that token itself. Searching: the 99th percentile over names that repeat as names do.
In a home of its own. Prints one JSON object; a measure of 0 is left out.

    .venv/bin/python bench/vault.py [--opens 2000] [--people 100000] [--keys 1000000] [--search 1000000] [--token]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from home import installation, owner
from single import race

NOW = datetime.now(UTC)
GROUPS = ("names", "birth", "contact", "documents", "notes")


def told(name: str, year: int) -> dict[str, Any]:
    """Return a file of about 1 KB in all."""
    whole = {"script": "Latn", "parts": [{"kind": "whole", "text": name}]}
    return {
        "names": {"names": [{"use": "used", "written": [whole]}]},
        "birth": {"told": {"calendar": "gregorian", "year": year, "month": 5, "day": 7}},
        "contact": {
            "channels": [{"kind": "phone", "value": "+33 1 23 45 67 89", "allowed": True}],
            "languages": ["ar"],
        },
        "documents": {"documents": [{"kind": "passport", "seen": "copy", "number": "XK-4711-22", "country": "FRA"}]},
        "notes": {"notes": [{"on": "2026-05-17", "text": "Asked for a map of the town. " * 15}]},
    }


def names(chance: random.Random, drawing: random.Random | None = None) -> Callable[[], str]:
    """Return a source of names in which few given names and family names are very common, as they are.

    `drawing`: who draws from them, if not `chance`, which makes them.
    """
    syllables = [a + b for a in "bdfghjklmnrstwyz" for b in ("a", "i", "u", "ar", "in", "ad", "em")]
    made = [["".join(chance.choices(syllables, k=chance.choice((2, 2, 3)))) for _ in range(n)] for n in (2_000, 20_000)]
    weights = [[1 / (rank + 3) for rank in range(len(some))] for some in made]
    ready: list[str] = []

    def name() -> str:
        if not ready:
            given, family = (
                (drawing or chance).choices(some, weight, k=10_000) for some, weight in zip(made, weights, strict=True)
            )
            ready.extend(f"{a} {b}".title() for a, b in zip(given, family, strict=True))
        return ready.pop()

    return name


def per_second(number: int, step: Callable[[], None]) -> float:
    for _ in range(max(number // 20, 1)):
        step()
    start = time.perf_counter()
    for _ in range(number):
        step()
    return number / (time.perf_counter() - start)


def staff() -> tuple[uuid.UUID, str]:
    from wayfare.people.tests.cast import Colleague

    colleague = Colleague("paris", "counsellor", "supervisor")
    return colleague.id, colleague.secret


Step = Callable[[], None]


class Steps(NamedTuple):
    """What is measured of opening: ours, in one trip and step by step, and the two plain ones beside it."""

    opened: Step
    opened_in_steps: Step
    select_insert_commit: Step
    select_commit: Step


class Rates(NamedTuple):
    """How often a second each of these steps was done."""

    opened: float
    opened_in_steps: float
    select_insert_commit: float
    select_commit: float


def sealed_steps(who: uuid.UUID, secret: str) -> tuple[Step, Step]:
    from wayfare.access import operations as access
    from wayfare.people import operations

    with access.acting(secret):
        made = operations.enrol_many([operations.file_from(told("Nur", 1990), at=NOW) for _ in range(20)], at=NOW)
        tasks = [access.take_up(who, one.person, "case_work", at=NOW) for one in made]
    chance = random.Random(1)

    def once() -> None:
        assert operations.open_once(secret, chance.choice(tasks), GROUPS).groups

    def in_steps() -> None:
        with access.acting(secret):
            assert operations.opened(chance.choice(tasks), GROUPS).groups

    return once, in_steps


def plain_steps() -> tuple[Step, Step]:
    from django.db import connection, transaction

    owner("create table bench_plain (id uuid primary key, body bytea not null)")
    owner("create table bench_written (id bigserial primary key, at timestamptz default now(), body text)")
    owner("grant select on bench_plain to wayfare_app; grant insert on bench_written to wayfare_app")
    owner("grant usage on sequence bench_written_id_seq to wayfare_app")
    ids, chance = [uuid.uuid4() for _ in range(20)], random.Random(1)
    for one in ids:
        owner("insert into bench_plain values (%s, %s)", [one, secrets.token_bytes(1024)])

    def plain(write: bool) -> Step:
        def step() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("select body from bench_plain where id = %s", [chance.choice(ids)])
                cursor.fetchone()
                if write:
                    cursor.execute("insert into bench_written (body) values (%s)", ["x" * 400])

        return step

    return plain(True), plain(False)


def by_eight(steps: Steps, seconds: float) -> list[float]:
    """Return how often a second eight threads do each step."""
    from django.db import connections

    connections.close_all()

    def rate(step: Step) -> float:
        return race(8, seconds, lambda _: step())[0]

    return [rate(step) for step in steps]


def opening(number: int, who: uuid.UUID, secret: str) -> dict[str, Any]:
    """Measure each step in turn, three times, by one thread and by eight; each round is of its own."""
    steps = Steps(*sealed_steps(who, secret), *plain_steps())
    alone = [Rates(*(per_second(number, step) for step in steps)) for _ in range(3)]
    together = [Rates(*by_eight(steps, number / 1_000)) for _ in range(3)]
    return {
        name: {
            **{field: [round(getattr(one, field)) for one in rounds] for field in Rates._fields},
            "ratio": [round(one.opened / one.select_insert_commit, 3) for one in rounds],
            "ratio_to_a_commit_of_nothing": [round(one.opened / one.select_commit, 3) for one in rounds],
        }
        for name, rounds in (("alone", alone), ("by_eight", together))
    }


def sealing_people(number: int, secret: str) -> dict[str, Any]:
    from wayfare.access import operations as access
    from wayfare.people import operations
    from wayfare.people.rules import write_group

    name, chance = names(random.Random(2)), random.Random(3)
    files = [operations.file_from(told(name(), chance.randint(1950, 2015)), at=NOW) for _ in range(number)]
    start, cpu = time.perf_counter(), time.process_time()
    with access.acting(secret):
        operations.enrol_many(files, at=NOW)
    ours, cpu = time.perf_counter() - start, time.process_time() - cpu
    raw = copy_sealed([[write_group(file.groups[group]) for group in GROUPS] for file in files])
    raw_tokens, tokens = copy_tokens()
    return {
        "people": number,
        "seconds": round(ours, 2),
        "microseconds_of_python_a_person": round(cpu / number * 1e6),
        "raw_seconds": round(raw, 2),
        "ratio": round(raw / ours, 3),
        "raw_seconds_with_tokens": round(raw + raw_tokens, 2),
        "ratio_with_tokens": round((raw + raw_tokens) / ours, 3),
        "tokens_a_person": round(tokens / number, 1),
    }


def copy_sealed(plain: list[list[bytes]]) -> float:
    """Return the seconds that raw AES-GCM and COPY take with the same field groups."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from django.db import connections

    owner("create table bench_key (person uuid primary key, epoch int, wrapped bytea)")
    owner("create table bench_sealed (person uuid, grp text, version int, epoch int, sealed bytea,"
              " primary key (person, grp))")  # fmt: skip
    master, start = AESGCM(secrets.token_bytes(32)), time.perf_counter()
    with connections["owner"].cursor() as cursor:
        people = [uuid.uuid4() for _ in plain]
        keys = [secrets.token_bytes(32) for _ in plain]
        with cursor.copy("copy bench_key from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int4", "bytea"])
            for person, key in zip(people, keys, strict=True):
                nonce = secrets.token_bytes(12)
                copy.write_row((person, 1, nonce + master.encrypt(nonce, key, None)))
        with cursor.copy("copy bench_sealed from stdin (format binary)") as copy:
            copy.set_types(["uuid", "text", "int4", "int4", "bytea"])
            for person, key, groups in zip(people, keys, plain, strict=True):
                cipher = AESGCM(key)
                for group, text in zip(GROUPS, groups, strict=True):
                    nonce = secrets.token_bytes(12)
                    copy.write_row((person, group, 1, 1, nonce + cipher.encrypt(nonce, text, None)))
    return time.perf_counter() - start


def copy_tokens() -> tuple[float, int]:
    """Return the seconds that a COPY of all of the index's rows takes, and how many they are."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("select person, token from people_token order by person")
        tokens = cursor.fetchall()
        cursor.execute("create table bench_token (token uuid, epoch int, office text, person uuid,"
                       " primary key (token) include (office, person))")  # fmt: skip
        cursor.execute("create index on bench_token (person)")
        start = time.perf_counter()
        with cursor.copy("copy bench_token from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int4", "text", "uuid"])
            for person, token in tokens:
                copy.write_row((token, 1, "paris", person))
        return time.perf_counter() - start, len(tokens)


def turning(number: int) -> dict[str, Any]:
    """Time the keys alone: of people of whom there is nothing else."""
    from django.db import connections, transaction

    from wayfare.people import epochs, sealing
    from wayfare.people.installed import master_keys

    keys, epoch = master_keys(), epochs.begin()
    people = [uuid.uuid4() for _ in range(number)]
    wrapped = [keys.wrap(epoch, person, sealing.new_key()) for person in people]
    fill_people(people)
    with connections["owner"].cursor() as cursor:
        cursor.execute("delete from people_key")
        with cursor.copy("copy people_key from stdin (format binary)") as copy:
            copy.set_types(["uuid", "int4", "bytea"])
            for person, one in zip(people, wrapped, strict=True):
                copy.write_row((person, epoch, one))
        cursor.execute("vacuum analyze people_key")
    following = epochs.begin()
    start = time.perf_counter()
    for person, one in zip(people, wrapped, strict=True):
        keys.wrap(following, person, keys.unwrap(epoch, person, one))
    one_by_one = time.perf_counter() - start
    old, new, start = keys.wrapping(epoch), keys.wrapping(following), time.perf_counter()
    for person, one in zip(people, wrapped, strict=True):
        new.wrap(person, old.unwrap(person, one))
    raw = time.perf_counter() - start
    start = time.perf_counter()
    block: int | None = 0
    while block is not None:
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            block, _ = epochs._move_keys(cursor, following, block, epochs.BATCH)
    ours = time.perf_counter() - start
    return {
        "keys": number,
        "seconds": round(ours, 2),
        "raw_seconds": round(raw, 2),
        "times": round(ours / raw, 2),
        "raw_seconds_with_keys_made_ready_each_time": round(one_by_one, 2),
        "times_with_keys_made_ready_each_time": round(ours / one_by_one, 2),
    }


def into_token(folder: Path) -> None:
    """Seal the master keys into a new software token, and use them from there."""
    from django.conf import settings

    from wayfare.people import installed
    from wayfare.people.tests import softhsm

    os.environ["SOFTHSM2_CONF"] = str(softhsm.configured(folder))
    softhsm.SoftToken(folder, "bench").set_in(settings)
    installed.token_keys().take_over()


def in_the_token(number: int) -> dict[str, Any]:
    """Time data keys that the token itself would wrap, one by one, in one session."""
    from pkcs11 import GCMParams, KeyType, Mechanism

    from wayfare.people import installed

    with installed.token_keys().token.session() as session:
        key = session.generate_key(KeyType.AES, 256)
        about = GCMParams(secrets.token_bytes(12), uuid.uuid4().bytes, 128)
        start = time.perf_counter()
        for _ in range(number):
            sealed = key.encrypt(bytes(32), mechanism=Mechanism.AES_GCM, mechanism_param=about)
            key.decrypt(sealed, mechanism=Mechanism.AES_GCM, mechanism_param=about)
        took = time.perf_counter() - start
    return {"keys": number, "microseconds_a_key": round(1e6 * took / number, 1)}


def fill_people(people: list[uuid.UUID]) -> None:
    from django.db import connections

    from wayfare.people.rules import case_number

    taken = {number for (number,) in owner("select case_number from people_person")}
    numbers = set[str]()
    while len(numbers) < len(people):
        numbers |= {case_number(secrets.randbits(40))} - taken
    with connections["owner"].cursor() as cursor:
        with cursor.copy("copy people_person (id, office, case_number, created_at) from stdin") as copy:
            for person, number in zip(people, numbers, strict=True):
                copy.write_row((person, "paris", number, NOW))


def set_up() -> None:
    from wayfare.site import runtime

    runtime.set_up_django()


PART = 25_000
"""People of whom one process makes the blocks and marks at a time."""

Part = tuple[list[list[bytes]], list[bytes], list[tuple[uuid.UUID, str]]]
"""For each person their blocks, and their mark; and some by name."""


def part(seed: int, people: list[uuid.UUID], share: float) -> Part:
    """Make what some people are found by, and a share of them with their names, to be searched for."""
    from wayfare.people import operations, sealing
    from wayfare.people.enrolling import texts_of
    from wayfare.people.installed import keyed, master_keys

    keys, chance = master_keys(), random.Random(seed)
    epoch, name = keys.current(), names(random.Random(5), chance)
    block, marks = keyed(epoch, "paris").block, keys.token_key(epoch, "marks")
    blocks, sealed, known = list[list[bytes]](), list[bytes](), list[tuple[uuid.UUID, str]]()
    for person in people:
        said = name()
        file = operations.file_from(told(said, chance.randint(1950, 2015)), at=NOW)
        blocks.append(list(map(block, texts_of(file.groups))))
        sealed.append(sealing.seal(marks, sealing.Place(person, operations.MARK, 1, epoch), b"A. B."))
        if chance.random() < share:
            known.append((person, said))
    return blocks, sealed, known


def fill_searched(number: int, searches: int) -> list[tuple[uuid.UUID, str]]:
    """Put so many people in to be searched, and the index at the end; return some by name."""
    import multiprocessing

    from django.db import connections

    from wayfare.people import epochs
    from wayfare.people.index import Rows, Slots, padded
    from wayfare.people.installed import keyed, master_keys

    people = [uuid.uuid4() for _ in range(number)]
    fill_people(people)
    parts = [people[at : at + PART] for at in range(0, number, PART)]
    epoch, known = master_keys().current(), list[tuple[uuid.UUID, str]]()
    stored = {one.bytes for (one,) in owner("select token from people_token")}

    def there(tokens: Sequence[bytes]) -> set[int]:
        return {n for n, token in enumerate(tokens) if token in stored}

    slots = Slots(keyed(epoch, "paris"), there)
    with connections["owner"].cursor() as cursor:
        cursor.execute("update people_limits set searches_a_minute = 1000000, searches_a_day = 1000000")
        cursor.execute("select conname, pg_get_constraintdef(oid) from pg_constraint"
                       " where conrelid = 'people_token'::regclass and contype = 'p'")  # fmt: skip
        constraints = cursor.fetchall()
        cursor.execute("select indexname, indexdef from pg_indexes where tablename = 'people_token'"
                       " and indexname <> all (%s)", [[name for name, _ in constraints]])  # fmt: skip
        indexes = cursor.fetchall()
        for name, _ in constraints:
            cursor.execute(f"alter table people_token drop constraint {name}")
        for name, _ in indexes:
            cursor.execute(f"drop index {name}")
        with multiprocessing.get_context("spawn").Pool(initializer=set_up) as pool:
            work = [(seed, part, 5 * searches / number) for seed, part in enumerate(parts)]
            for some, (blocks, marks, named) in zip(parts, pool.starmap(part, work, chunksize=1), strict=True):
                known += named
                tokens, signs = slots.rows(blocks)
                tokens = list(map(padded, tokens))
                stored.update(*tokens)
                epochs.store(cursor, epoch, "paris", some, Rows(tokens, signs))
                with cursor.copy("copy people_mark from stdin (format binary)") as copy:
                    copy.set_types(["uuid", "int4", "bytea"])
                    for who, mark in zip(some, marks, strict=True):
                        copy.write_row((who, epoch, mark))
        cursor.execute("set maintenance_work_mem = '2GB'")
        for name, definition in constraints:
            cursor.execute(f"alter table people_token add constraint {name} {definition}")
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("vacuum analyze people_token, people_mark, people_person")
    return known


def at_rest() -> None:
    """Wait until the server has written what was put in, and forget here what was made for it."""
    import psycopg
    from django.conf import settings

    from wayfare.site.embedded import Home

    with psycopg.connect(Home(settings.WAYFARE_HOME).conninfo("postgres"), autocommit=True) as superuser:
        superuser.execute("checkpoint")
    gc.collect()


def searching(number: int, searches: int, secret: str) -> dict[str, Any]:
    from django.db import connections

    from wayfare.people import queries

    start = time.perf_counter()
    known, chance = fill_searched(number, searches), random.Random(4)
    filled = time.perf_counter() - start
    with connections["owner"].cursor() as cursor:
        cursor.execute("set enable_seqscan = off")  # the index is read whole into memory, as it is after a day's work
        cursor.execute("select count(*), pg_total_relation_size('people_token') from people_token where token > %s",
                       [uuid.UUID(int=0)])  # fmt: skip
        rows_of, size = cursor.fetchone()
        cursor.execute("set enable_seqscan = on")
    at_rest()
    took, hits = [], 0
    for person, said in chance.sample(known, min(searches, len(known))):
        text = said
        if chance.random() < 0.5:
            at = chance.randrange(1, len(said))
            text = said[:at] + said[at + 1 :]
        start = time.perf_counter()
        found = queries.search(secret, text).found
        took.append(time.perf_counter() - start)
        hits += any(one.person == person for one in found)
    took.sort()
    return {
        "people": number,
        "seconds_to_fill": round(filled),
        "tokens": rows_of,
        "token_bytes_a_person": round(size / number),
        "searches": len(took),
        "among_the_first_20": round(hits / len(took), 3),
        "median_milliseconds": round(took[len(took) // 2] * 1000, 1),
        "p99_milliseconds": round(took[int(len(took) * 0.99)] * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opens", type=int, default=2_000)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--search", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--token", action="store_true")
    given = parser.parse_args()
    with installation() as folder:
        who, secret = staff()
        report: dict[str, Any] = {}
        if given.opens:
            report["opening"] = opening(given.opens, who, secret)
        if given.people:
            report["sealing"] = sealing_people(given.people, secret)
        if given.search:
            report["searching"] = searching(given.search, given.searches, secret)
        if given.keys:
            report["turning"] = turning(given.keys)
        if given.token:
            (folder / "softhsm").mkdir()
            into_token(folder / "softhsm")
            report["turning_with_a_token"] = turning(given.keys)
            report["wrapped_in_the_token"] = in_the_token(min(given.keys, 100_000))
        print(json.dumps(report))


if __name__ == "__main__":
    main()
