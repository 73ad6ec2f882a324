"""A tree as tiles (C2SP tlog-tiles): where each hash stands, how a tree grows, and its nodes read from tiles.

Pure. A tile holds up to 256 hashes side by side: at level 0 those of leaves, at level L + 1 the roots of full tiles at
level L. A tile is partial until it is full, and a partial tile is the beginning of the full one.
"""

from __future__ import annotations

import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from wayfare.tlog.merkle import EMPTY, HASH_SIZE, full_root, node_hash, split
from wayfare.tlog.notes import Malformed

HEIGHT = 8
WIDTH = 256
ENTRY_LIMIT = 65_535
"""Bytes in one entry of a bundle."""


class Tile(NamedTuple):
    """Which tile: of hashes at a level, or of entries if `level` is None; `width` of 256 it holds."""

    level: int | None
    number: int
    width: int = WIDTH

    def path(self) -> str:
        """Return the path under the log's prefix, `tile/0/x001/x234/067` or with `.p/W` if it is partial."""
        parts = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            parts.append(f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level is None else str(self.level)
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"


_PATH = re.compile(
    r"tile/(entries|0|[1-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


def tile_at(path: str) -> Tile:
    """Read a tile's path. Raises: Malformed."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise Malformed("tile_path", f"{path[:80]!r} is not the path of a tile")
    level, number, width = match.groups()
    tile = Tile(
        None if level == "entries" else int(level), int(number.replace("x", "").replace("/", "")), int(width or WIDTH)
    )
    if tile.path() != path:
        raise Malformed("tile_path", f"{path[:80]!r} is not the one path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield the tiles of hashes of a tree, level by level, the partial one of a level last."""
    level, hashes = 0, size
    while hashes:
        for number in range(hashes // WIDTH):
            yield Tile(level, number)
        if hashes % WIDTH:
            yield Tile(level, hashes // WIDTH, hashes % WIDTH)
        level, hashes = level + 1, hashes // WIDTH


def holding(level: int, number: int, size: int) -> Tile:
    """Return the tile of a number at a level as it stands in a tree of a size; its width may be 0."""
    return Tile(level, number, max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH)))


def hashes_in(data: bytes, tile: Tile) -> list[bytes]:
    """Return a tile's hashes. Raises: Malformed, when there are more or fewer than its width."""
    if len(data) != tile.width * HASH_SIZE:
        code = "truncated" if len(data) < tile.width * HASH_SIZE else "too_long"
        raise Malformed(code, f"{tile.path()} is {len(data)} bytes long, not {tile.width * HASH_SIZE}")
    return [data[n : n + HASH_SIZE] for n in range(0, len(data), HASH_SIZE)]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as the bytes of an entry bundle."""
    return b"".join([struct.pack(">H", len(entry)) + entry for entry in entries])


def entries_in(data: bytes, tile: Tile) -> list[bytes]:
    """Return the entries of a bundle. Raises: Malformed."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        end = at + 2 + size
        if at + 2 > len(data) or end > len(data):
            raise Malformed("truncated", f"{tile.path()} ends within an entry")
        found.append(data[at + 2 : end])
        at = end
    if len(found) != tile.width:
        code = "truncated" if len(found) < tile.width else "too_long"
        raise Malformed(code, f"{tile.path()} holds {len(found)} entries, not {tile.width}")
    return found


class Edge:
    """The right edge of a growing tree: how many leaves it has, and the hashes of the partial tile at each level."""

    def __init__(self, size: int = 0, partial: Sequence[Sequence[bytes]] = ()) -> None:
        self.size = size
        self.partial = [list(hashes) for hashes in partial]

    @staticmethod
    def tiles(size: int) -> list[Tile]:
        """Return the tiles whose hashes an edge of a size is made of, one a level; a width may be 0."""
        return [holding(level, size >> HEIGHT * (level + 1), size) for level in range(-(-size.bit_length() // HEIGHT))]

    def extend(self, hashes: Sequence[bytes], level: int = 0) -> dict[tuple[int, int], bytes]:
        """Append hashes of leaves, or of full tiles where one would begin; return the tiles that changed from there up.

        They are returned as they then stand, by (level, number). `level` is that at which the hashes stand.
        """
        changed: dict[tuple[int, int], bytes] = {}
        number = self.size >> HEIGHT * (level + 1)
        self.size, come = self.size + (len(hashes) << HEIGHT * level), list(hashes)
        while come:
            while level >= len(self.partial):
                self.partial.append([])
            row = self.partial[level] + come
            parts = [row[at : at + WIDTH] for at in range(0, len(row), WIDTH)]
            changed.update(((level, n), b"".join(part)) for n, part in enumerate(parts, number))
            self.partial[level] = parts.pop() if len(row) % WIDTH else []
            level, number, come = level + 1, number // WIDTH, [full_root(part) for part in parts]
        return changed

    def root(self) -> bytes:
        """Return the tree's root."""
        root = None
        for hashes in self.partial:
            peaks = [full_root(hashes[n << level : (n + 1) << level]) for level, n in split(0, len(hashes))]
            for peak in reversed(peaks):
                root = peak if root is None else node_hash(peak, root)
        return EMPTY if root is None else root


Fetch = Callable[[Tile], bytes]
"""Returns a tile's bytes."""


class _Kept:
    """The tiles used last, each as rows: its hashes and, above them, the roots of full pairs of the row beneath."""

    def __init__(self, keep: int) -> None:
        self._keep, self._rows = keep, OrderedDict[Tile, list[list[bytes]]]()
        self._lock = threading.Lock()

    def rows(self, tile: Tile, fetch: Fetch) -> list[list[bytes]]:
        with self._lock:
            if (rows := self._rows.get(tile)) is not None:
                self._rows.move_to_end(tile)
                return rows
        rows = [hashes_in(fetch(tile), tile)]
        for _ in range(HEIGHT - 1):
            below = rows[-1]
            rows.append([node_hash(below[n], below[n + 1]) for n in range(0, len(below) - 1, 2)])
        with self._lock:
            self._rows[tile] = rows
            if len(self._rows) > self._keep:
                self._rows.popitem(last=False)
        return rows


class TileNodes:
    """The nodes of a tree of a size (`merkle.Nodes`), read from its tiles; `keep` tiles are kept, about 40 KB each."""

    def __init__(self, fetch: Fetch, size: int, keep: int = 512, kept: _Kept | None = None) -> None:
        self._fetch, self._size = fetch, size
        self._kept = kept or _Kept(keep)

    def of_size(self, size: int) -> TileNodes:
        """Return the nodes of the same tree at another size, with the same tiles kept."""
        return TileNodes(self._fetch, size, kept=self._kept)

    def __call__(self, level: int, number: int) -> bytes:
        at, height = divmod(level, HEIGHT)
        tile = holding(at, (number << height) // WIDTH, self._size)
        return self._kept.rows(tile, self._fetch)[height][number % (WIDTH >> height)]
