"""A vault of the test's own: a database that commits, a folder of master keys, once in the clear and once in a token."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from wayfare.people.tests import softhsm
from wayfare.people.tests.cast import Colleague


@pytest.fixture(scope="session")
def tokens_folder(tmp_path_factory):
    """A SoftHSM of the session's own, for processes that it starts too."""
    folder = tmp_path_factory.mktemp("softhsm")
    os.environ["SOFTHSM2_CONF"] = str(softhsm.configured(folder))
    return folder


@pytest.fixture(scope="module")
def token(tokens_folder):
    return softhsm.SoftToken(tokens_folder, uuid4().hex[:12])


@pytest.fixture(params=["in-files", pytest.param("in-a-token", marks=(pytest.mark.token, pytest.mark.slow))])
def keys_folder(request, tmp_path, settings):
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    if request.param == "in-a-token":
        request.getfixturevalue("token").set_in(settings)
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
