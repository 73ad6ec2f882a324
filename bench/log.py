"""What the log costs: sequencing against a bare insert of its leaves, verifying against reading and hashing, proofs.

One sitting, in a home of its own: `--entries` entries are written straight into the ledger's table. Then the sides take
turns where that is possible. Prints one JSON object.

- sequencing: leaves, tiles and signed checkpoints, against COPY of the same nonces and leaves, a row each, with a key;
- verifying: `log verify` against reading every body and hashing it once;
- proofs: receipts of random positions, each process-wide cache as it is in a web worker.

    .venv/bin/python bench/log.py [--entries 1000000] [--proofs 2000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from hashlib import sha256
from typing import Any

from home import installation

FILL = """
insert into ledger_entry (position, entry_id, kind, occurred_at, recorded_at, source, subject, body, digest)
select n, id, 'departure_confirmed', '2026-07-01T10:00:00+02:00', now(), 'bench', departure, body, sha256(body::bytea)
from generate_series(1, %s) n,
  lateral (select gen_random_uuid() as id, gen_random_uuid() as departure offset n * 0) one,
  lateral (select '{"departure":"' || departure || '","entry_id":"' || id || '","evidence":"pass_scanned","kind":'
  || '"departure_confirmed","occurred_at":"2026-07-01T10:00:00+02:00","place":"CDG","source":"bench"}' as body) two
"""


def timed(step: Any) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def bare(entries: int) -> float:
    """Insert as many leaves with their nonces, a row each, and commit; return the seconds."""
    from django.db import connections

    random_bytes = os.urandom(64 * 1000)
    rows = [(random_bytes[n : n + 32], random_bytes[n + 32 : n + 64]) for n in range(0, len(random_bytes), 64)]
    with connections["owner"].cursor() as cursor:
        cursor.execute("drop table if exists bench_leaf")
        cursor.execute("create table bench_leaf (position bigint primary key, nonce bytea, leaf bytea)")

        def insert() -> None:
            with cursor.copy("copy bench_leaf from stdin (format binary)") as copy:
                copy.set_types(["int8", "bytea", "bytea"])
                for n in range(entries):
                    copy.write_row((n, *rows[n % 1000]))

        return timed(insert)


def read_and_hash(entries: int) -> float:
    """Read every body as verifying does, and hash it once; return the seconds."""
    from wayfare.ledger.source import LEDGER

    def read() -> None:
        for after in range(0, entries, 16_384):
            for body in LEDGER.bodies(after, 16_384):
                sha256(body).digest()

    return timed(read)


def proofs(entries: int, number: int) -> list[float]:
    """Make receipts at random; return the seconds each took."""
    from wayfare.ledger.source import LEDGER
    from wayfare.tlog import queries

    chance, took = random.Random(1), []
    for _ in range(number):
        position = chance.randint(1, entries)
        took.append(timed(lambda at=position: queries.receipt("ledger", at - 1, LEDGER.bodies(at - 1, 1)[0])))
    return sorted(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--proofs", type=int, default=2_000)
    asked = parser.parse_args()
    with installation():
        from django.db import connections

        from wayfare.ledger import jobs
        from wayfare.ledger.source import LEDGER
        from wayfare.tlog import operations
        from wayfare.tlog.verify import verified

        with connections["owner"].cursor() as cursor:
            cursor.execute(FILL, [asked.entries])
            cursor.execute("vacuum analyze ledger_entry")
        before = bare(asked.entries)
        grown = timed(lambda: operations.keep_up(LEDGER, jobs.opened()))
        after = bare(asked.entries)
        read = min(read_and_hash(asked.entries) for _ in range(2))
        checked = timed(lambda: verified(LEDGER))
        took = proofs(asked.entries, asked.proofs)
        print(
            json.dumps(
                {
                    "entries": asked.entries,
                    "bare_insert_per_second": [round(asked.entries / one) for one in (before, after)],
                    "sequenced_per_second": round(asked.entries / grown),
                    "sequencing_ratio": round(min(before, after) / grown, 2),
                    "verified_per_second": round(asked.entries / checked),
                    "verify_times_reading": round(checked / read, 2),
                    "proof_milliseconds": {
                        name: round(took[int(len(took) * part)] * 1000, 2)
                        for name, part in (("p50", 0.5), ("p99", 0.99))
                    },
                }
            )
        )


if __name__ == "__main__":
    main()
