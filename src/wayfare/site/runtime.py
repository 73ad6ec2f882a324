"""Bringing the installation up for one command: database, Django, migrations."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, TYPE_CHECKING, Any

from wayfare.site import embedded, external, homes

if TYPE_CHECKING:
    from django.db.migrations.loader import MigrationLoader

_MIGRATIONS_LOCK = 0x57415947
_held: list[IO[bytes]] = []


def set_up_django() -> None:
    """Load the settings and the rooms; touches no database. Raises: SettingError."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wayfare.site.settings")
    import django

    django.setup()


def _use_external(settings: Any) -> None:
    """Look at the operator's own PostgreSQL, and use the application's role there where there is one."""
    mark = settings.WAYFARE_HOME / "keys" / "database-roles-apart"
    external.look_at(settings.DATABASES["owner"])
    if mark.exists():
        external.can_use(settings.DATABASES["default"], mark.parent)
        return

    def password_of(name: str) -> str:
        return str(homes.kept_secret(settings.WAYFARE_HOME, name))

    login = external.give_roles(settings.DATABASES["owner"], mark.parent, password_of)
    if login is not None:
        mark.touch(mode=0o600)
        settings.DATABASES["default"].update(login)


def _refuse_replaced(loader: MigrationLoader) -> None:
    """Refuse a database whose migrations this version does not have, before anything is changed. Raises: DatabaseUnfit.

    Django passes over them: it would migrate the rest, and leave a database that no version can use.
    """
    unknown = sorted(f"{room}.{name}" for room, name in set(loader.applied_migrations) - set(loader.disk_migrations))
    if unknown:
        raise external.DatabaseUnfit(
            f"the database was made by another version of Wayfare: this one does not have {', '.join(unknown)}. Nothing"
            " was changed. Go on with the version that made it, or export its ledger with that version"
            " (wayfare ledger export, wayfare programme list --json) and import it into a new home"
        )


def apply_sql(cursor: Any) -> None:
    """Make functions, policies, triggers and grants what the files say, when no append is under way."""
    from wayfare.common.postgres import sql
    from wayfare.ledger.operations import LOCK

    cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    sql.apply(cursor)


def migrate() -> None:
    """Bring the schema up to date, as owner, one command at a time, and hang the door; quick when nothing is to do.

    Raises: DatabaseUnfit.
    """
    from django.core.management import call_command
    from django.db import connections, transaction
    from django.db.migrations.executor import MigrationExecutor

    from wayfare.access import door, listed
    from wayfare.common.postgres import sql

    owner = connections["owner"]
    try:
        executor = MigrationExecutor(owner)
        _refuse_replaced(executor.loader)
        with owner.cursor() as cursor:
            if executor.migration_plan(executor.loader.graph.leaf_nodes()) or not sql.is_current(cursor):
                cursor.execute("select pg_advisory_lock(%s)", [_MIGRATIONS_LOCK])
                try:
                    call_command("migrate", database="owner", verbosity=0, interactive=False)
                    if not sql.is_current(cursor):
                        with transaction.atomic(using="owner"):
                            apply_sql(cursor)
                finally:
                    cursor.execute("select pg_advisory_unlock(%s)", [_MIGRATIONS_LOCK])
            with transaction.atomic(using="owner"):
                listed.agree(cursor)
            door.hang(cursor)
    finally:
        owner.close()
        owner.close_pool()  # type: ignore[attr-defined]


def _read_again(settings: Any) -> None:
    """Take up the secrets of a home that was made after the settings were read; connections keep their dictionaries."""
    databases = settings.DATABASES
    importlib.reload(settings)
    for alias, database in settings.DATABASES.items():
        databases[alias].update(database)
    settings.DATABASES = databases
    from django.conf import settings as loaded

    if loaded.configured:
        loaded.SECRET_KEY = settings.SECRET_KEY


def _silently(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def bring_up(stage: Callable[[str], AbstractContextManager[None]] = _silently) -> None:
    """Make the home if there is none, start the embedded server if it is ours to start, load Django, migrate.

    `stage` is entered with the name of each step (`progress.told` prints them).
    The server stays up for as long as this process lives. Raises: SettingError, EmbeddedError,
    DatabaseUnfit, django.db.OperationalError.
    """
    from wayfare.site import settings

    if homes.make(settings.WAYFARE_HOME, settings.EMBEDDED):
        _read_again(settings)
    if settings.EMBEDDED and not _held:
        with stage("starting the database"):
            _held.append(embedded.use(settings.WAYFARE_HOME))
    elif not settings.EMBEDDED:
        with stage("connecting to the database"):
            _use_external(settings)
    set_up_django()
    with stage("checking the database's tables"):
        migrate()
