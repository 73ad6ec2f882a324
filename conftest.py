"""Tests run on a real PostgreSQL of their own, made for the session, as the application's role."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_folder = tempfile.TemporaryDirectory(prefix="wayfare-test-")
os.environ["WAYFARE_HOME"] = str(Path(_folder.name) / "home")
os.environ.setdefault("WAYFARE_SHARED_BUFFERS", "128MB")
os.environ.pop("DATABASE_URL", None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Bring the session's database up; tests that write stay in transactions that are rolled back."""
    from wayfare.site import runtime

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        runtime.bring_up()
    yield
