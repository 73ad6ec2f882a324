"""Every answer of every kind carries the headers that keep a browser from doing more with it than is meant."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests import test_live_page
from tests.test_doors import DOORS, METHODS, address
from wayfare.common.web.headers import SAFETY, safety
from wayfare.site import asgi

server = test_live_page.server
STATIC = sorted(path.name for path in (Path(asgi.__file__).parent / "static").iterdir() if path.is_file())
LIVE = ("/departures/all/live", "/departures/paris/live", "/api/v1/programmes/paris/live")
REFUSED = ("/nothing", "/static/nothing.css", "/static/../settings.py", "/api/v1/nothing", "/departures/rome/live",
           "/api/v1/programmes/rome/live", "/%ff", "/log/tile/0/zzz", "/staff/sign-up/%00")  # fmt: skip


def lacking(headers, https=False):
    """Return what an answer's headers lack, or say otherwise than all others do."""
    has = {name.lower(): value for name, value in headers}
    return [name for name, value in safety(https).items() if has.get(name.lower()) != value]


def asked(base, method, path, **headers):
    """Ask the server itself; return status and headers, and leave a stream after its first."""
    connection = http.client.HTTPConnection(urlsplit(base).hostname, urlsplit(base).port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders()
    finally:
        connection.close()


def test_every_door_file_stream_and_refusal_has_them_all(server):
    asks = [(method, address(door)) for door in DOORS for method in METHODS if method != "TRACE"]
    asks += [("GET", f"/static/{name}") for name in STATIC]
    asks += [("GET", path) for path in (*LIVE, *REFUSED)]
    statuses = set()
    for method, path in asks:
        status, headers = asked(server, method, path)
        assert lacking(headers) == [], (method, path, status)
        assert "access-control-allow-origin" not in {name.lower() for name, _ in headers}, path
        statuses.add(status)
    status, headers = asked(server, "GET", "/", Host="evil.example")
    assert (status, lacking(headers)) == (400, [])
    assert {200, 302, 400, 401, 403, 404, 405} <= statuses | {status}


def test_a_stream_is_one_and_is_kept_nowhere(server):
    """The control: what is asked of streams above was asked of streams."""
    for path in LIVE:
        status, headers = asked(server, "GET", path)
        told = dict(headers)
        assert (status, told["content-type"], told["cache-control"]) == (200, "text/event-stream", "no-store")


def test_an_answer_that_lacks_one_would_be_found():
    whole = [(name, value) for name, value in SAFETY.items()]
    assert lacking(whole) == []
    for name in SAFETY:
        assert lacking([one for one in whole if one[0] != name]) == [name]
        assert lacking([(other, "" if other == name else value) for other, value in whole]) == [name]


def test_the_server_s_own_answers_get_them_and_a_door_may_say_more():
    """In the very place where an answer's first piece passes, whoever made it."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    start = {"type": "http.response.start", "status": 200, "headers": [(b"referrer-policy", b"no-referrer")]}
    asyncio.run(asgi._safely(send)(start))
    told = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    assert lacking(told) == ["Referrer-Policy"], "what a door said stays"
    assert len(told) == len(SAFETY)


@pytest.mark.parametrize("path", ["/staff/sign-in", "/nothing", "/api/v1/nothing", "/static/wayfare.css"])
def test_by_tls_a_browser_is_told_to_come_by_nothing_else(db, settings, path):
    client = Client(HTTP_HOST="localhost", raise_request_exception=False)
    assert "Strict-Transport-Security" not in client.get(path).headers
    settings.HTTPS = True
    value = client.get(path).headers["Strict-Transport-Security"]
    assert value == "max-age=31536000; includeSubDomains"


def test_the_cookie_of_the_language_is_as_safe_as_the_others(db, settings):
    client = Client(HTTP_HOST="localhost")
    plain = client.get("/language?to=fr&back=/").cookies["language"]
    assert (plain["secure"], plain["httponly"], plain["samesite"]) == ("", True, "Lax")
    settings.LANGUAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_SECURE = "__Host-language", True
    cookie = client.get("/language?to=fr&back=/").cookies["__Host-language"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_a_choice_of_language_leads_nowhere_else(db, back):
    answer = Client(HTTP_HOST="localhost").get("/language", {"to": "fr", "back": back})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_one_address_holds_only_so_many_streams(monkeypatch, settings):
    """A stream that is refused, and one that ends, make room again."""
    settings.LIVE_STREAMS_EACH = 2
    opened, sent = [], []

    async def stream(scope, found, receive, send):
        opened.append(found[2])
        await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    async def send(message):
        sent.append(message)

    def scope(address):
        return {"type": "http", "method": "GET", "path": "/departures/paris/live", "query_string": b"", "headers": [],
                "client": (address, 1)}  # fmt: skip

    waiting: list[asyncio.Future] = []

    async def several():
        waiting.append(asyncio.get_running_loop().create_future())
        asks = [asyncio.create_task(asgi.application(scope("192.0.2.1"), None, send)) for _ in range(3)]
        other = asyncio.create_task(asgi.application(scope("192.0.2.2"), None, send))
        while len(opened) < 3 or not sent:
            await asyncio.sleep(0)
        waiting[0].set_result(None)
        await asyncio.gather(*asks, other)

    monkeypatch.setattr(asgi, "_stream", stream)
    asyncio.run(several())
    assert len(opened) == 3, "two of the first address, one of the other"
    start = sent[0]
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (429, b"5")
    assert dict(asgi.watching) == {}, "what has ended is not counted"
