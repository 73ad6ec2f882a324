"""The web process: live updates natively, everything else as Django in one thread (`docs/design/one-port.md`)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
import psycopg
from a2wsgi.wsgi import build_environ

from wayfare.site import wsgi  # first: it sets Django up

if TYPE_CHECKING:
    from django.http import HttpResponse
from wayfare.access.rules import NOTHING, Reader
from wayfare.common.web.headers import safety
from wayfare.common.web.problems import Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LIVE = re.compile(r"/(api/v1/programmes|departures)/([A-Za-z0-9_-]{1,100})/live")
GATHER_SECONDS = 0.15
"""News within this time is told at once, together."""
HEARTBEAT_SECONDS = 15.0
STILL_HERE = b": still here\n\n"
STILL_HERE_EVENT = b"event: still\ndata: here\n\n"
"""Of pages: their script sees no comments, and says when nothing comes any more (`QUIET` in `live.js`)."""
ASK_AGAIN_SECONDS = 5.0
"""Whoever holds a stream is asked again whether they may read it, at the first news or heartbeat after so long."""
CHANNEL = "wayfare_ledger"
log = logging.getLogger(__name__)
READING_THREADS = ThreadPoolExecutor(4, "reading")
STAFF_THREADS = ThreadPoolExecutor(4, "staff")
WRITING_THREADS = ThreadPoolExecutor(6, "writing")
LIVE_THREADS = ThreadPoolExecutor(1, "live")
"""Apart, so that those who wait for a lock leave the others free; the pool holds a connection for each."""


def threads_for(method: str, path: str) -> ThreadPoolExecutor:
    """Return the threads that answer a request: staff's pages write the access record, everybody's only read.

    Staff's are the pages whose lines name roles, and those of sign-in. Whoever reads the ledger writes the access
    record, too.
    """
    if path.startswith("/api/"):
        if path.startswith("/api/v1/ledger/") and method != "POST":
            return STAFF_THREADS
    elif path.startswith("/staff/") or _is_for_staff(path):
        return STAFF_THREADS
    return READING_THREADS if method in ("GET", "HEAD", "OPTIONS") else WRITING_THREADS


def _is_for_staff(path: str) -> bool:
    from django.urls import Resolver404, resolve

    try:
        return getattr(resolve(path).func, "roles", None) is not None
    except Resolver404:
        return False


class Hub:
    """Hears of commits, one connection a process, and tells whoever waits."""

    def __init__(self) -> None:
        self.news = asyncio.Condition()
        self.count = 0
        self.made: dict[tuple[str, str | None, Reader], tuple[tuple[int, int], bytes, str]] = {}
        self.listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen, if nobody does yet."""
        if self.listening is None or self.listening.done():
            self.listening = asyncio.create_task(self._listen())

    async def _tell(self) -> None:
        async with self.news:
            self.count += 1
            self.news.notify_all()

    async def _listen(self) -> None:
        from django.db import connections

        parameters = connections["default"].get_connection_params()
        mine = ("host", "port", "user", "password", "dbname")
        wanted = {k: v for k, v in parameters.items() if k in mine or k.startswith("ssl")}
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**wanted, autocommit=True) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    await self._tell()
                    while True:
                        async for _ in connection.notifies(timeout=GATHER_SECONDS, stop_after=1):
                            await asyncio.sleep(GATHER_SECONDS)
                            await self._tell()
            except psycopg.Error as problem:
                log.warning("live updates wait for the database: %s", problem)
                await asyncio.sleep(0.5)

    async def event(self, key: str, language: str | None, reading: Reader) -> tuple[bytes, str]:
        """Return the event for a programme (JSON, or a page's pieces in a language), and what it depends on.

        It is made anew after news, and once a minute: at a programme's midnight "today" is another day without news.
        """
        state = self.count, int(time.time() // 60)
        made = self.made.get((key, language, reading))
        if made is None or made[0] != state:
            event, mark = await asyncio.get_running_loop().run_in_executor(LIVE_THREADS, _event, key, language, reading)
            made = (state, event, mark)
            self.made[(key, language, reading)] = made
        return made[1], made[2]


def _event(key: str, language: str | None, reading: Reader) -> tuple[bytes, str]:
    from django.db import connection

    from wayfare.departures import live
    from wayfare.departures.web import pieces

    try:
        found = live.cells(key, reader=reading)
        if language is None:
            name, lines = b"cells", [orjson.dumps(live.as_json(found))]
        else:
            name, lines = b"page", pieces(found, language).encode().splitlines()
    finally:
        connection.close()
    data = b"".join(b"data: " + line + b"\n" for line in lines)
    days = ", ".join(day if number == 1 else f"{day} in {number}" for day, number in found.own_days.items())
    return b"event: %s\nid: %d\n%s\n" % (name, found.position, data), f"{found.position} on {days}"


hub: Hub | None = None
watching: Counter[str] = Counter()
"""How many live connections each address holds, in this process."""


def _address(scope: dict[str, Any]) -> str:
    """Return the address that asks."""
    from wayfare.access.callers import address_by

    named = dict(scope["headers"]).get(b"x-real-ip", b"").decode("latin-1")
    return address_by(named, (scope.get("client") or ("",))[0])


async def _watched(scope: dict[str, Any], found: re.Match[str], receive: Receive, send: Send) -> None:
    """Open a stream, unless its address holds as many as one may."""
    from django.conf import settings

    address = _address(scope)
    if watching[address] >= settings.LIVE_STREAMS_EACH:
        problem = Problem("too_many_requests", "Close another live page first.", headers={"Retry-After": "5"})
        await _refuse(send, problem.response())
        return
    watching[address] += 1
    try:
        await _stream(scope, found, receive, send)
    finally:
        watching[address] -= 1
        if not watching[address]:
            del watching[address]


def _reading(scope: dict[str, Any], api: bool) -> Reader:
    """Return what a request for a stream may read. Raises: Problem, as the table over the API does.

    A page's stream is refused to whoever may not read it as one of a programme that there is not.
    """
    from django.core.handlers.asgi import ASGIRequest
    from django.db import connection

    from wayfare.access.api import ExactFigures
    from wayfare.access.readers import reader_of

    try:
        request = ASGIRequest(scope, BytesIO())
        return ExactFigures()(request) if api else reader_of(request)
    finally:
        connection.close()


async def _may_read_on(scope: dict[str, Any], api: bool, reading: Reader) -> bool:
    """Tell whether who holds a stream may still read what it tells: a session ends, a token is revoked."""
    try:
        return await asyncio.get_running_loop().run_in_executor(LIVE_THREADS, _reading, scope, api) == reading
    except Problem as problem:
        return problem.code == "too_many_requests"  # of the same token's calls; asked again soon


async def _refuse(send: Send, response: HttpResponse) -> None:
    """Answer with what Django's own answers are made of."""
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})


async def _stream(scope: dict[str, Any], found: re.Match[str], receive: Receive, send: Send) -> None:
    from wayfare.departures.live import NoSuchProgramme

    key, api = found[2], found[1] != "departures"
    language = None if api else _language(scope)
    global hub  # one hub a process, made inside its event loop
    hub = hub or Hub()
    hub.start()
    try:
        reading = await asyncio.get_running_loop().run_in_executor(LIVE_THREADS, _reading, scope, api)
        if reading == NOTHING:
            raise NoSuchProgramme(key)
        event, mark = await hub.event(key, language, reading)
    except Problem as problem:
        await _refuse(send, problem.response())
        return
    except NoSuchProgramme:
        await _refuse(send, Problem("not_found", "Nothing is here, or nothing for this token.").response())
        return
    except Exception:
        log.exception("live updates cannot be read")
        await _refuse(send, Problem("unavailable", "Ask again later.").response())
        return
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    headers.append((b"vary", b"Authorization, Cookie"))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.create_task(_disconnected(receive))
    sent, asked = "", time.monotonic()
    try:
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        while not gone.done():
            count = hub.count
            if time.monotonic() - asked > ASK_AGAIN_SECONDS:
                if not await _may_read_on(scope, api, reading):
                    break
                asked = time.monotonic()
            event, mark = await hub.event(key, language, reading)
            body = event if mark != sent else STILL_HERE if api else STILL_HERE_EVENT
            await send({"type": "http.response.body", "body": body, "more_body": True})
            sent = mark
            await _wait(hub, count, gone)
    except Exception as problem:  # noqa: BLE001 - the browser asks again by itself
        log.warning("a live connection ended: %s", problem)
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _wait(hub: Hub, count: int, gone: asyncio.Task[None]) -> None:
    """Wait for news since `count`, for the heartbeat, or for the client to leave."""

    async def news() -> None:
        async with hub.news:
            await hub.news.wait_for(lambda: hub.count != count)

    waiting = asyncio.create_task(news())
    await asyncio.wait({waiting, gone}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _page(environ: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Let Django answer a WSGI request; return status, headers and body."""
    status, headers = 0, list[tuple[bytes, bytes]]()

    def start(line: str, named: list[tuple[str, str]], exc_info: object = None, /) -> Callable[[bytes], object]:
        nonlocal status
        status = int(line[:3])
        headers.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in named)
        return lambda chunk: None  # WSGI's old way to write, which Django does not use

    answer = wsgi.application(environ, start)
    try:
        return status, headers, b"".join(answer)
    finally:
        answer.close()


_CUT = {
    "request_timeout": "The body took too long to arrive. Send it again, in smaller parts or by a faster connection.",
    "too_many_requests": "Too much is being sent from this address at once. Send it again in a moment, less at a time.",
    "unavailable": "Too much is being sent here at once. Send the same again in a moment.",
}
"""Why a body is not waited for any longer, for other systems; pages say it in their reader's language."""


def _cut(scope: dict[str, Any], code: str) -> HttpResponse:
    """Return the answer to a body that is not waited for any longer: a problem for the API, else a page."""
    from django.core.handlers.wsgi import WSGIRequest

    from wayfare.site.bodies import RETRY_SECONDS
    from wayfare.site.middleware import cut_page

    headers = {"Retry-After": str(RETRY_SECONDS), "Connection": "close"}
    if scope["path"].startswith("/api/"):
        return Problem(code, _CUT[code], headers=headers).response()
    environ: Any = build_environ(scope, BytesIO())  # type: ignore[arg-type]  # any file will do
    response = cut_page(WSGIRequest(environ), code)
    for name, value in headers.items():
        response.headers[name] = value
    return response


async def _django(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Hand a request to Django whole and take its answer whole: no thread waits for this loop, or could not end.

    Its body is counted as held until Django has answered.
    """
    from wayfare.site import bodies

    code = ""
    with bodies.held.of(_address(scope)) as take:
        try:
            arrived = await bodies.arrived(receive, bodies.limit(scope["path"]), take)
        except bodies.Cut as cut:
            code = cut.code
        else:
            if arrived is None:
                return
            body, length = arrived
            environ = build_environ(scope, body)  # type: ignore[arg-type]  # any file will do
            environ["CONTENT_LENGTH"] = str(length)
            threads = threads_for(scope["method"], scope["path"])
            status, headers, content = await asyncio.get_running_loop().run_in_executor(threads, _page, environ)
    if code:
        log.warning("a body was cut: %s", code)
        if code != "request_timeout":
            await bodies.drain(receive)
        await _refuse(send, await asyncio.get_running_loop().run_in_executor(LIVE_THREADS, _cut, scope, code))
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": False})


def _language(scope: dict[str, Any]) -> str:
    """Return the language asked for, of those we have: what is made for each is kept."""
    from django.conf import settings

    asked = parse_qs(scope["query_string"].decode("latin-1")).get("language", [""])[0]
    return asked if asked in dict(settings.LANGUAGES) else "en"


@cache
def _wanted(https: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of all answers as they are sent."""
    return [(name.lower().encode(), value.encode()) for name, value in safety(https).items()]


def _safely(send: Send) -> Send:
    """Return a way to send in which every answer's start carries the headers of all answers."""
    from django.conf import settings

    wanted = _wanted(settings.HTTPS)

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            has = {name.lower() for name, _ in message["headers"]}
            message = {**message, "headers": [*message["headers"], *(one for one in wanted if one[0] not in has)]}
        await send(message)

    return sending


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request."""
    send = _safely(send)
    if scope["type"] == "http" and scope["method"] == "GET" and (found := LIVE.fullmatch(scope["path"])):
        await _watched(scope, found, receive, send)
    else:
        await _django(scope, receive, send)
