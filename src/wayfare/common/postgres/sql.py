"""Functions, policies, triggers and grants: written once in `<room>/sql/*.sql`, made anew when a file has changed.

After the migrations, in one transaction: what the rooms' files made before is dropped, and every file runs, the lowest
room first, in the order of names. A file says how things are, never how they came to be.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps

from wayfare import __version__

_GRANTS = "90_grants.sql"
_ROLES = ("wayfare_app", "wayfare_reader")

_TABLE = """
create table if not exists wayfare_sql (alone boolean primary key default true check (alone), hash text not null,
  version text not null, at timestamptz not null default now())
"""
_DROP = """
do $$
declare
  one record;
  names text := '^({prefixes})_';
begin
  for one in select polname, polrelid::regclass::text as relation from pg_policy
      where polrelid in (select oid from pg_class where relname ~ names) loop
    execute format('drop policy %I on %s', one.polname, one.relation);
  end loop;
  for one in select tgname, tgrelid::regclass::text as relation from pg_trigger where not tgisinternal
      and tgfoid in (select oid from pg_proc where proname ~ names) loop
    execute format('drop trigger %I on %s', one.tgname, one.relation);
  end loop;
  for one in select oid::regprocedure::text as signature from pg_proc
      where proname ~ names and pronamespace = 'public'::regnamespace loop
    execute format('drop function %s', one.signature);
  end loop;
end $$
"""


def rooms() -> list[AppConfig]:
    """Return the installed rooms that keep SQL in files, the lowest first."""
    return [room for room in apps.get_app_configs() if (Path(room.path) / "sql").is_dir()]


def prefixes(room: AppConfig) -> tuple[str, ...]:
    """Return what the names of a room's functions and tables begin with: its label, unless it says otherwise."""
    return tuple(getattr(room, "sql_prefixes", (room.label,)))


def files() -> list[Path]:
    """Return every room's SQL files in the order in which they run."""
    return [file for room in rooms() for file in sorted((Path(room.path) / "sql").glob("*.sql"))]


def _roles_exist(cursor: Any) -> bool:
    cursor.execute("select count(*) from pg_roles where rolname = any (%s)", [list(_ROLES)])
    return bool(cursor.fetchone()[0] == len(_ROLES))


def _wanted_hash(roles_exist: bool) -> str:
    """Return what the database should note: the files' text, and whether there are roles to grant anything to."""
    whole = hashlib.sha256(str(roles_exist).encode())
    for file in files():
        whole.update(f"{file.parent.parent.name}/{file.name}\0".encode() + file.read_bytes() + b"\0")
    return whole.hexdigest()


def is_current(cursor: Any) -> bool:
    """Tell whether the database was made by the files as they are."""
    cursor.execute("select to_regclass('wayfare_sql') is not null")
    if not cursor.fetchone()[0]:
        return False
    cursor.execute("select hash from wayfare_sql")
    return bool(cursor.fetchone() == (_wanted_hash(_roles_exist(cursor)),))


def apply(cursor: Any) -> None:
    """Make functions, policies, triggers and grants what the files say: as owner, in the caller's transaction.

    It locks tables that an append locks in another order, so the caller holds the writers' lock.
    """
    roles_exist = _roles_exist(cursor)
    cursor.execute(_TABLE)
    cursor.execute("set local check_function_bodies = off")  # a function may name one of a later file
    for room in reversed(rooms()):
        cursor.execute(_DROP.replace("{prefixes}", "|".join(prefixes(room))))
    for file in files():
        if roles_exist or file.name != _GRANTS:
            cursor.execute(file.read_text(encoding="utf-8"))
    cursor.execute(
        "insert into wayfare_sql (hash, version) values (%s, %s) on conflict (alone)"
        " do update set hash = excluded.hash, version = excluded.version, at = now()",
        [_wanted_hash(roles_exist), __version__],
    )
