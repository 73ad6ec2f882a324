"""Restore a backup into a new home: all of it in one transaction and one renamed folder, or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from wayfare import __version__
from wayfare.access import door
from wayfare.access.door import RESTORED
from wayfare.common import disk
from wayfare.site import backup_keys, dumps, embedded, external, homes
from wayfare.site.backup import DUMP, FORMAT, MANIFEST, BackupProblem, digest_of, state
from wayfare.site.partial import becoming, refuse_what_is_there

_COMPARED = ("migrations", "ledger", "logs", "tables", "keys")


class Found(NamedTuple):
    """A backup folder that is whole and unaltered."""

    folder: Path
    manifest: dict[str, Any]
    digest: str


class Place(NamedTuple):
    """Where a backup is restored to: a home, its folder of master keys, and the operator's own database if any."""

    home: Path
    people: Path
    database: Mapping[str, Any] | None


def read(folder: Path, expected: str | None = None) -> Found:
    """Return a backup once its files are those that it names. Raises: BackupProblem."""
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError:
        raise BackupProblem(f"{folder} is not a whole backup: it has no {MANIFEST}; name another folder") from None
    digest = sha256(text).hexdigest()
    if expected is not None and digest != expected.lower():
        raise BackupProblem(f"{folder / MANIFEST} was altered: its SHA-256 is {digest}, not {expected.lower()}")
    try:
        manifest = json.loads(text)
        form, version = int(manifest["format"]), str(manifest["wayfare"])
        files: dict[str, dict[str, Any]] = manifest["files"]
    except (ValueError, KeyError, TypeError):
        raise BackupProblem(f"{folder / MANIFEST} was altered: it cannot be read; take another backup") from None
    if form > FORMAT or _numbers(version) > _numbers(__version__):
        raise BackupProblem(f"the backup was made by Wayfare {version}, which is newer than this {__version__}; update")
    _unaltered(folder, files)
    _refuse_unknown(manifest)
    return Found(folder, manifest, digest)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _unaltered(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    there = {path.name for path in folder.iterdir()}
    if set(files) != {DUMP} or there != {MANIFEST, DUMP}:
        odd = sorted(there ^ {MANIFEST, DUMP}) or sorted(files)
        raise BackupProblem(f"{folder} was altered: {', '.join(odd)} is missing or does not belong to it")
    for name, wanted in files.items():
        if (folder / name).stat().st_size != wanted["bytes"] or digest_of(folder / name) != wanted["sha256"]:
            raise BackupProblem(f"{folder / name} was altered or is damaged; take another backup")


def _refuse_unknown(manifest: Mapping[str, Any]) -> None:
    """Refuse a backup with migrations that this version does not have. Raises: BackupProblem."""
    from django.db.migrations.loader import MigrationLoader

    ours = set(MigrationLoader(None).disk_migrations or ())
    theirs = {(room, name) for room, names in manifest["migrations"].items() for name in names}
    if unknown := sorted(f"{room}.{name}" for room, name in theirs - ours):
        raise BackupProblem(
            f"the backup was made by another version of Wayfare: this one does not have {', '.join(unknown)}. Restore"
            f" it with the version that made it ({manifest['wayfare']})"
        )


def restore(found: Found, place: Place, keys: Mapping[str, bytes] | None) -> None:
    """Restore a backup into a place where nothing is; None: without keys, which are then put there by hand.

    Raises: BackupProblem, PlaceProblem, DatabaseUnfit, EmbeddedError, psycopg.Error, OSError.
    """
    if place.database is not None:
        _refuse_filled(place.database)
    refuse_what_is_there(place.home)
    place.home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with becoming(place.home) as home, _people(place, home) as people:
        (home / "keys").mkdir(mode=0o700)
        _put_keys(found, keys, home / "keys", people)
        if place.database is None:
            _into_embedded(found, home)
        else:
            _into_external(found, home / "keys", place.database)
        if found.manifest["demo"]:
            for name in ("demo-home", "demo-is-filled"):
                (home / name).touch(mode=0o600)
        text = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "backup": found.digest}
        text["door"] = found.manifest["keys"].get(door.NAME)
        disk.write(home / RESTORED, json.dumps(text).encode())


@contextmanager
def _people(place: Place, home: Path) -> Iterator[tuple[Path, bool]]:
    """Give the folder for the master keys, and whether to fill it: one that lies elsewhere may be there already."""
    if place.people.is_relative_to(place.home):
        yield home / place.people.relative_to(place.home), True
    elif place.people.is_dir() and any(place.people.iterdir()):
        yield place.people, False
    else:
        place.people.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with becoming(place.people) as partial:
            yield partial, True


def _put_keys(found: Found, files: Mapping[str, bytes] | None, keys: Path, people: tuple[Path, bool]) -> None:
    """Write the keys and hold them to the backup's. Raises: BackupProblem, which names each by its fingerprint."""
    folder, fill = people
    backup_keys.write(files or {}, keys, folder if fill else None)
    if files is None:
        return
    differences = backup_keys.differences(found.manifest["keys"], backup_keys.fingerprints(keys, folder))
    if differences:
        raise BackupProblem(
            f"these keys are not those of the backup: {'; '.join(differences)}. Nothing was restored, and no key was"
            " made; name the keys that were in use when the backup was made"
        )


def missing_keys(found: Found, place: Place) -> list[str]:
    """Say which keys of a backup are not in a restored home, each with its fingerprint."""
    return backup_keys.differences(found.manifest["keys"], backup_keys.fingerprints(place.home / "keys", place.people))


def _load(link: psycopg.Connection[Any], found: Found, keys: Path) -> None:
    """Load the dump and compare what came with the manifest. Within a transaction. Raises: BackupProblem.

    The database learns the door's key from its file, if that is there: it is not in the dump, which holds no key.
    The next start makes functions, policies and grants anew (`common/postgres/sql.py`), for the roles that are here.
    """
    try:
        dumps.load(link, found.folder / DUMP)
    except dumps.DumpUnreadable as problem:
        raise BackupProblem(f"the dump cannot be read: {problem}") from None
    file = keys / door.NAME
    if file.exists():
        door.put(link, door.key_in(file))
    came, wanted = state(link), {name: found.manifest[name] for name in _COMPARED}
    if not file.exists():
        wanted["keys"] = {name: mark for name, mark in wanted["keys"].items() if name != door.NAME}
    if wrong := [name for name in _COMPARED if came[name] != wanted[name]]:
        raise BackupProblem(f"what was restored is not what the manifest says ({', '.join(wrong)}); nothing stays")
    link.execute("delete from public.wayfare_sql")


def _into_embedded(found: Found, folder: Path) -> None:
    home = embedded.Home(folder)
    server = embedded.Server(home)
    try:
        server.start()
        with psycopg.connect(home.conninfo("wayfare_owner"), autocommit=True) as link:
            with link.transaction():
                _load(link, found, folder / "keys")
            link.execute("analyze")
    finally:
        server.stop()
        if home.folder not in home.sockets.parents:  # a long path: the sockets lie in /tmp
            shutil.rmtree(home.sockets, ignore_errors=True)


def _refuse_filled(database: Mapping[str, Any]) -> None:
    """Refuse a database that is unfit or holds anything. Raises: BackupProblem, DatabaseUnfit, psycopg.Error."""
    external.look_at(dict(database))
    with external.connect(dict(database)) as link:
        ((number,),) = link.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchall()
    if number:
        raise BackupProblem(
            f"the database {database['NAME']} of DATABASE_URL is not empty; name an empty one (create database …)"
        )


def _into_external(found: Found, keys: Path, database: Mapping[str, Any]) -> None:
    """Load into the operator's own database; the roles that the server lacks are made in the same transaction."""
    with external.connect(dict(database)) as link:
        missing = _missing_roles(link, keys, database)
        with link.transaction():
            for role in missing:
                external.add_role(link, role, homes.kept_secret(keys.parent, f"database-{role}"))
            _load(link, found, keys)
        link.execute("analyze")


def _missing_roles(link: psycopg.Connection[Any], keys: Path, database: Mapping[str, Any]) -> list[str]:
    """Return which roles are to be made; none where that may not be, and everything will run as the owner.

    As `external.give_roles` decides at the next start. Raises: BackupProblem.
    """
    roles = [external.APPLICATION, external.READER]
    there = {name for (name,) in link.execute("select rolname from pg_roles where rolname = any(%s)", [roles])}
    ((may,),) = link.execute("select rolsuper or rolcreaterole from pg_roles where rolname = current_user").fetchall()
    file = keys / f"database-{external.APPLICATION}"
    if external.APPLICATION in there and (may or file.exists()):
        login = {"USER": external.APPLICATION, "PASSWORD": file.read_text() if file.exists() else ""}
        try:
            external.connect({**database, **login}).close()
        except psycopg.OperationalError:
            raise BackupProblem(
                f"the server has a role {external.APPLICATION} already, and the keys given have no password that it"
                f" takes: it may be another installation's. Put that one's file {file.name} among the keys (--keys-from"
                " FOLDER), or restore into a server of its own"
            ) from None
    return [role for role in roles if role not in there] if may else []


class Checked(NamedTuple):
    """What `check` and `log verify` said of a restored home."""

    problems: dict[str, str]
    logs: dict[str, list[str]]

    @property
    def well(self) -> bool:
        """Whether both said well."""
        return not self.problems and not any(self.logs.values())


def checked(place: Place, logs: list[str]) -> Checked:
    """Ask the commands themselves, in processes of their own, as the operator would."""
    problems, differences = _asked(place, "problems", "check"), {}
    for log in logs:
        differences[log] = _asked(place, "differences", "log", "verify", "--log", log)
    return Checked(
        problems if isinstance(problems, dict) else {"check": "; ".join(problems)},
        {log: list(found) for log, found in differences.items()},
    )


def _asked(place: Place, part: str, *words: str) -> dict[str, str] | list[str]:
    """Return a part of what a command says with --json; where it ends otherwise, its last words."""
    environment = {**os.environ, "WAYFARE_HOME": str(place.home)}
    command = [sys.executable, "-m", "wayfare.site.cli", *words, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    with suppress(ValueError, LookupError, TypeError):
        found: dict[str, str] | list[str] = json.loads(done.stdout.splitlines()[-1])[part]
        return found
    return [f"`wayfare {' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()[-2000:]}"]


def restored_at(home: Path) -> datetime | None:
    """Return when a home was restored, None if it never was."""
    try:
        return datetime.fromisoformat(json.loads((home / RESTORED).read_bytes())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
