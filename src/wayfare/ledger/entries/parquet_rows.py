"""Entries from Parquet: a column a field. A cell that Python has no value for refuses its row, not the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache, partial
from re import ASCII, fullmatch
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from wayfare.ledger.entries.fields import is_uuid
from wayfare.ledger.entries.parquet_limits import check_sizes, long_columns, text_columns
from wayfare.ledger.entries.parsing import LINE_LIMIT
from wayfare.ledger.entries.sources import BadFile, Read, Source, first_line, open_bytes
from wayfare.ledger.entries.tables import ASIDE, of_text, one_name_each, shapes, unfold
from wayfare.ledger.rules import Refused

ROWS = 1_000
"""Rows that are turned into Python's values at once."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - whether it has a zone is the column's matter
_EPOCH_DAY = _EPOCH.toordinal()
_IN_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_BEYOND = "is outside the calendar, years 1 to 9999 (infinity, or a bad export); leave it empty when not known"


class _Unreadable(NamedTuple):
    """Stands for a cell that cannot be read."""

    problem: str
    raw: object = None
    """What is stored, as far as it can be shown."""


def open_parquet(source: Source) -> Any:
    """Open a Parquet file. Raises: BadFile, with the mend."""
    open_bytes(source).close()
    try:
        table = _opened(source)
        _ = list(_flat(table.schema_arrow))
    except Exception as problem:  # noqa: BLE001 - whatever the library says, it says of the file
        what = f"is not a Parquet file that can be read ({first_line(problem)}); write it again"
        raise BadFile(source.name, what) from None
    check_sizes(source, table)
    try:
        texts = _opened(source, [column.path for column in text_columns(table)])
        found = long_columns(source, table, texts)
    except BadFile:
        raise
    except Exception as problem:  # noqa: BLE001
        raise broken_inside(source, problem) from None
    return _opened(source, found) if found else table


def broken_inside(source: Source, problem: Exception) -> BadFile:
    """Return the refusal of a file of which the library cannot read a part."""
    return BadFile(source.name, f"is broken inside ({first_line(problem)}); write it again")


def _opened(source: Source, dictionaries: Sequence[str] = ()) -> Any:
    """Return an open file, whose columns `dictionaries` are read as numbers into a dictionary of texts."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        source.path, memory_map=False, page_checksum_verification=True, read_dictionary=[*dictionaries]
    )


def _flat(fields: Any) -> Iterator[tuple[str, Any]]:
    """Yield the columns with their types; the parts of a struct are columns, such as `facts.sex`."""
    import pyarrow as pa

    for field in fields:
        if pa.types.is_struct(field.type):
            yield from ((f"{field.name}.{part.name}", part.type) for part in field.type)
        else:
            yield field.name, field.type


def parquet_columns(source: Source, table: Any) -> list[str]:
    """Return the names of an open file's columns. Raises: BadFile, when one stands twice."""
    columns = [name for name, _ in _flat(table.schema_arrow)]
    one_name_each(source, columns)
    return columns


@cache
def _zone(name: str) -> tzinfo:
    """Return a zone by name or offset; UTC for one that is not known, since what is stored is an instant."""
    if offset := fullmatch(r"([+-])(\d\d):?(\d\d)", name, ASCII):
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes)) if minutes < 1440 else UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def _zone_of(type_: Any) -> tzinfo | None:
    try:
        name = type_.tz
    except UnicodeDecodeError:
        return UTC
    return None if name is None else _zone(name)


def _moment(per_second: int, zone: tzinfo | None, stored: int | None) -> str | _Unreadable | None:
    """Return a timestamp as RFC 3339 writes it, with its offset if the column has a zone."""
    if stored is None:
        return None
    seconds, rest = divmod(stored, per_second)
    try:
        at = _EPOCH + timedelta(seconds=seconds)
        if zone is not None:
            at = at.replace(tzinfo=UTC).astimezone(zone)
            if len(at.isoformat(timespec="seconds")) > 25:  # an offset with seconds, which RFC 3339 cannot write
                at = at.astimezone(UTC)
    except OverflowError:
        return _Unreadable(_BEYOND, stored)
    text = at.isoformat(timespec="seconds")
    digits = f"{rest * (10**9 // per_second):09}" if rest else ""
    return f"{text[:19]}.{digits.removesuffix('000')}{text[19:]}" if rest else text


def _day(per_day: int, stored: int | None) -> str | _Unreadable | None:
    if stored is None:
        return None
    try:
        return date.fromordinal(_EPOCH_DAY + stored // per_day).isoformat()
    except (OverflowError, ValueError):
        return _Unreadable(_BEYOND, stored)


def _one(cell: Any) -> object:
    """Return a cell's value, or why there is none."""
    try:
        return cell.as_py()
    except UnicodeDecodeError as problem:
        return _Unreadable("is not UTF-8 text; export it as UTF-8", problem.object.decode(errors="backslashreplace"))
    except Exception as problem:  # noqa: BLE001 - whatever the library says, it says of this cell
        return _Unreadable(f"cannot be read ({first_line(problem)}); write it as text")


def _of_value(shape: str | None, value: Any) -> Any:
    """Return what a typed cell says in a column of a shape."""
    match value:
        case str():
            return of_text(shape, value)
        case bytes() if len(value) == 16 and shape == "id":
            return str(UUID(bytes=value))
        case bytes():
            try:
                return of_text(shape, value.decode())
            except UnicodeDecodeError:
                return _Unreadable("is not UTF-8 text; export it as UTF-8", value.decode(errors="backslashreplace"))
        case UUID():
            return str(value)
        case float() | Decimal() if shape == "number" and value == value // 1:
            return int(value)
        case list() if shape == "list":
            return [_of_element(one) for one in value]
        case datetime() | date():
            return value.isoformat()
    return value


def _of_element(value: Any) -> Any:
    match value:
        case bytes() if len(value) == 16:
            return str(UUID(bytes=value))
        case UUID():
            return str(value)
    return value


_TOO_LONG = _Unreadable(f"is longer than {LINE_LIMIT:,} bytes; an entry is a few hundred")


def _texts(array: Any) -> list[object]:
    import pyarrow as pa

    is_ = pa.types
    if is_.is_string(array.type) or is_.is_binary(array.type) or is_.is_large_string(array.type):
        return _short_texts(array)
    return _read_each(array)


def _short_texts(array: Any) -> list[object]:
    """Return the texts of a column; of one that is longer than a line may be, only that it is."""
    import pyarrow.compute as pc

    if (pc.max(pc.binary_length(array)).as_py() or 0) <= LINE_LIMIT:
        return _read_each(array)
    lengths = pc.binary_length(array).to_pylist()
    return [_TOO_LONG if length and length > LINE_LIMIT else _one(array[n]) for n, length in enumerate(lengths)]


def _read_each(array: Any) -> list[object]:
    try:
        return list(array.to_pylist())
    except Exception:  # noqa: BLE001 - one cell at least; they are read one by one
        return [_one(cell) for cell in array]


def _values(array: Any) -> list[Any]:
    """Return the values of a column as they are stored, moments and days as text."""
    import pyarrow as pa

    is_ = pa.types
    if is_.is_timestamp(array.type):
        read: Callable[[int | None], object] = partial(_moment, _IN_A_SECOND[array.type.unit], _zone_of(array.type))
        return list(map(read, array.view(pa.int64()).to_pylist()))
    if is_.is_date32(array.type):
        return list(map(partial(_day, 1), array.view(pa.int32()).to_pylist()))
    if is_.is_date64(array.type):
        return list(map(partial(_day, 86_400_000), array.view(pa.int64()).to_pylist()))
    if is_.is_dictionary(array.type):
        return _of_dictionary(array)
    return _texts(array)


def _of_dictionary(array: Any) -> list[Any]:
    """Return the values of a column that is read as a dictionary: each is made once, however many cells it is of."""
    used = array.indices.drop_null().unique()
    known = dict(zip(used.to_pylist(), _values(array.dictionary.take(used)), strict=True))
    return [None if index is None else known[index] for index in array.indices.to_pylist()]


def _columns(batch: Any) -> Iterator[Any]:
    import pyarrow as pa

    for column in batch.columns:
        if pa.types.is_struct(column.type):
            yield from column.flatten()
        else:
            yield column


def read_parquet(table: Any) -> Iterator[Read]:
    """Yield the rows of an open file whose columns have one name each."""
    names = [name for name, _ in _flat(table.schema_arrow)]
    known = shapes()
    kept = [name for name in names if name not in ASIDE]
    number = 0
    for batch in table.iter_batches(batch_size=ROWS):
        arrays = zip(names, _columns(batch), strict=True)
        columns = [_values(array) for name, array in arrays if name not in ASIDE]
        for row in zip(*columns, strict=True):
            number += 1
            filled = {
                name: value if isinstance(value, _Unreadable) else _of_value(known.get(name), value)
                for name, value in zip(kept, row, strict=True)
                if value is not None and (value not in ("", b"") or known.get(name) == "list")
            }
            yield _row(number, filled, names)


def _row(number: int, filled: dict[str, Any], names: list[str]) -> Read:
    for name, value in filled.items():
        if isinstance(value, _Unreadable):
            shown = {one: cell.raw if isinstance(cell, _Unreadable) else cell for one, cell in filled.items()}
            return Read(number, Refused(name[:100], value.problem, _entry_id(filled)), cells=shown)
    try:
        return Read(number, unfold(filled, names))
    except Refused as refusal:
        return Read(number, Refused(refusal.field, refusal.reason, _entry_id(filled)), cells=filled)


def _entry_id(filled: dict[str, Any]) -> str | None:
    given = filled.get("entry_id")
    return given.lower() if isinstance(given, str) and is_uuid(given) else None
