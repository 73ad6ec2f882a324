"""Checking somebody's log from outside, with its public key alone: every leaf, every tile, every step since last time.

Constant memory: what is remembered is the right edge of the tree. An audit that was broken off goes on where it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from wayfare.tlog import merkle, notes
from wayfare.tlog.files import Read, tile_from
from wayfare.tlog.notes import Checkpoint, Verifier
from wayfare.tlog.refusals import LogRefusal
from wayfare.tlog.tiles import HEIGHT, WIDTH, Edge, Tile, entries_in, hashes_in, holding

_AHEAD = 16
"""So many tiles are asked for at once."""
_SAVE_EVERY = 128


class Untrue(LogRefusal):
    """The log does not bear out what it claims; the message says where."""


class NoState(ValueError):
    """A file is not the state of an audit."""


class State(NamedTuple):
    """What an audit remembers: the checkpoint it last bore out, and the edge of what it has read since."""

    origin: str
    size: int
    root: bytes
    edge: Edge

    def save(self, path: Path) -> None:
        """Write it whole, or leave what was there."""
        partial = path.with_name(path.name + ".new")
        rows = [[one.hex() for one in row] for row in self.edge.partial]
        known = {
            "origin": self.origin,
            "size": self.size,
            "root": self.root.hex(),
            "read": self.edge.size,
            "edge": rows,
        }
        partial.write_text(json.dumps(known))
        os.replace(partial, path)

    @staticmethod
    def load(path: Path) -> State:
        """Read it. Raises: NoState."""
        try:
            known = json.loads(path.read_bytes())
            edge = Edge(known["read"], [[bytes.fromhex(one) for one in row] for row in known["edge"]])
            return State(known["origin"], known["size"], bytes.fromhex(known["root"]), edge)
        except (KeyError, TypeError, ValueError):
            raise NoState(f"{path} is not the state of an audit; name another file, or remove it") from None


class Audited(NamedTuple):
    """A log that bears out its checkpoint."""

    checkpoint: Checkpoint
    signed_by: list[str]
    before: int
    """The size that was audited before, and is its beginning; 0 at first."""


def checkpoint_at(
    read: Read, keys: Sequence[Verifier], witnesses: Sequence[Verifier], quorum: int
) -> tuple[Checkpoint, list[str]]:
    """Return a log's checkpoint and who signed it. Raises: Unreadable, Malformed, Unverified, Untrue."""
    note = notes.parse_note(read("checkpoint"))
    checkpoint = notes.parse_checkpoint(note.text)
    signed = [one.by.name for one in notes.verify(note, keys)]
    if checkpoint.origin not in {key.name for key in keys}:
        raise Untrue("origin", f"the checkpoint is of the log {checkpoint.origin}, whose key this is not")
    seen = {one.by.name for one in notes.verify(note, [*keys, *witnesses])} - set(signed)
    if len(seen) < quorum:
        raise Untrue("too_few_witnesses", f"{len(seen)} of the known witnesses have signed, not {quorum}")
    return checkpoint, [*dict.fromkeys(signed), *sorted(seen)]


def audit(
    read: Read,
    keys: Sequence[Verifier],
    *,
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
    state: Path | None = None,
    tell: Callable[[int, int], object] = lambda done, size: None,
) -> Audited:
    """Check a log, whole at first and then what is new, against its checkpoint.

    `state`: a file that remembers between audits and over interruptions. `tell` hears how many leaves are done, of how
    many. Raises: Unreadable, Malformed, Unverified, Untrue, NoState.
    """
    checkpoint, signed = checkpoint_at(read, keys, witnesses, quorum)
    known = State.load(state) if state and state.exists() else State(checkpoint.origin, 0, merkle.EMPTY, Edge())
    _check_continues(known, checkpoint)
    edge = known.edge if known.edge.size <= checkpoint.size else Edge()
    for size, root in ((known.size, known.root), (checkpoint.size, checkpoint.root)):
        if edge.size > size:
            continue
        for number, done in enumerate(_read_on(read, edge, size), 1):
            tell(done, checkpoint.size)
            if state and number % _SAVE_EVERY == 0:
                known._replace(edge=edge).save(state)
        if edge.root() != root:
            if known.size:
                raise Untrue("fork", f"the log does not continue the {known.size} leaves that were audited before")
            raise Untrue("root_differs", "the leaves do not lead to the root that was signed")
    _check_edge(read, edge)
    if state:
        State(checkpoint.origin, checkpoint.size, checkpoint.root, edge).save(state)
    return Audited(checkpoint, signed, known.size)


def _check_continues(known: State, checkpoint: Checkpoint) -> None:
    if known.origin != checkpoint.origin:
        raise Untrue("origin", f"this is the log {checkpoint.origin}; what was audited before was {known.origin}")
    if checkpoint.size < known.size:
        raise Untrue("rollback", f"the log has {checkpoint.size} leaves and had {known.size}: it was rolled back")
    if checkpoint.size == known.size and checkpoint.root != known.root:
        raise Untrue("fork", f"the log of {known.size} leaves has another root than the one audited before")


def _read_on(read: Read, edge: Edge, size: int) -> Iterator[int]:
    """Extend an edge bundle by bundle to a size, holding entries against hashes and hashes against those above."""
    numbers = range(edge.size // WIDTH, -(-size // WIDTH))
    with ThreadPoolExecutor(_AHEAD) as pool:
        waiting: list[Future[tuple[list[bytes], list[bytes]]]] = []
        for number in numbers:
            while len(waiting) < _AHEAD and number + len(waiting) < numbers.stop:
                waiting.append(pool.submit(_bundle, read, holding(0, number + len(waiting), size)))
            try:
                entries, hashes = waiting.pop(0).result()
                new = _matching(entries, hashes, number)[edge.size - number * WIDTH :]
                for (level, above), data in edge.extend(new).items():
                    tile = Tile(level, above, len(data) // merkle.HASH_SIZE)
                    if level and tile.width == WIDTH:
                        _check_above(read, tile, data)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            yield edge.size


def _bundle(read: Read, tile: Tile) -> tuple[list[bytes], list[bytes]]:
    return tile_from(read, tile._replace(level=None), entries_in), tile_from(read, tile, hashes_in)


def _matching(entries: list[bytes], hashes: list[bytes], number: int) -> list[bytes]:
    for n, (entry, hashed) in enumerate(zip(entries, hashes, strict=True)):
        if merkle.leaf_hash(entry) != hashed:
            raise Untrue("leaf_differs", f"leaf {number * WIDTH + n} is not what its hash in the tree says")
    return hashes


def _check_above(read: Read, tile: Tile, data: bytes) -> None:
    if b"".join(tile_from(read, tile, hashes_in)) != data:
        raise Untrue("tile_differs", f"{tile.path()} does not hold the roots of the tiles beneath it")


def _check_edge(read: Read, edge: Edge) -> None:
    """Hold the partial tiles above the leaves against what was recomputed."""
    for level, row in enumerate(edge.partial):
        if level and row:
            tile = holding(level, edge.size >> HEIGHT * (level + 1), edge.size)
            _check_above(read, tile, b"".join(row))


def said(found: Audited, place: str, quorum: int) -> str:
    """Return in words what an audit proved, and what it did not."""
    checkpoint = found.checkpoint
    lines = [
        f"The log {checkpoint.origin} at {place} bears out its checkpoint of {checkpoint.size} leaves.",
        "",
        "Proved:",
        f"- The checkpoint is signed by {', '.join(found.signed_by)}.",
        "- Every leaf hashes to the tree that was signed, and every tile is right.",
    ]
    if found.before:
        lines.append(f"- The {found.before} leaves that were audited before are its beginning, unchanged.")
    lines += ["", "Not proved:"]
    if not found.before:
        lines.append("- That earlier checkpoints were of the same tree: audit again with the same --state to see that.")
    if not quorum:
        lines.append("- That others see the same log: no witness was asked for (--witness, --quorum).")
    lines += [
        "- That what was recorded is true, or complete: only that it was recorded, and stays.",
        "- What the leaves say: they are commitments. A receipt opens one; whoever may see an entry can ask for it.",
    ]
    return "\n".join(lines)
