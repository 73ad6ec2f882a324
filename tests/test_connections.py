"""Connections that send no request: they keep nobody out for long, with the server's options and at the proxy."""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from wayfare.site import up

UNFINISHED = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
MANY = 1200
APPLICATION = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})
"""
OURS = ("--backlog", "--backpressure", "--http1-header-read-timeout")


@pytest.fixture(autouse=True)
def files():
    """A file for each connection, in this process and the server's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * MANY:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def without_ours(command):
    """Granian by its own defaults."""
    pairs = pairwise(command)
    dropped = {at for at, (name, _) in enumerate(pairs) if name in OURS}
    return [word for at, word in enumerate(command) if at not in dropped and at - 1 not in dropped]


def answers(port, seconds):
    """Tell whether a page comes within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), 0.5) as link:
                link.settimeout(0.5)
                link.sendall(REQUEST)
                if link.recv(100).startswith(b"HTTP/1.1 200"):
                    return True
        except OSError:
            time.sleep(0.1)
    return False


@contextmanager
def server(folder, change=list):
    """The web process's own command, with another application."""
    (folder / "nothing_else.py").write_text(APPLICATION)
    port = free_port()
    command = change([*up.web(port, "127.0.0.1").command[:-1], "nothing_else:application"])
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(folder)})
    try:
        assert answers(port, 30)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def held(stack, port):
    for _ in range(MANY):
        link = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        link.sendall(UNFINISHED)
    time.sleep(1)


def test_connections_without_a_request_keep_nobody_out(tmp_path):
    with server(tmp_path) as port, ExitStack() as stack:
        held(stack, port)
        assert answers(port, 5)


def test_control_by_its_own_defaults_the_server_answers_nobody_meanwhile(tmp_path):
    with server(tmp_path, without_ours) as port, ExitStack() as stack:
        held(stack, port)
        assert not answers(port, 5)


@pytest.mark.slow
def test_a_connection_without_a_request_ends_soon(tmp_path):
    with server(tmp_path) as port, socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(UNFINISHED)
        link.settimeout(up.HEADER_SECONDS + 5)
        began = time.monotonic()
        while link.recv(1000):
            pass
        assert up.HEADER_SECONDS - 1 < time.monotonic() - began < up.HEADER_SECONDS + 5


def test_the_proxy_bounds_connections_and_the_time_of_headers():
    text = (Path(__file__).parents[1] / "deploy" / "nginx.conf").read_text()
    assert re.search(r"^\s*client_header_timeout 10s;", text, re.MULTILINE)
    assert re.search(r"^\s*client_body_timeout 30s;", text, re.MULTILINE)
    zone = re.search(r"^limit_conn_zone \$binary_remote_addr zone=(\w+):", text, re.MULTILINE)
    assert zone, "an address's connections are counted"
    assert re.search(rf"^\s*limit_conn {zone[1]} \d+;", text, re.MULTILINE)
