"""Fuzzing of everything that reads what strangers send about a log: notes, checkpoints, proofs, keys, tiles, submissions.

Whatever comes, it is read or refused by name, and what is read is written again as it came. The first byte says which
reader gets the rest. `test_corpus.py` reads the kept corpus again; to look for more (atheris is not among the locked
packages, for it brings a compiler's runtime):

    pip install atheris
    python -m tests.fuzz.parsers FOLDER -max_total_time=1800 -max_len=4096

FOLDER holds inputs as files, the kept ones and the seeds to begin with; what is worth keeping goes into `corpus.txt`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

from wayfare.statistics import published
from wayfare.tlog import audit, merkle, notes, receipts, tiles
from wayfare.tlog.refusals import LogRefusal
from wayfare.witness import rules as witness

KEY = notes.parse_verifier("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")


def note(data: bytes) -> None:
    found = notes.parse_note(data)
    assert str(found).encode() == data
    notes.verify(found, [KEY])


def checkpoint(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert notes.parse_checkpoint(text).text() == text


def proof(data: bytes) -> None:
    assert str(notes.parse_proof(data)).encode() == data


def receipt(data: bytes) -> None:
    receipts.fields(receipts.check(data, [KEY]).extra)


def verifier(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert str(notes.parse_verifier(text)) == text


def tile_path(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    assert tiles.tile_at(text).path() == text


def bundle(data: bytes) -> None:
    width = data[0] + 1 if data else 1
    entries = tiles.entries_in(data[1:], tiles.Tile(None, 0, width))
    assert tiles.bundle(entries) == data[1:]


def hashes(data: bytes) -> None:
    width = data[0] + 1 if data else 1
    assert b"".join(tiles.hashes_in(data[1:], tiles.Tile(0, 0, width))) == data[1:]


def submission(data: bytes) -> None:
    witness.parse(data)


def table(data: bytes) -> None:
    assert bytes(published.read(data)) == data


def state(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        audit.State.load(Path(file.name))


def inclusion(data: bytes) -> None:
    numbers = [int.from_bytes(data[n : n + 8], "big") for n in (0, 8, 16)]
    rest = [data[n : n + 32] for n in range(24, len(data), 32)]
    merkle.check_inclusion(b"\0" * 32, *numbers, rest, b"\0" * 32)


def consistency(data: bytes) -> None:
    numbers = [int.from_bytes(data[n : n + 8], "big") for n in (0, 8, 16)]
    rest = [data[n : n + 32] for n in range(24, len(data), 32)]
    merkle.check_subtree(*numbers, rest, b"\0" * 32, b"\0" * 32)


READERS: list[Callable[[bytes], None]] = [
    note, checkpoint, proof, receipt, verifier, tile_path, bundle, hashes, submission, table, state, inclusion, consistency
]  # fmt: skip


def read(data: bytes) -> str:
    """Give bytes to their reader; return the name of the refusal, nothing if it took them."""
    if not data:
        return "empty"
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except (LogRefusal, witness.Refusal) as refusal:
        return refusal.code
    except audit.NoState:
        return "state"
    return ""


def seeds() -> list[bytes]:
    """Return one good thing for each reader that has a short one."""
    line = "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    head = f"example.com/foo\n3\n{root}\n"
    good = {
        "note": f"This is an example message.\n\n{line}",
        "checkpoint": head,
        "proof": f"{notes.PROOF_HEADER}\nextra QUJD\nindex 1\n{root}\n{root}\n\n{head}\n{line}",
        "verifier": str(KEY),
        "tile_path": "tile/0/x001/234.p/5",
        "submission": f"old 1\n{root}\n\n{head}\n{line}",
        "table": f"{published.FIRST_LINE}\n# programmes: *\n# by: year\n# measure: departures\n# position: 3\n# zones: 2026f\n# checkpoint:\n"
        + "".join(f"# | {one}".rstrip() + "\n" for one in f"{head}\n{line}".splitlines())
        + "year,departures\n2020,3\n",
        "state": json.dumps({"origin": "o", "size": 0, "root": "00", "read": 0, "edge": []}),
    }
    by_name = {reader.__name__: number for number, reader in enumerate(READERS)}
    return [bytes([by_name[name]]) + text.encode() for name, text in good.items()]


def main() -> None:
    import atheris  # type: ignore[import-not-found,unused-ignore]

    for module in (audit, merkle, notes, receipts, tiles, witness, published):
        for name, one in vars(module).items():
            if isinstance(one, FunctionType) and one.__module__ == module.__name__:
                setattr(module, name, atheris.instrument_func(one))
    atheris.Setup(sys.argv, lambda data: read(bytes(data)) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
