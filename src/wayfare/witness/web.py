"""The door of a witness: `POST /add-checkpoint` and `GET /<hash of the origin>/checkpoint` (ASGI)."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from wayfare.tlog.notes import Signer
from wayfare.witness.rules import REQUEST_LIMIT, Refusal
from wayfare.witness.state import State

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint", re.ASCII)
BODY_SECONDS = 10.0
"""A body that takes longer to arrive is not waited for."""
log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"
    allow: str | None = None


class Door:
    """An ASGI application over a witness's state and keys."""

    def __init__(self, state: State, cosigners: Sequence[Signer]) -> None:
        self.state = state
        self.cosigners = cosigners
        self.threads = ThreadPoolExecutor(4, "witness")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = await self._answer(scope["method"], scope["path"], receive)
        body = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
            *([(b"allow", answer.allow.encode())] if answer.allow else []),
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, method: str, path: str, receive: Receive) -> Answer:
        found = CHECKPOINT.fullmatch(path)
        if path != "/add-checkpoint" and found is None:
            return Answer(404, "nothing is here\n")
        allowed = ("GET", "HEAD") if found else ("POST",)
        if method not in allowed:
            return Answer(405, "another method, please\n", allow=", ".join(allowed))
        in_thread = asyncio.get_running_loop().run_in_executor
        try:
            if found:
                note = await in_thread(self.threads, self.state.checkpoint, found[1])
                return (
                    Answer(404, "no checkpoint of that log was cosigned here\n") if note is None else Answer(200, note)
                )
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
            return await in_thread(self.threads, self._add_checkpoint, body)
        except TimeoutError:
            return Answer(408, f"the request did not arrive within {BODY_SECONDS:.0f} s\n")
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body)
        except sqlite3.Error as problem:
            log.error("the state cannot be read or written: %s", problem)
            return Answer(503, "ask again later\n")

    def _add_checkpoint(self, body: bytes) -> Answer:
        try:
            return Answer(200, self.state.add_checkpoint(body, self.cosigners))
        except Refusal as refusal:
            if refusal.status == 409:
                return Answer(409, refusal.body, "text/x.tlog.size")
            if refusal.status == 422:
                log.error("a signed checkpoint does not continue its log (%s): %r", refusal.code, refusal.evidence)
            return Answer(refusal.status, refusal.body)


async def _body(receive: Receive) -> bytes:
    """Return a request's body. Raises: Refusal, when it is too long or broke off."""
    parts: list[bytes] = []
    read = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "broken_off", "the request broke off\n")
        parts.append(bytes(message.get("body", b"")))
        read += len(parts[-1])
        if read > REQUEST_LIMIT:
            raise Refusal(413, "too_long", f"a request has at most {REQUEST_LIMIT} bytes\n")
        if not message.get("more_body", False):
            return b"".join(parts)
