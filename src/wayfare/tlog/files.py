"""A log as a folder of files (C2SP tlog-tiles) that any web server can publish, and reading a log from outside."""

from __future__ import annotations

import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from wayfare.tlog import notes, queries
from wayfare.tlog.tiles import ENTRY_LIMIT, WIDTH, Tile, tiles_of

TIMEOUT_SECONDS = 30
_LIMIT = WIDTH * (ENTRY_LIMIT + 2)
Read = Callable[[str], bytes]
"""Returns the bytes at a path under a log's prefix. Raises: Unreadable."""


class Unreadable(LookupError):
    """A file of a log is not there, or cannot be read; the text says which and why."""


def written(log: str, folder: Path, tell: Callable[[int], object] = lambda done: None) -> int:
    """Write what a log has published into a folder, what is there already aside; return the size of its checkpoint.

    The checkpoint comes last and whole: whoever reads meanwhile finds an older log, never a broken one.
    Raises: queries.NotPublished, before the first checkpoint.
    """
    note = queries.latest(log)
    if note is None:
        raise queries.NotPublished(f"the log {log} has no checkpoint yet")
    size = notes.parse_checkpoint(note.text).size
    fetch = queries.fetcher(log)
    for tile in tiles_of(size):
        bundle = [tile._replace(level=None)] if tile.level == 0 else []
        for one in (*bundle, tile):
            if not (path := folder / one.path()).exists():
                _put(path, fetch(one))
        if bundle:
            tell(tile.number * WIDTH + tile.width)
    _put(folder / "checkpoint", str(note).encode())
    return size


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    os.replace(partial, path)


def reader(place: str) -> Read:
    """Return what reads a log at a URL or in a folder."""
    if urllib.parse.urlsplit(place).scheme in ("http", "https"):
        return _from_web(place.rstrip("/"))
    folder = Path(place)

    def read(path: str) -> bytes:
        try:
            with (folder / path).open("rb") as file:
                data = file.read(_LIMIT + 1)
        except OSError as problem:
            raise Unreadable(f"{folder / path}: {problem.strerror}") from None
        return _limited(data, path)

    return read


def _from_web(prefix: str) -> Read:
    def read(path: str) -> bytes:
        url = f"{prefix}/{path}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http or https, see above
                data = answer.read(_LIMIT + 1)
        except urllib.error.HTTPError as problem:
            raise Unreadable(f"{url}: answered {problem.code}") from None
        except OSError as problem:
            raise Unreadable(f"{url}: {getattr(problem, 'reason', problem)}") from None
        return _limited(data, path)

    return read


def _limited(data: bytes, path: str) -> bytes:
    if len(data) > _LIMIT:
        raise Unreadable(f"{path} is longer than {_LIMIT} bytes")
    return data


def tile_from(read: Read, tile: Tile, cut: Callable[[bytes, Tile], list[bytes]]) -> list[bytes]:
    """Return what a tile holds; of one that was partial and is full by now, the part asked for.

    Raises: Unreadable, Malformed.
    """
    try:
        return cut(read(tile.path()), tile)
    except Unreadable:
        if tile.width == WIDTH:
            raise
    whole = tile._replace(width=WIDTH)
    return cut(read(whole.path()), whole)[: tile.width]
