"""Bringing the installation up for one command: database, Django, migrations."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

import psycopg

from wayfare.site import embedded

_MIGRATIONS_LOCK = 0x57415947
_held: list[IO[bytes]] = []


def set_up_django() -> None:
    """Load the settings and the rooms; touches no database. Raises: SettingError."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wayfare.site.settings")
    import django

    django.setup()


def _roles_apart(settings: Any) -> None:
    """On a server of the operator's own, make the application's role if we may, and use it from the next start."""
    mark = settings.WAYFARE_HOME / "keys" / "database-roles-apart"
    if mark.exists():
        return
    owner = settings.DATABASES["owner"]
    tls = {name: value for name, value in owner["OPTIONS"].items() if name.startswith("ssl")}
    with psycopg.connect(
        host=owner["HOST"] or None,
        port=owner["PORT"] or None,
        user=owner["USER"] or None,
        password=owner["PASSWORD"] or None,
        dbname=owner["NAME"],
        autocommit=True,
        **tls,
    ) as connection:
        may = connection.execute(
            "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
        ).fetchone()
        if not may or not may[0]:
            return
        roles = ("wayfare_app", "wayfare_reader")
        passwords = {role: settings.kept_secret(settings.WAYFARE_HOME, f"database-{role}") for role in roles}
        try:
            embedded.make_roles(connection, passwords)
            psycopg.connect(
                host=owner["HOST"] or None,
                port=owner["PORT"] or None,
                user="wayfare_app",
                password=passwords["wayfare_app"],
                dbname=owner["NAME"],
                **tls,
            ).close()
        except psycopg.Error:
            return
    mark.touch(mode=0o600)
    settings.DATABASES["default"].update(USER="wayfare_app", PASSWORD=passwords["wayfare_app"])


def migrate() -> None:
    """Bring the schema up to date, as owner, one command at a time, and hang the door; quick when nothing is to do."""
    from django.core.management import call_command
    from django.db import connections, transaction
    from django.db.migrations.executor import MigrationExecutor

    from wayfare.access import door
    from wayfare.site import sql

    owner = connections["owner"]
    try:
        executor = MigrationExecutor(owner)
        with owner.cursor() as cursor:
            if executor.migration_plan(executor.loader.graph.leaf_nodes()) or not sql.is_current(cursor):
                cursor.execute("select pg_advisory_lock(%s)", [_MIGRATIONS_LOCK])
                try:
                    call_command("migrate", database="owner", verbosity=0, interactive=False)
                    if not sql.is_current(cursor):
                        with transaction.atomic(using="owner"):
                            sql.apply(cursor)
                finally:
                    cursor.execute("select pg_advisory_unlock(%s)", [_MIGRATIONS_LOCK])
            door.hang(cursor)
    finally:
        owner.close()
        owner.close_pool()  # type: ignore[attr-defined]


def _silently(_: str) -> AbstractContextManager[None]:
    return nullcontext()


def bring_up(stage: Callable[[str], AbstractContextManager[None]] = _silently) -> None:
    """Start the embedded server if it is ours to start, load Django, migrate.

    `stage` is entered with the name of each step (`progress.told` prints them).
    The server stays up for as long as this process lives. Raises: SettingError, EmbeddedError,
    django.db.OperationalError.
    """
    from wayfare.site import settings

    if settings.EMBEDDED and not _held:
        with stage("starting the database"):
            _held.append(embedded.use(settings.WAYFARE_HOME))
    elif not settings.EMBEDDED:
        with stage("connecting to the database"):
            _roles_apart(settings)
    set_up_django()
    with stage("checking the database's tables"):
        migrate()
