"""`wayfare backup` and `wayfare restore`."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
import psycopg

from wayfare.site import backup, backup_keys, progress, restore
from wayfare.site.backup_keys import KeyFileProblem, Lock, Opener
from wayfare.site.partial import PlaceProblem

_FILE = click.Path(path_type=Path, dir_okay=False)


def _fail(problem: Exception | str) -> NoReturn:
    click.echo(f"wayfare: {str(problem).strip()}", err=True)
    sys.exit(2)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


@contextmanager
def _told() -> Iterator[None]:
    """Turn what is the operator's to mend into one line and exit 2."""
    try:
        yield
    except (backup.BackupProblem, KeyFileProblem, PlaceProblem) as problem:
        _fail(problem)
    except psycopg.Error as problem:
        _fail(f"the database refuses: {problem}")
    except OSError as problem:
        _fail(f"{problem.filename or 'the disk'}: {problem.strerror or problem}; nothing was left there")


def _plainly(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def run(**options: Any) -> None:
        with _told():
            command(**options)

    return run


def _asked(text: str, *, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise KeyFileProblem("there is no terminal to ask for the passphrase; give it with --passphrase-file")
    return backup_keys.passphrase(click.prompt(text, hide_input=True, confirmation_prompt=confirm, err=True))


@click.command(name="backup")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--keys-to", type=_FILE, help="Also seal the keys into this new file, which belongs in another place.")
@click.option("--recipient", type=_FILE, help="Seal the keys for this X25519 public key (PEM).")
@click.option("--passphrase-file", type=_FILE, help="Seal the keys with the passphrase in this file; else it is asked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@_plainly
def backup_(
    folder: Path, keys_to: Path | None, recipient: Path | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Write the whole database into FOLDER, a new or empty one, while everything goes on.

    The keys are not in it. Without them no file opens, so keep them too, in another place: --keys-to.
    """
    from django.conf import settings

    folder, keys_to = _absolute(folder), _absolute(keys_to) if keys_to else None
    target = (keys_to, _lock(folder, keys_to, recipient, passphrase_file)) if keys_to else None
    if target is None and (recipient or passphrase_file):
        raise click.UsageError(
            "--recipient and --passphrase-file say how to seal the keys; name a file: --keys-to FILE"
        )
    with progress.told("backing up the database"):
        made = backup.make(folder, settings.WAYFARE_HOME, settings.PEOPLE_KEYS, settings.DATABASES["owner"], target)
    _warn(made, settings.WAYFARE_HOME / "keys", settings.PEOPLE_KEYS)
    said = _said(folder, made.manifest, made.digest) | {
        "bytes": made.size,
        "seconds": round(made.seconds, 3),
        "keys_file": str(made.keys_file) if made.keys_file else None,
    }
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    click.echo(f"{folder} holds the database as of position {said['position']:,}: {made.size:,} bytes.")
    click.echo(f"SHA-256 of its manifest: {made.digest}")


def _lock(folder: Path, keys_to: Path, recipient: Path | None, passphrase_file: Path | None) -> Lock:
    """Return what to seal the keys for. Raises: KeyFileProblem, UsageError."""
    if keys_to.exists():
        raise KeyFileProblem(f"{keys_to} is there already, and keys are never overwritten; name another file")
    if keys_to.parent.resolve().is_relative_to(folder.resolve()):
        raise KeyFileProblem("--keys-to lies in the backup's folder; keys and backup belong apart: name another place")
    if recipient and passphrase_file:
        raise click.UsageError("--recipient and --passphrase-file are two ways to seal the keys; choose one")
    if recipient:
        return Lock(recipient=backup_keys.recipient_in(recipient))
    if passphrase_file:
        return Lock(passphrase=backup_keys.passphrase_in(passphrase_file))
    return Lock(passphrase=_asked("Passphrase for the keys", confirm=True))


def _warn(made: backup.Made, keys: Path, people: Path) -> None:
    """Say on standard error where the keys are."""
    lines = ["THIS BACKUP HOLDS NO KEYS. Without them no file opens and nobody signs in, ever."]
    if made.keys_file:
        how = backup_keys.sealed_for(made.keys_file)
        by = "with the passphrase" if how == "passphrase" else f"for the recipient {how}"
        lines.append(f"The keys are in {made.keys_file}, sealed {by}. Take that file to another place than the backup.")
    else:
        where = f"{keys}" if people.is_relative_to(keys) else f"{keys} and {people}"
        lines.append(f"The keys are in {where}, and nowhere else as far as is known here.")
        lines.append("Seal a copy with --keys-to FILE, and take it to another place than the backup.")
    for difference in made.differences:
        lines.append(f"A key that the database knows is not here: {difference}.")
    for line in lines:
        click.secho(f"wayfare: {line}", err=True, bold=True)


def _said(folder: Path, manifest: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """Return what both commands say of a backup with --json."""
    names = ("made_at", "wayfare", "postgresql", "tables", "logs", "keys")
    said = {"folder": str(folder), "manifest_sha256": digest, "position": manifest["ledger"]["position"]}
    return said | {name: manifest[name] for name in names}


@click.command(name="restore")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--keys-from", type=click.Path(path_type=Path), help="The file of --keys-to, or a folder like a home's `keys`."
)
@click.option("--identity", type=_FILE, help="The recipient's X25519 private key (PEM).")
@click.option("--passphrase-file", type=_FILE, help="The passphrase of the keys, or of --identity; else it is asked.")
@click.option("--sha256", "expected", help="What `wayfare backup` said of the manifest: refuse any other backup.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@_plainly
def restore_(
    folder: Path,
    keys_from: Path | None,
    identity: Path | None,
    passphrase_file: Path | None,
    expected: str | None,
    as_json: bool,
) -> None:
    """Restore a backup into WAYFARE_HOME, a new or empty folder, and into DATABASE_URL, if set: an empty database.

    Ends with `check` and `log verify`. Exit 0: both say well; 1: restored, and one names a problem; 2: nothing was.
    """
    from wayfare.site import runtime, settings

    runtime.set_up_django()
    begun = time.monotonic()
    found = restore.read(_absolute(folder), expected)
    keys = _keys(keys_from, identity, passphrase_file) if keys_from else None
    database = None if settings.EMBEDDED else settings.DATABASES["owner"]
    place = restore.Place(settings.WAYFARE_HOME, settings.PEOPLE_KEYS, database)
    with progress.told(f"restoring the backup of {found.manifest['made_at']} into {place.home}"):
        restore.restore(found, place, keys)
    with progress.told("checking what was restored"):
        missing = restore.missing_keys(found, place)
        checked = restore.checked(place, list(found.manifest["logs"]))
    _tell(place.home, missing, checked)
    click.echo(
        f"wayfare: what was ended after {found.manifest['made_at']} is back as it was: tokens, colleagues and roles,"
        " sessions, links, erased people. End it again before anybody works: see `wayfare token list`, `wayfare staff"
        " list`",
        err=True,
    )
    if as_json:
        said = _said(found.folder, found.manifest, found.digest) | {
            "home": str(place.home),
            "bytes": sum(path.stat().st_size for path in found.folder.iterdir()),
            "seconds": round(time.monotonic() - begun, 3),
            "keys_missing": missing,
            "well": checked.well,
            "problems": checked.problems,
            "log_differences": checked.logs,
        }
        click.echo(json.dumps(said, ensure_ascii=False))
    elif checked.well:
        position = found.manifest["ledger"]["position"]
        click.echo(f"{place.home} is restored as of position {position:,}; check and log verify say well.")
    sys.exit(0 if checked.well else 1)


def _keys(source: Path, identity: Path | None, passphrase_file: Path | None) -> dict[str, bytes]:
    """Return the keys to restore. Raises: KeyFileProblem."""
    if source.is_dir():
        return backup_keys.collected(source, source / "people")
    how = backup_keys.sealed_for(source)
    passphrase = backup_keys.passphrase_in(passphrase_file) if passphrase_file else None
    if how == "passphrase":
        return backup_keys.opened(source, Opener(passphrase or _asked("Passphrase of the keys", confirm=False)))
    private = backup_keys.identity_in(identity, passphrase) if identity else None
    return backup_keys.opened(source, Opener(identity=private))


def _tell(home: Path, missing: list[str], checked: restore.Checked) -> None:
    """Say on standard error what is not well."""
    if missing:
        click.secho("wayfare: NO KEYS WERE RESTORED, and none was made. Until they are back no file opens.", err=True)
        click.echo(f"wayfare: put these into {home / 'keys'} (mode 0600): {'; '.join(missing)}", err=True)
    for name, problem in checked.problems.items():
        click.echo(f"wayfare: check: {name}: {problem}", err=True)
    for log, differences in checked.logs.items():
        for difference in differences:
            click.echo(f"wayfare: log verify --log {log}: {difference}", err=True)
