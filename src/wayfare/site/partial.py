"""Folders that are whole or not there: written under another name beside their place, and renamed at the end."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from wayfare.common import disk


class PlaceProblem(RuntimeError):
    """A folder cannot be made where it is wanted; the text says why and what to do."""


def refuse_what_is_there(folder: Path) -> None:
    """Refuse a place that holds anything. Raises: PlaceProblem."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise PlaceProblem(f"{folder} is not a folder; name a new or an empty one")
    if folder.exists() and any(folder.iterdir()):
        raise PlaceProblem(f"{folder} is not empty; name a new or an empty folder")


@contextmanager
def becoming(folder: Path) -> Iterator[Path]:
    """Yield a new folder (mode 0700) beside `folder`; at the end it is synced and takes that place.

    After an error nothing is left. What a killed process left is removed by the next one. Raises: PlaceProblem.
    """
    refuse_what_is_there(folder)
    if not folder.parent.is_dir():
        raise PlaceProblem(f"there is no folder {folder.parent}; make it, or name another place")
    _sweep(folder)
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir(mode=0o700)
    lock = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield partial
        disk.sync(partial)
        refuse_what_is_there(folder)
        os.rename(partial, folder)
        disk.sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left here; one that still works holds its lock."""
    for left in folder.parent.glob(f".{escape(folder.name)}.????????.partial"):
        with suppress(OSError):
            number = os.open(left, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(number)
