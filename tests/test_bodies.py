"""Bodies that never end, or come all at once: cut in time, refused when there is no room, others served meanwhile.

With real sockets, against the real web process. Addresses of 127.0.0.0/8 stand for different clients.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from django.db import connections
from django.test import Client

from wayfare.common.tests.homes import of_the_sessions_database
from wayfare.site import asgi, bodies

ENTRIES = "/api/v1/ledger/entries"
MIB = 1 << 20


@pytest.fixture
def web(fresh_database):
    """Gives a context manager that starts a web worker with some settings, and gives its port and its processes' root."""

    @contextmanager
    def started(**more: str):
        here, owner = connections["default"].settings_dict, connections["owner"].settings_dict
        home = Path(os.environ["WAYFARE_HOME"]) / "bodies"
        of_the_sessions_database(home)
        url = f"postgresql://wayfare_owner:{owner['PASSWORD']}@/{here['NAME']}?host={here['HOST']}"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {**os.environ, "DATABASE_URL": url, "WAYFARE_HOME": str(home), **more}
        command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen([*command, "--no-ws", "wayfare.site.asgi:application"], env=environment)
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    if asked(port, "GET", "/api/v1/health")[0] == 200:
                        break
                except OSError:
                    time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(20)

    return started


def asked(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, {name.replace("_", "-"): v for name, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def begun(port: int, length: int, sent: int, client: str = "127.0.0.1", path: str = ENTRIES) -> socket.socket:
    """Begin to post a body of some length, and send only the first bytes of it."""
    there = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(client, 0))
    kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    there.sendall(head.encode())
    with suppress(OSError):  # it may be refused already
        there.sendall(b"x" * sent)
    return there


def heard(there: socket.socket, seconds: float) -> tuple[int, bytes]:
    """Return status and body of what is answered, 0 if nothing is."""
    there.settimeout(seconds)
    answer = http.client.HTTPResponse(there)
    try:
        answer.begin()
        return answer.status, answer.read()
    except (TimeoutError, OSError):
        return 0, b""


def resident(root: int) -> int:
    """Return the memory of the web's processes, in bytes."""
    processes = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
    return sum(one.memory_info().rss for one in processes)


def test_a_slow_body_is_cut_with_408_and_others_are_served_meanwhile(web):
    with web(WAYFARE_BODY_SECONDS="2") as (port, _), ExitStack() as stack:
        slow = {path: stack.enter_context(begun(port, 1000, 10, path=path)) for path in (ENTRIES, "/staff/sign-in")}
        start = time.monotonic()
        assert asked(port, "GET", "/")[0] == 200
        assert asked(port, "GET", "/api/v1/health")[0] == 200
        assert time.monotonic() - start < 2, "while the slow ones wait"
        status, body = heard(slow[ENTRIES], 20)
        assert (status, json.loads(body)["code"]) == (408, "request_timeout")
        status, body = heard(slow["/staff/sign-in"], 20)
        assert status == 408
        assert b"took too long to arrive" in body
        assert time.monotonic() - start < 15


def test_with_more_time_a_slow_body_is_waited_for(web):
    """The control: what cuts it is the limit."""
    with web(WAYFARE_BODY_SECONDS="600") as (port, _), begun(port, 12, 10) as slow:
        assert heard(slow, 4) == (0, b"")
        slow.sendall(b"xx")
        assert heard(slow, 20)[0] == 401, "it is whole, and has no token"


@pytest.mark.slow
def test_unfinished_bodies_of_one_address_take_half_of_the_room_and_of_all_no_more_than_all(web):
    """60 posts of 15 MiB that never end, as found: 2 GB of memory before."""
    with web(WAYFARE_BODY_MEMORY="64") as (port, root), ExitStack() as stack:
        before = resident(root)
        first = [stack.enter_context(begun(port, 16 * MIB, 15 * MIB)) for _ in range(6)]
        codes = [heard(one, 10) for one in first]
        assert sorted(status for status, _ in codes) == [0, 0, 429, 429, 429, 429], "two of them fill the half"
        assert {json.loads(body)["code"] for status, body in codes if status} == {"too_many_requests"}
        others = [stack.enter_context(begun(port, 16 * MIB, 15 * MIB, client=f"127.0.0.{n}")) for n in range(2, 8)]
        statuses = [heard(one, 10)[0] for one in others]
        assert statuses.count(0) == 2, "two more fill the whole"
        assert statuses.count(503) == 4
        assert resident(root) - before < 250 * MIB
        assert asked(port, "GET", "/")[0] == 200
        assert asked(port, "GET", "/api/v1/health")[0] == 200
    # and when they have gone there is room again


@pytest.mark.slow
def test_room_that_was_held_is_given_back(web):
    with web(WAYFARE_BODY_MEMORY="64") as (port, _):
        for _ in range(3):
            with ExitStack() as stack:
                full = [stack.enter_context(begun(port, 16 * MIB, 15 * MIB)) for _ in range(2)]
                assert heard(full[-1], 1)[0] == 0
                assert heard(stack.enter_context(begun(port, 16 * MIB, 15 * MIB)), 10)[0] == 429
            time.sleep(0.5)
            assert asked(port, "POST", ENTRIES, b"[]" + b" " * 15 * MIB, Content_Type="application/json")[0] == 401


@pytest.mark.slow
def test_with_more_room_the_same_attack_holds_memory(web):
    """The control: what stops it is the bound."""
    with web(WAYFARE_BODY_MEMORY="4096") as (port, root), ExitStack() as stack:
        before = resident(root)
        posts = [stack.enter_context(begun(port, 16 * MIB, 15 * MIB)) for _ in range(20)]
        assert heard(posts[-1], 2)[0] == 0
        assert resident(root) - before > 250 * MIB


@pytest.mark.parametrize(("length", "status"), [(bodies.FORM_MAX, 403), (bodies.FORM_MAX + 1, 413)])
def test_a_form_is_at_most_64_kilobytes(web, length, status):
    """403: what is short enough is read, and is no form of ours."""
    with web() as (port, _):
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        told, body = asked(port, "POST", "/staff/sign-in", b"a=" + b"x" * (length - 2), **form)
        assert told == status
        if status == 413:
            assert b"too long for a form" in body


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_a_long_form_is_refused_in_the_reader_s_language(db, language):
    client = Client(HTTP_HOST="localhost")
    client.cookies["language"] = language
    answer = client.post("/staff/sign-in", {"email": "x" * bodies.FORM_MAX})
    assert answer.status_code == 413
    assert f'lang="{language}"' in answer.content.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_each_address_has_its_own_limit():
    assert bodies.limit("/api/v1/ledger/entries") == 16 * MIB
    assert bodies.limit("/log/") == MIB
    for path in ("/", "/log", "/apiary", "/staff/sign-in", "/log/checkpoint"):
        assert bodies.limit(path) == 64 << 10


def test_what_is_counted_is_given_back_whatever_happens(settings):
    settings.BODY_MEMORY_BYTES = 100
    held = bodies.Held()
    with held.of("a") as take:
        take(30)
        take(20)
        with pytest.raises(bodies.Cut, match="too_many_requests"):
            take(1)
        with held.of("b") as other:
            other(50)
            with held.of("c") as third, pytest.raises(bodies.Cut, match="unavailable"):
                third(1)
        assert (held.total, held.each["a"]) == (50, 50)
    assert (held.total, dict(held.each)) == (0, {})


@pytest.mark.parametrize(
    ("code", "status"), [("request_timeout", 408), ("too_many_requests", 429), ("unavailable", 503)]
)
@pytest.mark.parametrize("path", ["/staff/sign-in", "/api/v1/ledger/entries"])
def test_what_is_cut_is_told_as_a_page_or_as_a_problem(path, code, status):
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "http_version": "1.1",
             "headers": [(b"host", b"localhost"), (b"accept-language", b"fr")], "client": ("192.0.2.1", 1)}  # fmt: skip
    answer = asgi._cut(scope, code)
    assert (answer.status_code, answer.headers["Connection"]) == (status, "close")
    assert int(answer.headers["Retry-After"]) > 0
    if path.startswith("/api/"):
        assert json.loads(answer.content)["code"] == code
    else:
        assert "L’envoi n’a pas abouti" in answer.content.decode()
