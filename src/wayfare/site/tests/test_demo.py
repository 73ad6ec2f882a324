"""The first thing a newcomer does: `demo` from nothing to a page that moves, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "wayfare.site.cli", "demo")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(home: Path, port: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "WAYFARE_HOME": str(home)}
    command = [*COMMAND, "--port", str(port)]
    return subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_hears_ctrl_c
    )


def _hears_ctrl_c() -> None:
    """As in a terminal: what a shell runs in the background inherits that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_a_demo_comes_up_moves_and_goes_on_after_a_stop(tmp_path):
    home, port = tmp_path / "Été 统计", free_port()
    for turn in range(2):
        demo = start(home, port)
        try:
            address = f"http://127.0.0.1:{port}/departures/"
            pages: list[bytes] = []
            until = time.monotonic() + 120
            while time.monotonic() < until and len({page.split(b"data-said")[-1][:60] for page in pages}) < 2:
                try:
                    with urllib.request.urlopen(address, timeout=5) as response:
                        pages.append(response.read())
                except OSError:
                    assert demo.poll() is None, demo.stderr
                time.sleep(0.3)
            assert len({page.split(b"data-said")[-1][:60] for page in pages}) >= 2, "no departure arrived"
            while not (home / "demo-has-people").exists() and time.monotonic() < until + 120:
                time.sleep(0.3)
            assert (home / "demo-has-people").exists()
            second = start(home, port)
            try:
                assert second.stderr is not None
                assert next((one for one in second.stderr if f"port {port} is taken; using " in one), None)
            finally:
                os.killpg(second.pid, signal.SIGINT)
                second.communicate(timeout=60)
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            _, said = demo.communicate(timeout=60)
        assert demo.returncode == 0
        assert "Traceback" not in said
        assert ("files of 60 invented people" in said) == (turn == 0), "they are made once"


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["starting a database", "importing it"])
def test_a_demo_interrupted_while_it_fills_starts_again(tmp_path, moment):
    demo = start(tmp_path / "home", free_port())
    assert demo.stderr is not None
    for line in demo.stderr:
        if moment in line:
            break
    time.sleep(0.5)
    os.killpg(demo.pid, signal.SIGINT)
    said = demo.stderr.read()
    assert demo.wait(60) == 1
    assert "Traceback" not in said
    again = start(tmp_path / "home", port := free_port())
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/departures/", timeout=5).close()
                break
            except OSError:
                assert again.poll() is None
                time.sleep(0.3)
    finally:
        os.killpg(again.pid, signal.SIGINT)
        again.communicate(timeout=60)
    assert again.returncode == 0
