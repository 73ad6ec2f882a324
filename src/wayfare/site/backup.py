"""Make a backup: a dump of the whole database in one snapshot, and a manifest of what it holds. No key is in it.

A logical dump, not a base backup: it needs no right of replication, leaves other databases of a server alone, and one
of an embedded PostgreSQL 18 goes into a server of 15 to 18 and back.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from wayfare import __version__
from wayfare.common import disk
from wayfare.site import backup_keys, clients, external
from wayfare.site.partial import becoming

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "database.dump"
LAST = "last-backup.json"
"""A note in the home: when the last backup was made, and where."""
_TRIES = 3


class BackupProblem(RuntimeError):
    """A backup cannot be made or restored; the text says why and what to do."""


class Made(NamedTuple):
    """A backup that was made, and the keys that belong to it."""

    manifest: dict[str, Any]
    digest: str
    size: int
    seconds: float
    keys_file: Path | None
    differences: list[str]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    whole = sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            whole.update(part)
    return whole.hexdigest()


def state(link: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return what a database holds: versions, positions, logs, rows of each table, fingerprints of its keys."""
    rows = link.execute("select app, name from django_migrations order by id").fetchall()
    migrations: dict[str, list[str]] = {}
    for room, name in rows:
        migrations.setdefault(room, []).append(name)
    ((position,),) = link.execute("select coalesce(max(position), 0) from ledger_entry").fetchall()
    return {
        "migrations": {room: sorted(names) for room, names in migrations.items()},
        "ledger": {"position": position},
        "logs": _logs(link),
        "tables": _tables(link),
        "keys": backup_keys.known(link),
    }


def _logs(link: psycopg.Connection[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for log, size, root in link.execute("select log, size, root from log_head order by log").fetchall():
        signed = link.execute(
            "select size, note from log_checkpoint where log = %s order by size desc limit 1", [log]
        ).fetchone()
        found[log] = {
            "size": size,
            "root": bytes(root).hex(),
            "signed": signed[0] if signed else None,
            "checkpoint": signed[1] if signed else None,
        }
    return found


def _tables(link: psycopg.Connection[Any]) -> dict[str, int]:
    """Count the rows of each table whose rows are in a dump."""
    names = link.execute(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        " and relname <> 'access_door' order by relname"
    ).fetchall()
    count = sql.SQL("select count(*) from public.{}")
    return {name: _one(link.execute(count.format(sql.Identifier(name)))) for (name,) in names}


def _one(cursor: psycopg.Cursor[Any]) -> int:
    ((number,),) = cursor.fetchall()
    return int(number)


class _Snapshot(NamedTuple):
    name: str
    state: dict[str, Any]
    keys: dict[str, bytes]
    differences: list[str]


def _snapshot(link: psycopg.Connection[Any], keys: Path, people: Path) -> _Snapshot:
    """Read the keys, then begin a snapshot that is at least as new: no log was signed beyond it by those keys.

    Where a key was turned over in between, it is done again. The caller ends the transaction.
    """
    for left in reversed(range(_TRIES)):
        files, here = backup_keys.collected(keys, people), backup_keys.fingerprints(keys, people)
        link.execute("begin isolation level repeatable read read only")
        ((name,),) = link.execute("select pg_export_snapshot()").fetchall()
        found = state(link)
        differences = backup_keys.differences(found["keys"], here)
        if not differences or not left:
            break
        link.execute("rollback")
    return _Snapshot(name, found, files, differences)


def _dump(link: psycopg.Connection[Any], database: Mapping[str, Any], snapshot: str, file: Path) -> None:
    """Dump the database as a snapshot sees it, without the key of the door. Raises: BackupProblem, DatabaseUnfit."""
    command: list[str | Path] = [
        *(clients.pg_dump_for(link), "--format=custom", "--compress=gzip:3", f"--snapshot={snapshot}"),
        *("--no-large-objects", "--no-publications", "--no-subscriptions", "--no-security-labels"),
        *("--no-tablespaces", "--no-password", "--exclude-table-data=public.access_door", f"--file={file}"),
    ]
    process = clients.start(command, database)
    said = process.communicate()[1].decode(errors="replace").strip()
    if process.returncode:
        raise BackupProblem(f"pg_dump failed, and no backup was made: {said or process.returncode}")


def make(
    folder: Path,
    home: Path,
    people: Path,
    database: Mapping[str, Any],
    keys_to: tuple[Path, backup_keys.Lock] | None,
) -> Made:
    """Make a backup of a home's database in a folder, whole or not at all, and seal its keys into a file apart.

    Raises: BackupProblem, PlaceProblem, DatabaseUnfit, psycopg.Error, OSError.
    """
    begun = time.monotonic()
    with becoming(folder) as partial, external.connect(dict(database)) as link:
        link.execute("set idle_in_transaction_session_timeout = 0")
        found = _snapshot(link, home / "keys", people)
        if keys_to and found.differences:
            raise BackupProblem(f"the keys here are not those of the database: {'; '.join(found.differences)}")
        _dump(link, database, found.name, partial / DUMP)
        link.execute("rollback")
        manifest = _manifest(link, home, found.state, partial / DUMP)
        text = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        disk.write(partial / MANIFEST, text)
        if keys_to:
            _write_keys(*keys_to, found.keys)
    size = sum(path.stat().st_size for path in folder.iterdir())
    file = keys_to[0] if keys_to else None
    note(home, folder, manifest, file)
    digest = sha256(text).hexdigest()
    return Made(manifest, digest, size, time.monotonic() - begun, file, found.differences)


def _manifest(link: psycopg.Connection[Any], home: Path, found: dict[str, Any], dump: Path) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "wayfare": __version__,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "postgresql": str(link.info.server_version // 10_000),
        "demo": (home / "demo-home").exists(),
        **found,
        "files": {DUMP: {"bytes": dump.stat().st_size, "sha256": digest_of(dump)}},
    }


def _write_keys(file: Path, lock: backup_keys.Lock, keys: Mapping[str, bytes]) -> None:
    """Write the file of keys, whole, where there is none. Raises: BackupProblem, OSError."""
    if os.path.lexists(file):
        raise BackupProblem(f"{file} is there already, and keys are never overwritten; name another file")
    partial = file.with_name(f".{file.name}.{token_hex(4)}.partial")  # no link: a memory stick may know none
    try:
        disk.write(partial, backup_keys.sealed(keys, lock))
        os.rename(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    disk.sync(file.parent)


def note(home: Path, folder: Path, manifest: Mapping[str, Any], keys_file: Path | None) -> None:
    """Note in the home that a backup was made."""
    text = {
        "at": manifest["made_at"],
        "folder": str(folder),
        "position": manifest["ledger"]["position"],
        "keys_file": str(keys_file) if keys_file else None,
    }
    partial = home / f".{LAST}"
    disk.write(partial, json.dumps(text).encode())
    partial.replace(home / LAST)


def last(home: Path) -> str:
    """Say when the last backup of a home was made."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads((home / LAST).read_bytes())
        at = datetime.fromisoformat(noted["at"])
        return f"last backup {at:%Y-%m-%d %H:%M} UTC, as of position {noted['position']}: {noted['folder']}"
    return "no backup was made yet; make one with `wayfare backup FOLDER` (docs/operating.md)"
