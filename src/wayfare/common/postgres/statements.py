"""Statements on the application's connection with little between: prepared on the server, their parameters ready-made.

For the append's own transaction, whose statements are many and small: a cursor's own work would be half of their
time. Everything else goes through Django's cursors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.generators import execute, fetch_many, send
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

_AT_ONCE = 1_000
"""Rows in one piece of a copy."""
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()
"""The names of what each connection has prepared, by statement."""


def run(query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Run a fixed statement within the transaction under way; return its rows.

    `query` has a `%s` for each parameter, and holds no value that came from outside. It is prepared when a connection
    first uses it. A parameter is sent as text, one of type bytes as the binary form of what it is to be. Raises:
    psycopg.Error.
    """
    return _run(_begun(), query, parameters)


def _run(link: psycopg.Connection[Any], query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    _send(link, _name(link, query), parameters)
    return _rows(link, _answer(link))


def _begun() -> psycopg.Connection[Any]:
    link: psycopg.Connection[Any] = connection.connection
    if link.pgconn.transaction_status == TransactionStatus.IDLE and not link.autocommit:
        link.pgconn.send_query(b"begin")
        _answer(link)
    return link


def _send(link: psycopg.Connection[Any], name: bytes, parameters: Sequence[object]) -> None:
    sent = [one if isinstance(one, bytes) else str(one).encode() for one in parameters]
    link.pgconn.send_query_prepared(name, sent, [int(isinstance(one, bytes)) for one in parameters])


def _name(link: psycopg.Connection[Any], query: str) -> bytes:
    """Return the name under which a connection has a statement prepared."""
    names = _prepared.setdefault(link, {})
    if (name := names.get(query)) is None:
        name = b"wayfare_%d" % len(names)
        first, *parts = query.split("%s")
        text = "".join([first, *(f"${n}{part}" for n, part in enumerate(parts, 1))])
        link.pgconn.send_prepare(name, text.encode())
        _answer(link)
        names[query] = name
    return name


def _rows(link: psycopg.Connection[Any], answer: PGresult) -> list[tuple[Any, ...]]:
    reader = Transformer.from_context(link)
    reader.set_pgresult(answer)
    return reader.load_rows(0, answer.ntuples, tuple)


def _answer(link: psycopg.Connection[Any]) -> PGresult:
    return _good(link.wait(execute(link.pgconn))[-1])


def _good(answer: PGresult) -> PGresult:
    if answer.status == ExecStatus.FATAL_ERROR:
        raise error_from_result(answer)
    return answer


Statement = tuple[str, Sequence[object]]
"""A fixed statement and its parameters, as `run` takes them."""
_BEGIN, _COMMIT = ("begin", ()), ("commit", ())
_SHARED: Statement = ("set local synchronous_commit = off", ())
_ON_DISK: Statement = ("select pg_logical_emit_message(true, 'wayfare', '')", ())
"""A transaction of nothing but its commit, which is on disk only after all that was committed before it."""


@contextmanager
def in_one_trip(*statements: Statement) -> Iterator[list[list[tuple[Any, ...]]]]:
    """Run a transaction of its own, all of it sent at once; give each statement's rows while the server commits.

    What is done within is done while the disk writes, and must be told to nobody before the end: there it is waited for
    that the commit is on disk. That is written by a transaction after this one, which holds no lock any more, so that
    many who come at once share a write of the disk. If a statement fails, nothing is kept, and what is within is not
    begun; if that fails, the transaction stands. Not within a transaction. Raises: psycopg.Error.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    link: psycopg.Connection[Any] = connection.connection
    if not link.autocommit or link.pgconn.transaction_status != TransactionStatus.IDLE:
        raise RuntimeError("a transaction is under way: what comes in one trip is one of its own")
    with _closed_if_broken_off(link):
        answers = _all_sent(link, [_BEGIN, _SHARED, *statements], [_COMMIT, _ON_DISK])
    try:
        yield [_rows(link, _good(answer)) for answer in answers][2:]
    finally:
        with _closed_if_broken_off(link):
            committed = _answers(link, 2)
            link.pgconn.exit_pipeline_mode()
        for answer in committed:
            _good(answer)


@contextmanager
def _closed_if_broken_off(link: psycopg.Connection[Any]) -> Iterator[None]:
    """Close a connection on which answers may be left that nobody waits for."""
    try:
        yield
    except BaseException:
        link.close()
        connection.close()
        raise


def _all_sent(link: psycopg.Connection[Any], *parts: Sequence[Statement]) -> list[PGresult]:
    """Send all the statements and return the answers to those of the first part; the others' are left to be read.

    The server answers at each part's end, and after a failure skips what is left of the part.
    """
    server = link.pgconn
    ready = [[(_name(link, query), given) for query, given in part] for part in parts]
    server.enter_pipeline_mode()
    for part in ready:
        for name, parameters in part:
            _send(link, name, parameters)
        server.pipeline_sync()
    link.wait(send(server))
    return _answers(link, len(parts[0]))


def _answers(link: psycopg.Connection[Any], number: int) -> list[PGresult]:
    """Return the answers to a part of so many statements, the last of which is followed by the part's end."""
    return [link.wait(fetch_many(link.pgconn))[-1] for _ in range(number + 1)][:-1]


class Ahead:
    """Statements that are sent before the one before them is waited for; see `ahead`."""

    def __init__(self, link: psycopg.Connection[Any]) -> None:
        self._link, self._waiting = link, False

    def send(self, query: str, parameters: Sequence[object]) -> None:
        """Send a statement as `run` does, once the one before it is done, and do not wait. Raises: psycopg.Error."""
        self.wait()
        _send(self._link, _name(self._link, query), parameters)
        self._waiting = True
        self._link.wait(send(self._link.pgconn))

    def run(self, query: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """Run a statement after those that were sent; return its rows. Raises: psycopg.Error."""
        self.wait()
        return _run(self._link, query, parameters)

    def wait(self) -> None:
        """Wait until what was sent is done. Raises: psycopg.Error."""
        if self._waiting:
            self._waiting = False
            _answer(self._link)


@contextmanager
def ahead() -> Iterator[Ahead]:
    """Give a way to send statements and not to wait for them.

    What comes next is done while the server works on one. Each waits for the one before it, the end for the last; until
    then the connection is used for nothing else. Within a transaction. Raises, also from its methods: psycopg.Error.
    """
    queue = Ahead(_begun())
    try:
        yield queue
    except BaseException:
        with suppress(psycopg.Error):
            queue.wait()
        raise
    queue.wait()


def copied(query: str, parts: Iterable[bytes]) -> None:
    """Run a fixed `copy … from stdin` with these bytes. Raises: psycopg.Error."""
    left = iter(parts)
    with psycopg.Cursor(connection.connection).copy(query.encode()) as copy:
        while some := b"".join(islice(left, _AT_ONCE)):
            copy.write(some)
