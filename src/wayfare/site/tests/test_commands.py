"""What the command line says of itself and of a start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import click
import pytest

from wayfare import __version__
from wayfare.common.rooms import Use
from wayfare.site import cli, homes, progress, up
from wayfare.site.demo import command


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


EVERY = [(group, name, entry) for group, commands in cli.COMMANDS.items() for name, entry in commands.items()]
MAKE_A_HOME = {
    "programme add", "programme import", "ledger import", "staff invite", "staff office", "token add",
}  # fmt: skip
WITHOUT_ONE = {"test", "simulate", "log check", "log audit"}


def run(home, *words):
    environment = {**os.environ, "WAYFARE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "wayfare.site.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=home.parent)


def test_every_command_says_what_it_uses():
    """Only commands that record something make a home; what is not named here must find one."""
    uses = {f"{group} {name}".strip(): entry.use for group, name, entry in EVERY}
    assert {name for name, use in uses.items() if use is Use.MAKES} == MAKE_A_HOME
    assert {name for name, use in uses.items() if use is Use.NOTHING} == WITHOUT_ONE
    own = {name for name, use in uses.items() if use is Use.OWN}
    assert own == {"demo", "up", "restore", *(name for name in uses if name.startswith("witness "))}


@pytest.mark.parametrize(("group", "name"), [one[:2] for one in EVERY if one[2].use is Use.READS], ids="-".join)
def test_a_command_that_needs_a_home_makes_none(monkeypatch, tmp_path, group, name):
    monkeypatch.setattr("wayfare.site.settings.WAYFARE_HOME", tmp_path / "mistyped")
    command = cli.Lazy(group).get_command(click.Context(click.Command("wayfare")), name)
    assert command is not None
    assert command.callback is not None
    with pytest.raises(homes.NoHome, match=r"mistyped\..*WAYFARE_HOME"):
        command.callback()
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_home_is_told_and_nothing_is_made(tmp_path):
    done = run(tmp_path / "mistyped", "log", "verify")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no installation at {tmp_path / 'mistyped'}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [("simulate", "--out", "h.jsonl", "--programmes-out", "p.json", "--years", "2015-2015"),
                                   ("ledger", "status", "--help"), ("up", "--help"), ("log", "check", "nothing")])  # fmt: skip
def test_what_needs_no_home_makes_none(tmp_path, words):
    done = run(tmp_path / "home", *words)
    assert "no installation" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("words", [("programme", "add"), ("token", "add", "--bogus"), ("staff", "office", "x", "y", "z"),
                                   ("up", "--port", "none"), ("ledger", "import", "missing.jsonl"),
                                   ("ledger", "import", "--chunk", "0", "-")])  # fmt: skip
def test_a_usage_error_makes_no_home(tmp_path, words):
    """The control is below: the same command, rightly used, makes one."""
    done = run(tmp_path / "home", *words)
    assert done.returncode == 2, done.stderr
    assert "Usage:" in done.stderr or "missing.jsonl: does not exist" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_up_on_a_taken_port_makes_no_home(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(tmp_path / "home", "up", "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--port {port}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_new_home_is_said_once(tmp_path):
    said = f"making a new installation at {tmp_path / 'home'}"
    words = ("staff", "office", "paris", "--name", "Paris", "--timezone", "Europe/Paris")
    first, second = (run(tmp_path / "home", *words) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert said in first.stderr
    assert said not in second.stderr
    assert run(tmp_path / "home", "ledger", "status").returncode == 0


def test_an_address_that_the_machine_has_not_is_not_taken_for_a_port_in_use():
    """On a machine with IPv6 alone, 127.0.0.1 is such an address; 192.0.2.1 is one everywhere (RFC 5737)."""
    with pytest.raises(click.UsageError, match=r"--host 192\.0\.2\.1: this machine has no such address"):
        up.free(8000, "192.0.2.1")
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(click.UsageError, match="another Wayfare up"):
        up.free(taken.getsockname()[1], "127.0.0.1")


def test_the_demo_looks_for_another_port_only_where_one_is_taken():
    with pytest.raises(click.UsageError, match=r"--host 192\.0\.2\.1: this machine has no such address"):
        command.free_port(8000, "192.0.2.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert command.free_port(taken.getsockname()[1]) > taken.getsockname()[1], "the control"
    if socket.has_ipv6:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
            assert command.free_port(taken.getsockname()[1], "::1") > taken.getsockname()[1]


def test_the_demo_takes_the_next_port_and_says_so(monkeypatch, capsys):
    monkeypatch.delenv("WAYFARE_PORT", raising=False)
    taken = {8000, 8001}

    def free(port, host):
        if port in taken:
            raise up.Taken("taken")

    monkeypatch.setattr(up, "free", free)
    assert command.free_port(None) == 8002
    assert "port 8000 is taken; using 8002" in capsys.readouterr().err
    assert command.free_port(8001) == 8002, "also of one that was asked for"
    assert "port 8001 is taken; using 8002" in capsys.readouterr().err
    monkeypatch.setenv("WAYFARE_PORT", "8001")
    assert command.free_port(None) == 8002
    taken.update(range(8000, 8101))
    with pytest.raises(click.UsageError, match="8001 to 8100 are taken"):
        command.free_port(None)
    taken.clear()
    capsys.readouterr()
    assert command.free_port(None) == 8001
    assert capsys.readouterr().err == ""


def test_parts_that_start_later_wait_and_one_that_ends_by_itself_is_not_started_again(tmp_path):
    """In a process of its own, which takes signals as the supervisor does."""
    log = tmp_path / "log"
    say = f"import sys, time; open({str(log)!r}, 'a').write(sys.argv[1] + chr(10)); time.sleep(float(sys.argv[2]))"
    script = (
        "import sys, time, threading, os, signal\n"
        "from pathlib import Path\n"
        "from wayfare.site.up import Part, supervise\n"
        f"def part(name, seconds, once=False): return Part(name, (sys.executable, '-c', {say!r}, name, seconds), once)\n"
        "def tell():\n"
        "    time.sleep(2)\n"
        f"    Path({str(log)!r}).open('a').write('told' + chr(10))\n"
        "threading.Timer(6, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()\n"
        "supervise([part('web', '60')], tell, lambda: None, [part('feed', '0.5'), part('people', '0.1', True)])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = log.read_text().split()
    assert lines[:2] == ["web", "told"]
    assert lines.count("people") == 1
    assert lines.count("feed") >= 2, "the control: what is to run for ever is started again"
