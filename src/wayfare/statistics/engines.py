"""Where the engines differ, in one place: how each is started, reads the columnar copy, and writes an id.

An id is 16 bytes on every engine (DuckDB's UUID, Spark's binary). Both compare bytes from the left without a sign,
which is the order of the id's lower-case text.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
from django.conf import settings

from wayfare.ledger.rules import Refused
from wayfare.statistics.columns import SCHEMA

ENGINES = ("duckdb", "spark")


def _builtin(name: str, takes: dt.DataType, gives: dt.DataType) -> Any:
    """Return a function of the engine's own that Ibis has no word for."""

    def call(value: Any) -> Any: ...

    call.__annotations__ = {"value": takes, "return": gives}
    return ibis.udf.scalar.builtin(call, name=name)


_hex = _builtin("hex", dt.binary, dt.string)
_unhex = _builtin("unhex", dt.string, dt.binary)


class DuckDB:
    """One machine: as many threads as it has cores, memory within a limit, the rest spilled to disk.

    Joins are made as they are written, the lesser side on the right. DuckDB would choose by how many rows it expects,
    and of what a filter or an anti-join leaves it expects a fifth each time, where here it is nearly all.
    """

    def __init__(self, memory: str = "6GB") -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="wayfare-duckdb-")
        self.backend = ibis.duckdb.connect(memory_limit=memory, temp_directory=self._spill.name)
        self.backend.raw_sql("set preserve_insertion_order = false")
        self.backend.raw_sql("set disabled_optimizers = 'join_order,build_side_probe_side'")

    def entries(self, paths: Sequence[Path]) -> ibis.Table:
        """Return the entries that some files of the columnar copy hold."""
        if not paths:
            name = ibis.util.gen_name("nothing")
            columns = ", ".join(f'"{column}" {type_}' for column, type_ in SCHEMA.items())
            self.backend.raw_sql(f"create temp table {name} ({columns})")
            return self.backend.table(name)
        return self.backend.read_parquet([str(path) for path in paths])

    def table(self, rows: pa.Table) -> ibis.Table:
        """Return a small table from Arrow."""
        name = ibis.util.gen_name("rows")
        self.backend.con.register(name, rows)
        return self.backend.table(name)

    def keep(self, table: ibis.Table) -> ibis.Table:
        """Work a table out once, for all who read it; it lives as long as the engine."""
        return self.backend.create_table(ibis.util.gen_name("kept"), table, temp=True)

    def id(self, text: Any) -> Any:
        """Return a column of ids from a column of their text."""
        return text.cast("uuid")

    def text(self, id_: Any) -> Any:
        """Return a column of lower-case texts from a column of ids."""
        return id_.cast("string")


_PIECES_A_CORE = 4
"""Into how many pieces Spark shuffles for each core: its own 200 are far too many for one machine, too few for 400."""


class Spark:
    """As many machines as its master has; the same expressions, the same bytes."""

    def __init__(self) -> None:
        try:
            from py4j.protocol import Py4JError
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession
        except ImportError:
            raise Refused("engine", "spark is not installed; install the extra `wayfare[spark]` and Java") from None
        builder = SparkSession.builder.master(settings.SPARK_MASTER).appName("wayfare")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.executorEnv.PYTHONTZPATH": "",
            "spark.driver.memory": settings.SPARK_MEMORY,
            "spark.sql.execution.arrow.pyspark.enabled": "true",
        }.items():
            builder = builder.config(name, value)
        try:
            self.session = builder.getOrCreate()
        except (PySparkException, Py4JError, OSError) as problem:
            raise Refused("engine", f"spark does not start ({problem}); is Java 17 there, or JAVA_HOME set?") from None
        atexit.register(self.session.stop)
        self.session.sparkContext.setLogLevel("ERROR")
        pieces = _PIECES_A_CORE * self.session.sparkContext.defaultParallelism
        self.session.conf.set("spark.sql.shuffle.partitions", str(pieces))
        self.backend = ibis.pyspark.connect(self.session)
        self._kept: list[ibis.Table] = []

    def entries(self, paths: Sequence[Path]) -> ibis.Table:
        """Return the entries that some files of the columnar copy hold."""
        types = {"uuid": "binary", "varchar": "string", "integer": "int"}
        schema = ", ".join(f"`{name}` {types.get(type_, type_)}" for name, type_ in SCHEMA.items())
        reader = self.session.read.schema(schema)
        return self._view(reader.parquet(*map(str, paths)) if paths else self.session.createDataFrame([], schema))

    def _view(self, frame: Any) -> ibis.Table:
        name = ibis.util.gen_name("view")
        frame.createOrReplaceTempView(name)
        return self.backend.table(name)

    def table(self, rows: pa.Table) -> ibis.Table:
        """Return a small table from Arrow."""
        return self._view(self.session.createDataFrame(rows))

    def keep(self, table: ibis.Table) -> ibis.Table:
        """Work a table out once, for all who read it; it lives as long as the engine."""
        self._kept.append(table.cache())
        return self._kept[-1]

    def id(self, text: Any) -> Any:
        """Return a column of ids from a column of their text."""
        return _unhex(text.replace("-", ""))

    def text(self, id_: Any) -> Any:
        """Return a column of lower-case texts from a column of ids."""
        digits = _hex(id_).lower()
        parts = [digits.substr(start, length) for start, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))]
        return parts[0].concat("-", parts[1], "-", parts[2], "-", parts[3], "-", parts[4])


Engine = DuckDB | Spark


def engine(name: str) -> Engine:
    """Start an engine by name. Raises: Refused, when it is not installed here or does not start."""
    return DuckDB() if name == "duckdb" else Spark()


def texts(engine_: Engine, table: ibis.Table, ids: Iterable[str]) -> ibis.Table:
    """Return a table with some of its id columns as text."""
    return table.mutate(**{name: engine_.text(table[name]) for name in ids})
