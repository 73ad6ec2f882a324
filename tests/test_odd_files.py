"""Each odd file has its outcome: a bad cell refuses its row, what cannot be read refuses the file, nothing breaks."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.odd_files import ALL, AT, PARQUET, Odd, returned
from wayfare.ledger import registry
from wayfare.ledger.entries.files import open_sources
from wayfare.ledger.entries.reading import Outlook, chunks, read
from wayfare.ledger.entries.sources import BadFile
from wayfare.ledger.rules import Refused, instant_us

OUTLOOK = Outlook(tuple(registry.kinds.values()), frozenset({"fra"}), instant_us("2026-11-25T00:00:00Z"), {})


def made(folder: Path, suffix: str, odd: Odd) -> Path:
    path = folder / f"odd.{suffix}"
    odd.make(path)
    return path


@pytest.mark.parametrize(("suffix", "odd"), ALL, ids=[f"{suffix}: {odd.name}" for suffix, odd in ALL])
def test_outcome(tmp_path, suffix, odd):
    path = made(tmp_path, suffix, odd)
    if odd.unreadable is not None:
        with pytest.raises(BadFile) as refused, open_sources([str(path)], None):
            pass
        assert odd.unreadable in str(refused.value)
        assert refused.value.name == str(path)
        return
    with open_sources([str(path)], None) as (source,):
        (chunk,) = chunks(source, 0, OUTLOOK)
    refusals = {
        line: (item, orjson.loads(chunk.shown[n]))
        for n, (line, item) in enumerate(zip(chunk.lines, chunk.items, strict=True))
        if isinstance(item, Refused)
    }
    assert {line: item.field for line, (item, _) in refusals.items()} == {line: field for line, field, _ in odd.refused}
    for line, _, words in odd.refused:
        item, shown = refusals[line]
        assert words in item.reason
        assert shown is not None, "what was refused is shown"
    assert len(chunk.items) - len(refusals) == odd.accepted


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change some bytes, half of the time near the end, where Parquet keeps its schema."""
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5])):
        near_the_end = len(found) - 1 - chance.randrange(min(600, len(found)))
        at = chance.choice([near_the_end, chance.randrange(len(found))])
        found[at : at + chance.randrange(1, 4)] = chance.randbytes(chance.randrange(1, 4))
    return bytes(found)


@pytest.mark.parametrize("rounds", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path, rounds):
    """The control: without any guard pyarrow's own exceptions come out."""
    import pyarrow.parquet as pq

    chance, path, unguarded = random.Random(rounds), tmp_path / "a.parquet", 0
    good = [made(tmp_path, "parquet", odd).read_bytes() for odd in PARQUET if odd.unreadable is None]
    for _ in range(rounds):
        path.write_bytes(damaged(chance.choice(good), chance))
        try:
            with open_sources([str(path)], None) as (source,):
                for chunk in chunks(source, 0, OUTLOOK):
                    assert len(chunk.items) == len(chunk.lines)
        except BadFile:
            pass
        try:
            pq.read_table(path).to_pylist()
        except Exception:  # noqa: BLE001 - that is the point
            unguarded += 1
    assert unguarded > rounds / 3


def test_a_page_whose_checksum_is_wrong_is_not_read(tmp_path):
    """Spark and others write a checksum for each page: what has changed since is no entry. The control reads it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, table = tmp_path / "a.parquet", pa.Table.from_pylist([returned(n) for n in range(5)])
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    for checksum in (True, False):
        pq.write_table(table, path, write_page_checksum=checksum, **plain)
        path.write_bytes(path.read_bytes().replace(AT.encode(), b"2023" + AT[4:].encode(), 1))
        if checksum:
            with pytest.raises(BadFile, match="CRC checksum"), open_sources([str(path)], None):
                pass
        else:
            with open_sources([str(path)], None) as (source,):
                assert "2023" in str(next(read(source))[0].value)


PEAK = r"""
import re, sys
from wayfare.site import runtime
runtime.set_up_django()
from wayfare.ledger.entries.files import open_sources
from wayfare.ledger.entries.reading import chunks
from tests.test_odd_files import OUTLOOK
with open_sources([sys.argv[1]], None) as (source,):
    print(sum(len(chunk.items) for chunk in chunks(source, 0, OUTLOOK)))
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""
EXPANDED = r"""
import re, sys
import pyarrow.parquet as pq
print(sum(batch.num_rows for batch in pq.ParquetFile(sys.argv[1]).iter_batches(batch_size=2_500)))
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""
MOST_MEMORY = 120 << 10
"""KiB that a file may take beyond what one of three entries does."""


def rows_and_peak(program: str, path: Path) -> tuple[int, int]:
    """Return how many rows a program of its own reads in a file, and the KiB it takes at most."""
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def test_a_text_that_stands_in_many_cells_is_not_expanded(tmp_path):
    """A file of a quarter of a megabyte would take half a gigabyte. The controls: a small file; and the same one, expanded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    small, large = tmp_path / "small.parquet", tmp_path / "large.parquet"
    for path, number in ((small, 3), (large, 2_500)):
        rows = pa.Table.from_pylist([returned(n) for n in range(number)])
        text = pa.DictionaryArray.from_arrays(pa.array([0] * number), ["x" * (200_000 if path == large else 4)])
        pq.write_table(rows.append_column("place", text), path, compression="zstd", store_schema=False)
    assert large.stat().st_size < 1 << 20
    expected, least = rows_and_peak(PEAK, small)
    assert expected == 3
    read_rows, peak = rows_and_peak(PEAK, large)
    assert read_rows == 2_500
    assert peak - least < MOST_MEMORY
    assert rows_and_peak(EXPANDED, large)[1] - least > 2 * MOST_MEMORY


def test_the_rest_of_a_large_file_gets_in(tmp_path):
    """Row 31,000 of 60,000 holds a day beyond the calendar; it alone is refused."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tests.odd_files import corrected, days

    rows = [corrected(n) for n in range(60_000)]
    table = pa.Table.from_pylist(rows)
    births = days([2**31 - 1 if n == 30_999 else 8_000 for n in range(60_000)])
    path = tmp_path / "a.parquet"
    pq.write_table(table.append_column("facts.birth_date", births), path)
    with open_sources([str(path)], None) as (source,):
        found = list(chunks(source, 0, OUTLOOK))
    refused = [
        (line, item)
        for chunk in found
        for line, item in zip(chunk.lines, chunk.items, strict=True)
        if isinstance(item, Refused)
    ]
    assert [(line, item.field, item.entry_id) for line, item in refused] == [
        (31_000, "facts.birth_date", rows[30_999]["entry_id"])
    ]
    assert sum(len(chunk.items) for chunk in found) == 60_000


def test_values_of_typed_cells_are_those_of_text(tmp_path):
    """An instant keeps its digits and its offset; a zone that is not known is read as UTC, a day as a day."""
    by_name = {odd.name: odd for odd in PARQUET}

    def instants(name: str) -> list[str]:
        with open_sources([str(made(tmp_path, "parquet", by_name[name]))], None) as (source,):
            return [one.value["occurred_at"] for one, _ in read(source) if isinstance(one.value, dict)]

    assert instants("a zone that nobody knows") == ["2024-03-01T10:00:00+00:00", "2024-03-01T10:00:00.000001+00:00"]
    assert instants("an offset as zone") == ["2024-03-01T15:45:00+05:45"] * 2
    assert instants("digits finer than a microsecond")[0] == "2024-03-01T10:00:00.000000001+00:00"
    assert instants("timestamp without zone by DuckDB") == ["2024-03-01T10:00:00"] * 2


def test_the_control_pyarrow_alone_breaks_on_these_cells(tmp_path):
    """What the readers guard against is real: whole batches cannot be turned into Python's values."""
    import pyarrow.parquet as pq

    for odd in PARQUET:
        if odd.name in ("date infinity by DuckDB", "text that is not UTF-8", "a zone that nobody knows"):
            path = made(tmp_path, "parquet", odd)
            with pytest.raises(Exception, match=r"\w"):
                pq.read_table(path).to_pylist()
