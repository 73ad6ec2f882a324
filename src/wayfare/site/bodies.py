"""How much a request's body may hold, how long it may take to arrive, and how many bytes of bodies are held at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from django.conf import settings

from wayfare.ledger.entries.api import BODY_MAX as API_MAX
from wayfare.ledger.web.page import BODY_MAX as RECEIPT_MAX

FORM_MAX = 64 << 10
RETRY_SECONDS = 5
_DRAIN_SECONDS = 5.0
"""For so long what is refused is read on and thrown away: a client that still sends never hears why it is refused."""


def limit(path: str) -> int:
    """Return how many bytes the body of a request to an address may hold."""
    if path.startswith("/api/"):
        return API_MAX
    return RECEIPT_MAX if path == "/log/" else FORM_MAX


class Cut(Exception):
    """A body that is not waited for any longer; `code` is that of a problem (`common/web/problems.py`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Held:
    """Counts the bytes of bodies that this process holds: all together, and of each address."""

    def __init__(self) -> None:
        self.total = 0
        self.each: Counter[str] = Counter()

    def check(self, address: str, more: int) -> None:
        """Refuse bytes for which there is no room. Raises: Cut."""
        room = int(settings.BODY_MEMORY_BYTES)
        if self.each[address] + more > room // 2:
            raise Cut("too_many_requests")
        if self.total + more > room:
            raise Cut("unavailable")

    @contextmanager
    def of(self, address: str) -> Iterator[Callable[[int], None]]:
        """Give a function that counts bytes as held for an address until this ends, or raises Cut."""
        own = 0

        def take(number: int) -> None:
            nonlocal own
            self.check(address, number)
            own += number
            self.total += number
            self.each[address] += number

        try:
            yield take
        finally:
            self.total -= own
            self.each[address] -= own
            if not self.each[address]:
                del self.each[address]


held = Held()
"""In this process."""


async def arrived(
    receive: Callable[[], Awaitable[dict[str, Any]]], most: int, take: Callable[[int], None]
) -> tuple[BytesIO, int] | None:
    """Return a request's body and its length; of one that is longer than `most`, the beginning. None if it broke off.

    Raises: Cut, for a body that takes too long, or for which there is no room.
    """
    body, length = BytesIO(), 0
    try:
        async with asyncio.timeout(settings.BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = bytes(message.get("body", b""))
                length += len(part)
                if body.tell() <= most:
                    take(len(part))
                    body.write(part)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Cut("request_timeout") from None
    body.seek(0)
    return body, length


async def drain(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Read what still comes of a body, for a short while, and throw it away."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (message := await receive())["type"] != "http.disconnect" and message.get("more_body", False):
                pass
    except TimeoutError:
        pass
