"""`wayfare check`: is this installation well?"""

from __future__ import annotations

import json
import shutil
import stat
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from django.conf import settings
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from wayfare.access.keyfiles import KeyProblem
from wayfare.access.signin import queries as recoveries
from wayfare.common import reserve
from wayfare.common.postgres import sql
from wayfare.common.rooms import load
from wayfare.ledger import jobs
from wayfare.ledger.entries import own
from wayfare.site import backup, external, restore, rooms
from wayfare.tlog import notes
from wayfare.tlog import queries as log
from wayfare.tlog.source import SOURCES

CLOCK_SECONDS = 5
FREE_BYTES = 2 * 1024**3


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        version = int(cursor.fetchone()[0]) // 10_000
        cursor.execute("show fsync")
        if cursor.fetchone()[0] != "on":
            return "fsync is off: an acknowledged entry may be lost; set fsync = on"
        cursor.execute("show server_encoding")
        encoding = cursor.fetchone()[0]
    if not 15 <= version <= 18:
        return f"PostgreSQL {version} is not one of 15 to 18; use one of them"
    return "" if encoding == "UTF8" else external.encoding_problem(encoding)


def _logging() -> str:
    """What a statement was sent with must not stand in the server's log: it may be a name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select current_setting('log_parameter_max_length'), current_setting('log_parameter_max_length_on_error'),"
            " current_setting('log_statement') <> 'none' or current_setting('log_min_duration_statement') <> '-1'"
            " or current_setting('log_min_duration_sample') <> '-1'"
        )
        values, on_error, logged = cursor.fetchone()
    for name, wrong in (
        ("log_parameter_max_length", logged and values != "0"),
        ("log_parameter_max_length_on_error", on_error != "0"),
    ):
        if wrong:
            return f"the server's log shows what statements are sent with, names among it; set {name} = 0"
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connections["owner"])
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        return f"{len(waiting)} migrations are not applied; run wayfare up"
    with connections["owner"].cursor() as cursor:
        current = sql.is_current(cursor)
    return "" if current else "the database's functions are of another version of Wayfare; run wayfare up"


def _roles() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select has_table_privilege('ledger_entry', 'update, delete, truncate'), current_user")
        may, user = cursor.fetchone()
    if may:
        return f"{user} may change the ledger; give DATABASE_URL a user that may create roles, and the app gets its own"
    return ""


def _keys() -> str:
    for path in (settings.WAYFARE_HOME / "keys").iterdir():
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            return f"{path} can be read by others; chmod 600 it"
    return ""


def key_problems() -> list[str]:
    """Return what is wrong with keys that the database knows: those of files, of sign-in and of the logs."""
    kept = (CHECKS[name] for name in ("vault", "sign-in"))
    return [problem for problem in (*(look() for look in kept), *map(jobs.key_problem, SOURCES)) if problem]


def _clock() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select clock_timestamp(), (select max(recorded_at) from (select recorded_at from ledger_entry"
            " order by position desc limit 1) last)"
        )
        there, last = cursor.fetchone()
    apart = abs((datetime.now(UTC) - there).total_seconds())
    if apart > CLOCK_SECONDS:
        return f"the database's clock and this machine's are {apart:.0f} s apart; set both by NTP"
    if last is not None and (last - there).total_seconds() > CLOCK_SECONDS:
        return "the last entry was recorded in the future: a clock has jumped back; set it by NTP"
    return ""


def _disk() -> str:
    try:
        reserve.check()
    except OSError as problem:
        return f"less than WAYFARE_DISK_RESERVE is free at {problem.filename}, so nothing more is recorded; make room"
    free = shutil.disk_usage(Path(settings.WAYFARE_HOME)).free
    return "" if free > FREE_BYTES else f"only {free / 1e9:.1f} GB are free at {settings.WAYFARE_HOME}; make room"


def _log() -> str:
    """An installation that signs its log signs it in a second; one that never did has no `up` running, and says so."""
    for name in SOURCES:
        if problem := jobs.key_problem(name):
            return problem
    try:
        note = log.latest("ledger", cosigned=False)
        signed = notes.parse_checkpoint(note.text).size if note else None
    except notes.Malformed as problem:
        return f"the latest checkpoint cannot be read: {problem}; run wayfare log verify"
    if signed is None:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(
            "select recorded_at from ledger_entry where position = %s and recorded_at < now() - interval '1 hour'",
            [signed + 1],
        )
        waiting = cursor.fetchone()
    restored = restore.restored_at(settings.WAYFARE_HOME)
    if waiting and not (restored and datetime.now(UTC) - restored < timedelta(hours=1)):
        return f"position {signed + 1} of {waiting[0]:%Y-%m-%d %H:%M} is not signed yet; keep wayfare up running"
    return ""


def _own_source() -> str | None:
    """Return the source under which this installation's own pages and commands write; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('ledger_own') is not null")
        (there,) = cursor.fetchone()
    return own.source() if there else None


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "logging": _logging,
    "migrations": _migrations,
    "roles": _roles,
    "keys": _keys,
    "clock": _clock,
    "disk": _disk,
    "log": _log,
} | {name: load(target) for room in rooms.manifests() for name, target in room.checks.items()}
"""What is looked at, by name: the installation as a whole, then what each room has to say."""


def _open_recoveries() -> list[str]:
    """Return what the owner should know of account recoveries under way: they can stop one that nobody expected."""
    try:
        found = recoveries.open_recoveries(at=datetime.now(UTC))
    except KeyProblem:  # without the key of sign-in nobody is recovered; the check of the keys says so
        return []
    return [
        f"account recovery of {one.email} asked {one.asked_at:%Y-%m-%d %H:%M} UTC, "
        + (f"usable from {one.usable_at:%Y-%m-%d %H:%M} UTC" if one.usable_at else f"{one.approvals} approvals")
        + f"; to stop it: wayfare staff stop-recovery {one.id}"
        for one in found
    ]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def check(as_json: bool) -> None:
    """Say whether this installation is well; exit 0 only if all is."""
    found = {name: look() for name, look in CHECKS.items()}
    told = _open_recoveries() if not found["database"] and not found["migrations"] else []
    told.append(backup.last(settings.WAYFARE_HOME))
    source = _own_source()
    if as_json:
        problems = {k: v for k, v in found.items() if v}
        click.echo(json.dumps({"well": not problems, "problems": problems, "notes": told, "source": source}))
    else:
        for name, problem in found.items():
            click.echo(f"{name:<12} {problem or 'well'}")
        click.echo(f"{'source':<12} {source or 'none yet'}")
        for note in told:
            click.echo(f"{'note':<12} {note}")
    sys.exit(1 if any(found.values()) else 0)
