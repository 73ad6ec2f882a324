"""Key files of a home that the database knows by a fingerprint: one that is gone or wrong is told, never made anew."""

from __future__ import annotations

import secrets
from pathlib import Path

from django.conf import settings

from wayfare.common import disk

MEND = "put the home's folder `keys` back from its backup (docs/operating.md, Backup and restore)"


class KeyProblem(RuntimeError):
    """A key cannot be used; `code` names the cause, the text names the file and the mend.

    | code | when |
    | --- | --- |
    | `gone` | the database knows a key, and its file is not there |
    | `wrong` | the file holds another key than the one that the database knows |
    | `open_to_others` | others can read the file |
    | `unreadable` | the file does not hold a key |
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def path_of(name: str) -> Path:
    """Return the file of a key in this home."""
    return Path(settings.WAYFARE_HOME) / "keys" / name


def read(path: Path) -> bytes:
    """Return what a key's file holds; makes none. Raises: KeyProblem."""
    try:
        mode = path.stat().st_mode & 0o077
    except FileNotFoundError:
        raise KeyProblem("gone", f"{path} is missing, and the database knows it; {MEND}") from None
    if mode:
        raise KeyProblem("open_to_others", f"{path} can be read by others; chmod 600 it, and make a new key") from None
    return path.read_bytes()


def make(path: Path, data: bytes | None = None) -> None:
    """Make the file of a new key, unless it is there: only where the database knows of none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        disk.make_once(path, data or secrets.token_bytes(32))


def wrong(path: Path) -> KeyProblem:
    """Return the problem of a file that holds another key than the database knows."""
    return KeyProblem("wrong", f"{path} is not the key that the database knows; {MEND}")
