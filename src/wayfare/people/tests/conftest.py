"""A vault of the test's own: a database that commits, a folder of master keys."""

from __future__ import annotations

import pytest

from wayfare.people.tests.cast import Colleague


@pytest.fixture
def keys_folder(tmp_path, settings):
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    return settings.PEOPLE_KEYS


@pytest.fixture
def vault(fresh_database, keys_folder):
    """Gives a function role → connection string."""
    return fresh_database


@pytest.fixture
def counsellor(vault):
    return Colleague("paris", "counsellor")


@pytest.fixture
def supervisor(vault):
    return Colleague("paris", "supervisor")
