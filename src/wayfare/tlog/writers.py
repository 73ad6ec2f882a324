"""Who may write what a log publishes: a room above says what a writer has to prove, and to whom.

The application's own password must not be enough, or whoever has it could publish keys and checkpoints of their own.
What a log has published stays: nobody could take them out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db import connection, transaction

prove: Callable[[], AbstractContextManager[None]] = nullcontext
"""Shows the database, for the transaction it is called in, that a log may be written; a room above sets it."""


@contextmanager
def writing() -> Iterator[None]:
    """Open a transaction that may write a log's tables. Raises: what `prove` raises, such as `keys.KeyProblem`."""
    with connection.wrap_database_errors, transaction.atomic(), prove():
        yield
