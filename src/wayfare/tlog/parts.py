"""A log part by part: bodies become leaves, and leaves rows of tiles, by several processes if there is much to do."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from hashlib import sha256
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from django.db import connections

from wayfare.tlog.merkle import HASH_SIZE, full_root
from wayfare.tlog.tiles import WIDTH

log = logging.getLogger(__name__)
SIZE = 64 * WIDTH
"""Leaves in a part. It begins at a multiple of this, and with a tile."""
Result = TypeVar("Result")


class Source(NamedTuple):
    """What a log commits to: `bodies(after, limit)` returns the bodies at positions after + 1, after + 2 … in order."""

    log: str
    bodies: Callable[[int, int], list[bytes]]
    beside: Callable[[], Iterable[str]] = tuple
    """What stands beside the bodies, is not committed to itself and differs from what they say: in words."""


class Part(NamedTuple):
    """The commitments and the leaves' hashes of some bodies, and the roots of the full tiles among these."""

    commitments: list[bytes]
    leaves: list[bytes]
    roots: list[bytes]


def part(nonces: list[bytes], bodies: list[bytes]) -> Part:
    """Make a part of a log; if there are more nonces than bodies or the other way round, of those that have both.

    A leaf is a commitment: the SHA-256 of a nonce of its own and a body. It binds the log to the body, and says nothing
    of it to who has not both.
    """
    commitments = [sha256(nonce + body).digest() for nonce, body in zip(nonces, bodies, strict=False)]
    leaves = [sha256(b"\x00" + one).digest() for one in commitments]
    full = range(0, len(leaves) - WIDTH + 1, WIDTH)
    return Part(commitments, leaves, [full_root(leaves[n : n + WIDTH]) for n in full])


def cut(data: bytes) -> list[bytes]:
    """Return the hashes, or nonces, that stand side by side in some bytes."""
    return [data[n : n + HASH_SIZE] for n in range(0, len(data), HASH_SIZE)]


def in_order(work: Callable[..., Result], jobs: Iterable[tuple[Any, ...]], shared: bool) -> Iterator[Result]:
    """Yield the result of each job in order. If `shared`, as many processes as there are cores work ahead, a job each.

    Each has its own connection to this process's database, and ends with this process, also when that is killed. If one
    of them is killed, this process does what is left.
    """
    left = iter(jobs)
    if shared:
        left = chain((yield from _by_many(work, left)), left)
    yield from (work(*job) for job in left)


def _by_many(
    work: Callable[..., Result], jobs: Iterator[tuple[Any, ...]]
) -> Generator[Result, None, list[tuple[Any, ...]]]:
    """Yield results; return the jobs that were begun and are not done, which there are if a process was killed."""
    hands = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    begun: deque[tuple[Any, ...]] = deque()
    coming: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(
        hands, context, _begin, ({alias: connections[alias].settings_dict for alias in connections},)
    ) as pool:
        try:
            for job in jobs:
                begun.append(job)
                coming.append(pool.submit(work, *job))
                if len(coming) > 3 * hands:
                    yield coming.popleft().result()
                    begun.popleft()
            while coming:
                yield coming.popleft().result()
                begun.popleft()
        except BrokenProcessPool:
            log.warning("a process that worked on the log was killed; the work goes on in this one")
        finally:
            pool.shutdown(cancel_futures=True)
    return list(begun)


def _begin(databases: dict[str, dict[str, Any]]) -> None:
    import django

    django.setup()
    for alias, where in databases.items():
        connections[alias].settings_dict.update(where)
    os.nice(10)  # who records something now comes first
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
