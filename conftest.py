"""Tests run on a real PostgreSQL of their own, made for the session, as the application's role."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

LONG = 60


def pytest_configure() -> None:
    """Hash passwords with little work; `hashed_in_earnest` is for tests whose subject is the hash."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["wayfare.site.tests.hashers.QuickScrypt"]


@pytest.fixture
def hashed_in_earnest(settings) -> None:
    """Hash passwords as the product does."""
    from wayfare.site import settings as ours

    settings.PASSWORD_HASHERS = ours.PASSWORD_HASHERS


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs Spark or SoftHSM where it is not installed; `wayfare test` says so at its end."""
    from wayfare.site.testing import softhsm_is_here, spark_is_here

    if item.get_closest_marker("spark") and not spark_is_here():
        pytest.skip("needs Java and the extra 'spark'")
    if item.get_closest_marker("token") and not softhsm_is_here():
        pytest.skip("needs SoftHSM and the extra 'pkcs11'")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its argument: every worker must find the same names, and signatures are never the same."""
    return argname if isinstance(val, bytes | str) and len(val) > LONG else None


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker) -> None:
    """Bring the session's database up; tests that write stay in transactions that are rolled back."""
    from wayfare.site import runtime
    from wayfare.site.tests import template

    with django_db_blocker.unblock():
        runtime.bring_up()
        template.make_pristine()


def _as_superuser(statement: str) -> None:
    from wayfare.site.tests import template

    with template.superuser() as connection:
        connection.execute(statement)


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A transaction around the tests of a module: what a fixture of the module makes in it is there for each of them.

    Gives a function that lets such a fixture use the database. A test that uses `db` beside it works in a savepoint of
    its own, so that no test sees what another did. Not for a module with tests that use `fresh_database`.
    """
    from django.db import connection, transaction

    whole = transaction.atomic()
    whole._from_testcase = True  # type: ignore[attr-defined] - as Django's own tests: a durable block may begin in it
    with django_db_blocker.unblock():
        whole.__enter__()
    try:
        yield django_db_blocker.unblock
    finally:
        with django_db_blocker.unblock():
            connection.needs_rollback = True
            whole.__exit__(None, None, None)


@pytest.fixture
def fresh_database(django_db_setup, django_db_blocker) -> Iterator[Callable[[str], str]]:
    """A database of the test's own, for what must really commit; gives a function role → connection string."""
    from django.conf import settings
    from django.db import connections

    from wayfare.site import embedded
    from wayfare.site.tests.home import MEMORY, place

    name = f"test_{uuid.uuid4().hex}"
    strategy = "file_copy" if place == str(MEMORY) else "wal_log"  # the first waits for a disk, the second computes
    _as_superuser(f"create database {name} template pristine owner wayfare_owner strategy {strategy}")
    old = {alias: connections.settings[alias]["NAME"] for alias in ("default", "owner")}

    def point_at(names: dict[str, str]) -> None:
        for alias, database in names.items():
            connections[alias].close()
            connections[alias].close_pool()
            connections.settings[alias]["NAME"] = database
            connections[alias].settings_dict["NAME"] = database

    with django_db_blocker.unblock():
        point_at(dict.fromkeys(old, name))
        home = embedded.Home(settings.WAYFARE_HOME)
        try:
            yield lambda role: home.conninfo(role, name)
        finally:
            point_at(old)
            _as_superuser(f"drop database {name} with (force)")
