"""Statements on the application's connection with little between: prepared on the server, their parameters ready-made.

For the append's own transaction, whose statements are many and small: a cursor's own work would be half of their
time. Everything else goes through Django's cursors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_AT_ONCE = 1_000
"""Rows in one piece of a copy."""
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()
"""The names of what each connection has prepared, by statement."""


def run(query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run a fixed statement within the transaction under way; return its rows.

    `query` has a `%s` for each parameter, which is sent as text, and holds no value that came from outside. It is
    prepared when a connection first uses it. Raises: psycopg.Error.
    """
    link: psycopg.Connection[Any] = connection.connection
    server = link.pgconn
    if server.transaction_status == TransactionStatus.IDLE and not link.autocommit:
        server.send_query(b"begin")
        _answer(link)
    names = _prepared.setdefault(link, {})
    if (name := names.get(query)) is None:
        name = b"wayfare_%d" % len(names)
        first, *parts = query.split("%s")
        server.send_prepare(name, "".join([first, *(f"${n}{part}" for n, part in enumerate(parts, 1))]).encode())
        _answer(link)
        names[query] = name
    server.send_query_prepared(name, [str(parameter).encode() for parameter in parameters])
    answer = _answer(link)
    reader = Transformer.from_context(link)
    reader.set_pgresult(answer)
    return reader.load_rows(0, answer.ntuples, tuple)


def _answer(link: psycopg.Connection[Any]) -> PGresult:
    answer: PGresult = link.wait(execute(link.pgconn))[-1]
    if answer.status == ExecStatus.FATAL_ERROR:
        raise error_from_result(answer)
    return answer


def copied(query: str, parts: Iterable[bytes]) -> None:
    """Run a fixed `copy … from stdin` with these bytes. Raises: psycopg.Error."""
    left = iter(parts)
    with psycopg.Cursor(connection.connection).copy(query.encode()) as copy:
        while some := b"".join(islice(left, _AT_ONCE)):
            copy.write(some)
