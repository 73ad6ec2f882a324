"""The folder of an installation (`WAYFARE_HOME`): when it is made, and the secrets in it."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from wayfare.common import disk
from wayfare.site import embedded
from wayfare.site.account import EmbeddedError

SECRETS = ("cookies",)
"""Made with the home; the keys that the database knows are made with it, by `keyfiles`."""


class NoHome(RuntimeError):
    """A command needs an installation and there is none; the text says how to name or make one."""


def exists(home: Path) -> bool:
    """Tell whether an installation was made here."""
    return (home / "keys").is_dir()


def require(home: Path) -> None:
    """Refuse a folder without an installation. Raises: NoHome."""
    if not exists(home):
        raise NoHome(
            f"there is no installation at {home}. Name an existing one with WAYFARE_HOME;"
            " `wayfare demo`, `wayfare up` and commands that record something make a new one"
        )


def make(home: Path, with_database: bool) -> bool:
    """Make what is missing of a home; say so of a new one. Return whether anything was. Raises: EmbeddedError."""
    before = _secrets(home)
    if not exists(home):
        print(f"wayfare: making a new installation at {home}", file=sys.stderr, flush=True)  # noqa: T201 - no Django yet
    try:
        for folder in (home, home / "keys"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in SECRETS:
            kept_secret(home, name)
    except OSError as problem:
        raise EmbeddedError(
            f"{problem.filename or home}: {problem.strerror}; choose another WAYFARE_HOME, or make it writable"
        ) from None
    if with_database:
        embedded.Home(home).make()
    return _secrets(home) != before


def _secrets(home: Path) -> set[str]:
    return {path.name for path in (home / "keys").iterdir()} if exists(home) else set()


def kept_secret(home: Path, name: str) -> str:
    """Return a random secret of this home, made with tight permissions at first use."""
    path = home / "keys" / name
    if not path.exists():
        disk.make_once(path, secrets.token_urlsafe(48).encode())
    return path.read_text()


def secret(home: Path, name: str) -> str:
    """Return a secret of this home; where there is no home yet, one that is kept nowhere."""
    path = home / "keys" / name
    return path.read_text() if path.exists() else secrets.token_urlsafe(48)
