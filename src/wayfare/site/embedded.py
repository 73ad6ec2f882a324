"""The embedded PostgreSQL: made, started, watched and stopped by us; no Django here.

A **keeper** process owns the server of one home. Every command that uses the database holds a shared lock on
`users.lock`; the keeper starts PostgreSQL, starts it again when it dies, and stops it cleanly when nobody has
held the lock for a few seconds. If the keeper itself is killed, PostgreSQL gets a death signal from the kernel
and the next command starts a new keeper. Nothing that was acknowledged is lost: fsync and data checksums are on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from wayfare.common import disk
from wayfare.site import account as accounts
from wayfare.site import external
from wayfare.site.account import EmbeddedError, binaries

__all__ = ["EmbeddedError", "Home", "binaries", "use"]

DATABASE = "wayfare"
ROLES = ("wayfare_owner", "wayfare_app", "wayfare_reader")
IDLE_SECONDS = 3.0
START_SECONDS = 120.0
PATIENCE_SECONDS = 5.0
"""For a server to end cleanly; then it ends at once, and recovers at its next start."""
STOP_SECONDS = 30.0
_SOCKET_LIMIT = 90
_FAILED = 3
"""The keeper's exit code when PostgreSQL cannot start; the reason is the last thing in its log."""
_PASSING = ("postmaster.pid", "pre-existing shared memory block", ".s.PGSQL.5432.lock", "Address already in use")
"""Words of PostgreSQL's by which an earlier server is still ending: it is worth trying again."""

CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0770
max_connections = 100
shared_buffers = {shared_buffers}
effective_cache_size = {cache}
work_mem = 32MB
maintenance_work_mem = 512MB
jit = off
wal_compression = on
checkpoint_timeout = 15min
max_wal_size = 8GB
fsync = on
full_page_writes = on
synchronous_commit = on
password_encryption = scram-sha-256
log_min_duration_statement = 5000
"""
QUIET = {
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "log",
}
"""Set at each start, so that no value of a statement reaches the server's log: neither a slow statement's parameters
nor what an error repeats. An error is told to whoever caused it."""
LOG_BYTES = 10 << 20
"""When the server's log is put aside."""
LOG_FILES = 5
"""How many of those that were put aside are kept."""


def put_aside(log: Path) -> None:
    """Put a long log aside and go on with an empty one; the oldest goes. The server writes on: it only ever appends."""
    if not log.exists() or log.stat().st_size <= LOG_BYTES:
        return
    for n in range(LOG_FILES - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(f"{log}.{n}", f"{log}.{n + 1}")
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)


class Home:
    """The paths of one installation's embedded database."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.folder = self.home / "database"
        self.data = self.folder / "data"
        self.log = self.folder / "postgresql.log"
        self.keeper_log = self.folder / "keeper.log"
        self.keys = self.home / "keys"
        self.users_lock = self.home / "users.lock"
        self.keeper_lock = self.home / "keeper.lock"
        self.ready_lock = self.home / "ready.lock"
        self.sockets = self.folder / "run"
        if len(str(self.sockets)) > _SOCKET_LIMIT - 20:  # a socket's path is limited to 107 bytes
            mark = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
            self.sockets = Path("/tmp") / f"wayfare-{os.geteuid()}-{mark}"  # noqa: S108 - see _own

    def make(self) -> None:
        """Make the folders, and a password for each role. Raises: EmbeddedError."""
        try:
            self._make()
        except OSError as problem:
            raise EmbeddedError(
                f"{problem.filename or self.home}: {problem.strerror}; this home cannot be used by"
                f" {accounts.name_of(os.geteuid())}. Run wayfare as the account that made it, or choose another"
                " WAYFARE_HOME"
            ) from None

    def _make(self) -> None:
        for folder in (self.home, self.folder, self.keys, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = accounts.find()
        self._own(account)
        self._data_is_theirs(account)
        if account is not None:  # who cannot leave its two folders by way of the one above them
            os.chown(self.folder, 0, 0, follow_symlinks=False)
            self.folder.chmod(0o700)
            accounts.give(self.sockets, account)
        for role in ("postgres", *ROLES):
            path = self.keys / f"database-{role}"
            if not path.exists():
                disk.make_once(path, secrets.token_urlsafe(32).encode())

    def _data_is_theirs(self, account: pwd.struct_passwd | None) -> None:
        """Refuse data that another account made: PostgreSQL would refuse it, in words that name no mend."""
        if not self.data.exists():
            return
        owner, ours = self.data.stat().st_uid, account.pw_uid if account else os.geteuid()
        if owner != ours:
            raise EmbeddedError(
                f"{self.data} belongs to {accounts.name_of(owner)}, and PostgreSQL would run as"
                f" {accounts.name_of(ours)}; run wayfare as the account that made this home"
                f" ({accounts.name_of(self.home.stat().st_uid)})"
            )

    def _own(self, account: pwd.struct_passwd | None) -> None:
        """Refuse a folder of sockets that somebody else made: /tmp is open to all, and its name can be guessed."""
        found = self.sockets.lstat()
        ours = {os.geteuid()} | ({account.pw_uid} if account else set())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o022:
            raise EmbeddedError(
                f"{self.sockets} is not ours alone; remove it, or choose a WAYFARE_HOME with a shorter path"
            )

    def password(self, role: str) -> str:
        """Return a role's password."""
        return (self.keys / f"database-{role}").read_text()

    def conninfo(self, role: str = "wayfare_app", database: str = DATABASE) -> str:
        """Return the connection string of a role."""
        return make_conninfo(
            host=str(self.sockets),
            user=role,
            password=self.password(role),
            dbname=database,
            connect_timeout=5,
        )


def _memory_bytes() -> int:
    """Return the memory that this machine, or the container around us, has."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError):
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(found)


def _shared_buffers() -> str:
    """Return the memory that a new cluster keeps its pages in: as set, or a quarter of what there is, at most 4 GB."""
    asked = os.environ.get("WAYFARE_SHARED_BUFFERS") or f"{min(4 << 10, max(128, _memory_bytes() // 4 >> 20))}MB"
    if not re.fullmatch(r"[1-9][0-9]{0,6}(kB|MB|GB)", asked):
        raise EmbeddedError(f"WAYFARE_SHARED_BUFFERS={asked!r} is not an amount of memory; write it as 512MB or 2GB")
    return asked


def _initialise(home: Home, account: pwd.struct_passwd | None) -> None:
    """Make the cluster, at once or not at all."""
    if (home.data / "PG_VERSION").exists():
        return
    buffers = _shared_buffers()
    partial = home.data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    accounts.give(partial, account)
    _initdb(home, account, partial)
    with (partial / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION.format(shared_buffers=buffers, cache=f"{_memory_bytes() // 2 >> 20}MB"))
    partial.rename(home.data)


def _initdb(home: Home, account: pwd.struct_passwd | None, folder: Path) -> None:
    """Have initdb fill a folder. Raises: EmbeddedError, with what initdb said."""
    read, write = os.pipe()
    if account is not None:
        os.fchown(read, account.pw_uid, account.pw_gid)  # initdb opens it by name
    os.write(write, home.password("postgres").encode())
    os.close(write)
    try:
        with accounts.handed_down(account, folder) as ((data,), descriptors):
            command = [
                str(accounts.binaries_for(account) / "initdb"),
                *("-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile=/dev/fd/{read}", "--data-checksums"),
            ]
            process = accounts.start(
                command, account, signal.SIGKILL, output=subprocess.PIPE, descriptors=(read, *descriptors)
            )
            said = process.communicate()[0].decode(errors="replace")
    finally:
        os.close(read)
    if process.returncode != 0:
        nameless = "could not look up effective user ID" in said
        mend = "; give this user a line in /etc/passwd, or run Wayfare as a user who has one" if nameless else ""
        raise EmbeddedError(f"the database could not be made: {_last_words(said)}{mend}")


def _last_words(said: str) -> str:
    """Return the last lines that a program of PostgreSQL's wrote, without their times."""
    lines = [re.sub(r"^[\d-]+ [\d:.]+ \w+ \[\d+\] ", "", line).strip() for line in said.splitlines()]
    return "; ".join([line for line in lines if line][-4:]) or "it gave no reason"


def _bootstrap(home: Home) -> None:
    """Make roles and database where they are missing, and set each role's password."""
    with psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True) as connection:
        make_roles(connection, {role: home.password(role) for role in ROLES})
        if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("create database {} owner wayfare_owner").format(sql.Identifier(DATABASE)))
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(DATABASE)))
        connection.execute(
            sql.SQL("grant connect on database {} to wayfare_app, wayfare_reader").format(sql.Identifier(DATABASE))
        )
        connection.execute("grant wayfare_app to wayfare_owner")  # so that it may end its sessions (access/gate.py)
    with psycopg.connect(home.conninfo("postgres", DATABASE), autocommit=True) as connection:
        close_large_objects(connection)
        close_language(connection)


_LANGUAGE = """
do $$
begin
  if has_language_privilege('public', 'plpgsql', 'usage') then
    revoke usage on language plpgsql from public;
    grant usage on language plpgsql to wayfare_owner;
  end if;
end $$
"""
_LARGE_OBJECTS = """
do $$
declare
  one text;
begin
  for one in select oid::regprocedure::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace
      and (proname like 'lo\\_%' or proname in ('loread', 'lowrite'))
      and has_function_privilege('public', oid, 'execute')
  loop
    execute format('revoke execute on function pg_catalog.%s from public', one);
  end loop;
end $$
"""


def close_large_objects(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let no role but superusers make large objects in a database: one of the application's would break its dump."""
    connection.execute(_LARGE_OBJECTS)


def close_language(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let no role but the owner write PL/pgSQL: with a block of its own, the application's would forge log lines."""
    connection.execute(_LANGUAGE)


def make_roles(connection: psycopg.Connection[tuple[object, ...]], passwords: dict[str, str]) -> None:
    """Make login roles without any power of their own, or give them these passwords: this server is ours alone."""
    for role, password in passwords.items():
        if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone() is None:
            external.make_role(connection, role, password)
        connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password)))
        if role != "wayfare_owner":
            external.limit(connection, role)


class Server:
    """One running PostgreSQL, started and watched by the process that made this object."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.account = accounts.find()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start PostgreSQL and wait until roles and database are there. Raises: EmbeddedError, with the reason."""
        self.home.make()
        _initialise(self.home, self.account)
        begun = time.monotonic()
        until = begun + START_SECONDS
        reason = ""
        while time.monotonic() < until:
            if time.monotonic() - begun > PATIENCE_SECONDS:
                self._end_earlier()
            said_before = self.home.log.stat().st_size if self.home.log.exists() else 0
            self.process = self._launch()
            if self._comes_up(until):
                return
            reason = self._reason(said_before)
            if self.process.poll() is not None and not any(word in reason for word in _PASSING):
                break
            time.sleep(0.2)  # an earlier server may still be ending
        raise EmbeddedError(f"PostgreSQL does not start: {reason} (more may stand in {self.home.log})")

    def _launch(self) -> subprocess.Popen[bytes]:
        program = str(accounts.binaries_for(self.account) / "postgres")
        folders = (self.home.data.resolve(), self.home.sockets)
        with self.home.log.open("ab") as log, accounts.handed_down(self.account, *folders) as (names, descriptors):
            quiet = [word for name, value in QUIET.items() for word in ("-c", f"{name}={value}")]
            command = [program, "-D", names[0], "-k", names[1], *quiet]
            return accounts.start(command, self.account, signal.SIGINT, output=log, descriptors=descriptors)

    def _comes_up(self, until: float) -> bool:
        """Wait for the process to answer, or to end."""
        assert self.process is not None
        while self.process.poll() is None and time.monotonic() < until:
            try:
                _bootstrap(self.home)
            except psycopg.OperationalError as problem:
                if "password authentication failed" in str(problem) and self._answers_itself():
                    self.stop()
                    raise EmbeddedError(
                        f"the database of {self.home.home} does not take the password in"
                        f" {self.home.keys / 'database-postgres'}; put back the keys that belong to this database"
                    ) from None
            else:
                if self._answers_itself():
                    return True
            time.sleep(0.02)
        return False

    def _reason(self, said_before: int) -> str:
        with self.home.log.open("rb") as log:
            log.seek(said_before)
            return _last_words(log.read()[-20_000:].decode(errors="replace"))

    def _answers_itself(self) -> bool:
        """Return whether it is our process that answers, not an earlier one that is still ending."""
        return self.process is not None and self.process.poll() is None and self._noted() == self.process.pid

    def _noted(self) -> int:
        """Return the process that says it serves this data, or 0."""
        try:
            return int((self.home.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def _end_earlier(self) -> None:
        """End at once the server that an earlier keeper left, if it is still there; if not, remove the note of it.

        Its death signal told it to end cleanly. A PostgreSQL 18 that hears that while it recovers from the death of
        a backend never ends, and refuses everybody meanwhile. In a container that was started again another process
        may have the number that the note names, and its folder may not be shown to us: then its name tells.
        """
        pid = self._noted()
        try:
            serves = pid > 0 and os.readlink(f"/proc/{pid}/cwd") == str(self.home.data.resolve())
        except PermissionError:
            if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres":
                return
            serves = False
        except OSError:
            return
        if serves:
            os.kill(pid, signal.SIGQUIT)
        elif pid > 0:
            (self.home.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop PostgreSQL: no new work, open transactions rolled back, all written; or at once if that takes long."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:  # see _end_earlier
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(STOP_SECONDS)


def _try_lock(path: Path, mode: int) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _held(path: Path) -> bool:
    """Return whether somebody holds this lock for itself."""
    file = _try_lock(path, fcntl.LOCK_SH)
    if file is not None:
        file.close()
    return file is None


def keep(folder: Path) -> int:
    """Be the keeper of a home: run PostgreSQL for as long as somebody uses it. Returns an exit code."""
    home = Home(folder)
    home.make()
    mine = _try_lock(home.keeper_lock, fcntl.LOCK_EX)
    if mine is None:
        return 0
    try:
        return _keep(home, mine)
    except (EmbeddedError, OSError) as problem:
        print(problem, file=sys.stderr, flush=True)  # noqa: T201 - to keeper.log, where `use` reads it
        return _FAILED


def _keep(home: Home, mine: IO[bytes]) -> int:
    server = Server(home)
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    server.start()
    ready = home.ready_lock.open("ab")
    fcntl.flock(ready, fcntl.LOCK_EX)
    idle_since = time.monotonic()
    while not stopping:
        time.sleep(0.1)
        put_aside(home.log)
        if server.process is None or server.process.poll() is not None:
            server.start()
        alone = _try_lock(home.users_lock, fcntl.LOCK_EX)
        if alone is None:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > IDLE_SECONDS:
            server.stop()  # newcomers wait for the lock that we hold until all is written
            ready.close()
            mine.close()
            alone.close()
            return 0
        else:
            alone.close()
    server.stop()
    return 0


def _start_keeper(home: Home) -> subprocess.Popen[bytes]:
    with home.keeper_log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "wayfare.site.keeper", str(home.home)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )


def tend(folder: Path) -> None:
    """Start a keeper if the home has none; for a process that goes on using it while keepers come and go."""
    home = Home(folder)
    if not _held(home.keeper_lock):
        _start_keeper(home)


def use(folder: Path) -> IO[bytes]:
    """Make sure that a home's PostgreSQL runs for as long as the returned lock stays open.

    A server that answers is not enough: that of a killed keeper answers a little longer, so it must also be ready
    by its keeper's word. Safe for any number of commands at once. Raises: EmbeddedError when it does not come up.
    """
    home = Home(folder)
    home.make()
    _shared_buffers()  # a bad value is said here, not in the keeper's log
    mine = home.users_lock.open("ab")
    fcntl.flock(mine, fcntl.LOCK_SH)
    until = time.monotonic() + START_SECONDS
    keeper: subprocess.Popen[bytes] | None = None
    said_before, answer = 0, ""
    while time.monotonic() < until:
        try:
            psycopg.connect(home.conninfo()).close()
        except psycopg.OperationalError as problem:
            answer = str(problem)
        else:
            if _held(home.ready_lock):
                return mine
        if keeper is not None and keeper.poll() == _FAILED:
            raise EmbeddedError(_said_since(home.keeper_log, said_before))
        if (keeper is None or keeper.poll() is not None) and not _held(home.keeper_lock):
            said_before = home.keeper_log.stat().st_size if home.keeper_log.exists() else 0
            keeper = _start_keeper(home)
        time.sleep(0.05)
    raise EmbeddedError(
        f"the embedded PostgreSQL did not come up within {START_SECONDS:.0f} s: {answer.strip() or 'no keeper'}"
        f" (more may stand in {home.log} and {home.keeper_log})"
    )


def _said_since(path: Path, offset: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the keeper of the database ended; see {path}"
