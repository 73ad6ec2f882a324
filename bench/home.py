"""An installation of a bench's own: brought up in a temporary home, and gone when the bench ends."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SRC = Path(__file__).resolve().parent.parent / "src"


@contextmanager
def installation(kept: Path | None = None) -> Iterator[Path]:
    """Bring up a home, which is a temporary one or `kept`; give a folder for what else the bench writes."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-", ignore_cleanup_errors=True) as temporary:
        os.environ |= {"WAYFARE_HOME": str(kept or Path(temporary) / "home"), "PYTHONPATH": str(SRC)}
        sys.path.insert(0, str(SRC))
        from wayfare.site import runtime

        runtime.set_up_django()
        runtime.bring_up()
        yield Path(temporary)


def owner(statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement as the owner of the tables; return its rows."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall()) if cursor.description else []
