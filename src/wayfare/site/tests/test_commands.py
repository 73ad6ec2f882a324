"""What the command line says of itself and of a start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from wayfare import __version__
from wayfare.site import progress, up


def test_version_is_told_without_a_home(tmp_path):
    environment = {**os.environ, "WAYFARE_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "wayfare.site.cli", "--version"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"wayfare {__version__}\n")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "2001:db8::7"])
def test_the_address_of_a_server_is_a_url(host):
    parts = urlsplit(up.address(host, 8103))
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == ("http", host, 8103, "/")


def test_a_long_start_says_every_few_seconds_that_it_goes_on(capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.1)
    with progress.told("starting the database"):
        time.sleep(0.35)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "wayfare: starting the database"
    assert 2 <= sum("still starting the database" in line for line in lines) <= 3
    time.sleep(0.3)
    assert not capsys.readouterr().err, "it ends with what it tells of"
