"""A PostgreSQL of the operator's own (`DATABASE_URL`): what it must be, and the application's role there.

Looked at once at every start, before anything is written, so that what does not work is refused by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from wayfare.site.postgresql import session

APPLICATION, READER = "wayfare_app", "wayfare_reader"
_PROBES = 4
_ENDED_BY_OWNER = sql.SQL("grant {} to current_user")
"""A member of a role may end its sessions (access/gate.py)."""


class DatabaseUnfit(RuntimeError):
    """The database cannot be used as it is; the text says why and what to do."""


def parameters(database: dict[str, Any]) -> dict[str, Any]:
    """Return what psycopg needs to connect as one of Django's `DATABASES` does."""
    named = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    options = {
        name: value for name, value in database["OPTIONS"].items() if name not in ("pool", "server_side_binding")
    }
    found = {name: database[theirs] or None for name, theirs in named.items()}
    return found | {"client_encoding": "UTF8"} | options  # where the server has none, text would come as bytes


def connect(database: dict[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as one of `DATABASES`, without a pool. Raises: psycopg.OperationalError, which says why not."""
    return psycopg.connect(**parameters(database), autocommit=True, prepare_threshold=None)


def look_at(database: dict[str, Any]) -> None:
    """Refuse a database that cannot hold what we store, or a pooler that mixes sessions. Raises: DatabaseUnfit."""
    with connect(database) as link:
        row = link.execute("select current_setting('server_encoding')").fetchone()
        if row and row[0] == "SQL_ASCII":
            raise DatabaseUnfit(f"DATABASE_URL: {encoding_problem('SQL_ASCII')}")
        if problem := pooler(database, link):
            raise DatabaseUnfit(f"DATABASE_URL: {problem}")


def encoding_problem(encoding: str) -> str:
    """Say what is wrong with an encoding other than UTF-8, and the mend. SQL_ASCII checks nothing and is refused."""
    return (
        f"the database has the encoding {encoding}, which does not hold every name; make another with"
        " create database … encoding 'UTF8' template template0, and move to it"
    )


def pooler(database: dict[str, Any], link: psycopg.Connection[Any]) -> str:
    """Return what is wrong with a pooler between us and PostgreSQL, or nothing.

    A pooler shows: it gives its clients numbers of its own. In transaction mode (PgBouncer's `pool_mode =
    transaction`) two clients come to the same server process, or one client to several.
    """
    backend = "select pg_backend_pid()"

    def number(of: psycopg.Connection[Any]) -> int:
        row = of.execute(backend).fetchone()
        assert row is not None
        return int(row[0])

    mends = (
        "which loses prepared statements, locks and settings between two transactions; use pool_mode = session, or"
        " let DATABASE_URL name PostgreSQL directly"
    )
    first = number(link)
    if first == link.info.backend_pid:
        return ""
    try:
        with connect(database) as other:
            for _ in range(_PROBES):
                with other.transaction():
                    if number(other) == first or number(link) != first:
                        return f"a pooler in transaction mode (PgBouncer) stands before PostgreSQL, {mends}"
    except psycopg.Error as problem:
        return f"a pooler before PostgreSQL refuses transactions ({' '.join(str(problem).split())}), {mends}"
    return ""


def give_roles(database: dict[str, Any], keys: Path, password_of: Any) -> dict[str, str] | None:
    """Make the application's role and the reader's where they are missing, if we may; return the application's login.

    Roles belong to the whole server, not to one database. One that is there keeps its password: it may be another
    installation's. None: we may not make roles, and everything runs as the owner. Raises: DatabaseUnfit for a role
    whose password this home does not know.
    """
    with connect(database) as link:
        may = link.execute("select rolsuper or rolcreaterole from pg_roles where rolname = current_user").fetchone()
        there = {
            row[0]
            for row in link.execute("select rolname from pg_roles where rolname = any(%s)", [[APPLICATION, READER]])
        }
        if not (may and may[0]) and not (APPLICATION in there and (keys / f"database-{APPLICATION}").exists()):
            return None
        if APPLICATION in there and not (keys / f"database-{APPLICATION}").exists():
            raise DatabaseUnfit(_unknown(keys, "has no password for it"))
        link.execute("set default_transaction_read_only = off")  # a database may say otherwise of itself
        for role in (APPLICATION, READER):
            if role not in there:
                add_role(link, role, password_of(f"database-{role}"))
        login = {"USER": APPLICATION, "PASSWORD": password_of(f"database-{APPLICATION}")}
        can_use(database | login, keys)
        return login


def can_use(database: dict[str, Any], keys: Path) -> None:
    """Refuse a role of the application's that this home cannot use. Raises: DatabaseUnfit."""
    try:
        connect(database).close()
    except psycopg.OperationalError as problem:
        raise DatabaseUnfit(_unknown(keys, f"cannot use it ({' '.join(str(problem).split())})")) from None


def _unknown(keys: Path, why: str) -> str:
    return (
        f"DATABASE_URL: the server has a role {APPLICATION} already, and this home {why}. The role may be another"
        f" installation's, so it was left as it is. Copy keys/database-{APPLICATION} of that installation's home to"
        f" {keys} to share the role, or give this installation a PostgreSQL server of its own"
    )


def add_role(link: psycopg.Connection[Any], role: str, password: str) -> None:
    """Make a role on the operator's server, as an owner who may end its sessions."""
    make_role(link, role, password)
    limit(link, role)
    link.execute(_ENDED_BY_OWNER.format(sql.Identifier(role)))


def make_role(link: psycopg.Connection[Any], role: str, password: str) -> None:
    """Make a login role without any power of its own."""
    link.execute(
        sql.SQL(
            "create role {} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
        ).format(sql.Identifier(role), sql.Literal(password))
    )


def limit(link: psycopg.Connection[Any], role: str) -> None:
    """Give a role the application's time limits, for whatever connects as it and sets none of its own."""
    for name, value in session.LIMITS.items():
        link.execute(
            sql.SQL("alter role {} set {} = {}").format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))
        )
