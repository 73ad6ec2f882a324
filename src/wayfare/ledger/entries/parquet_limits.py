"""How much of a Parquet file is unpacked at once: a small file may hold gigabytes of text, packed.

A text of a column's dictionary is stored once and stands for any number of cells. Columns whose dictionaries hold a
long text are therefore read as numbers into the dictionary, which are not expanded. What is packed otherwise is
bounded by the size that the file states for each row group.

Only what pyarrow reads with errors that Python can catch is asked for: the metadata of one column of a damaged file
(`RowGroupMetaData.column`) ends the process.
"""

from __future__ import annotations

from typing import Any

from wayfare.ledger.entries.sources import BadFile, Source

LONG = 4_096
"""Bytes of a text beyond which its column is not expanded; the longest field of an entry takes 2,000."""
SMALL_GROUP = 32 << 20
LARGEST_GROUP = 1 << 30
_ROW_BYTES = 1_024
_ROWS = 10_000
_MEND = "no field of an entry is that long: leave the column out, or write what the field takes"


def check_sizes(source: Source, file: Any) -> None:
    """Refuse a file that has to be unpacked to more than its entries take. Raises: BadFile."""
    for column in map(file.schema.column, range(len(file.schema))):
        if column.length > LONG:
            raise BadFile(source.name, f"has cells of {column.length:,} bytes in the column {column.path!r}; {_MEND}")
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        size, rows = group.total_byte_size, group.num_rows
        if size > max(SMALL_GROUP, _ROW_BYTES * rows):
            what = f"unpacks to {size:,} bytes for {rows:,} rows (row group {number + 1})"
            raise BadFile(source.name, f"{what}; an entry is a few hundred: leave out the column of long texts")
        if size > LARGEST_GROUP:
            what = f"unpacks to {size:,} bytes at once (row group {number + 1})"
            raise BadFile(source.name, f"{what}; write it in row groups of 1,000,000 rows")


def long_columns(source: Source, file: Any, texts: Any) -> list[str]:
    """Return the columns whose dictionaries hold a long text. `texts`: the file, its text columns read as dictionaries.

    Raises: BadFile, where the text is an element of a list: no entry has such.
    """
    groups = range(file.metadata.num_row_groups)
    large = [number for number in groups if file.metadata.row_group(number).total_byte_size > LONG]
    found = []
    for column in text_columns(file):
        if not any(_has_long(texts, number, column.path) for number in large):
            continue
        if column.max_repetition_level or column.path.count(".") > 1:
            raise BadFile(source.name, f"has a text of more than {LONG:,} bytes in the column {column.path!r}; {_MEND}")
        found.append(column.path)
    return found


def text_columns(file: Any) -> list[Any]:
    """Return the columns of a file, parts of structs and lists each by itself, that hold texts of any length."""
    columns = map(file.schema.column, range(len(file.schema)))
    return [column for column in columns if column.physical_type == "BYTE_ARRAY"]


def _has_long(texts: Any, group: int, path: str) -> bool:
    """Tell whether the dictionary of a column has a long text in a row group; it stands before the first value."""
    import pyarrow.compute as pc

    for batch in texts.iter_batches(batch_size=_ROWS, row_groups=[group], columns=[path]):
        dictionary = _dictionary(batch.column(0))
        if dictionary is None:
            return False
        if len(dictionary):
            return bool(pc.max(pc.binary_length(dictionary)).as_py() > LONG)
    return False


def _dictionary(array: Any) -> Any:
    """Return the dictionary of the only leaf of an array; None if it is none of texts."""
    import pyarrow as pa

    is_ = pa.types
    while not is_.is_dictionary(array.type):
        if is_.is_struct(array.type):
            (array,) = array.flatten()
        elif is_.is_nested(array.type):
            array = array.items if is_.is_map(array.type) else array.values
        else:
            return None
    text = array.dictionary.type
    return array.dictionary if is_.is_binary(text) or is_.is_string(text) else None
