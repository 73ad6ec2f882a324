"""Who may write what a log publishes: a room above says what a writer has to prove, and to whom.

The application's own password must not be enough, or whoever has it could publish keys and checkpoints of their own.
What a log has published stays: nobody could take them out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import connection, transaction

PROOFS: list[Callable[[], AbstractContextManager[None]]] = []
"""What opens a transaction in which the database takes what a log writes; none: any transaction does."""


@contextmanager
def writing() -> Iterator[None]:
    """Open a transaction that may write a log's tables. Raises: what the proof raises, such as `keys.KeyProblem`."""
    with connection.wrap_database_errors, transaction.atomic():
        if not PROOFS:
            yield
            return
        with PROOFS[-1]():
            yield
