"""`wayfare up` and `wayfare demo`: one supervisor over the processes of an installation."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click

from wayfare.site.processes import end_with_parent
from wayfare.site.progress import told

RESTART_SECONDS = 0.3
STOP_SECONDS = 10.0
WORKER_STOP_SECONDS = 5
TEND_SECONDS = 1.0
CONNECTIONS = 4096
"""Of one web worker. Granian accepts no more (512 by itself), so that connections without a request keep others out."""
HEADER_SECONDS = 10
"""How long a connection may take to send a request's headers (30 by itself)."""


class Part(NamedTuple):
    """One process that the supervisor keeps running."""

    name: str
    command: tuple[str, ...]


def _start(part: Part) -> subprocess.Popen[bytes]:
    supervisor = os.getpid()

    def child() -> None:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))  # often 1,024 by itself: a file a connection
        os.setpgid(0, 0)  # Ctrl-C is for the supervisor, who then stops everything in order
        end_with_parent(signal.SIGTERM, supervisor)

    return subprocess.Popen(part.command, stdin=subprocess.DEVNULL, preexec_fn=child)  # noqa: S603


def supervise(parts: list[Part], tell: Callable[[], None], tend: Callable[[], None]) -> None:
    """Run parts until told to stop; start again whatever dies, the sooner the longer it had lived.

    `tell` runs once beside them; `tend` every second, for what is not a child of ours: the database's keeper.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    running = {part: _start(part) for part in parts}
    threading.Thread(target=tell, daemon=True).start()
    started = dict.fromkeys(parts, time.monotonic())
    tended = time.monotonic()
    while not stopping:
        time.sleep(0.1)
        if time.monotonic() - tended > TEND_SECONDS:
            tended = time.monotonic()
            tend()
        for part, process in running.items():
            if process.poll() is not None and time.monotonic() - started[part] > RESTART_SECONDS:
                click.echo(f"wayfare: {part.name} ended ({process.returncode}); starting it again", err=True)
                started[part] = time.monotonic()
                running[part] = _start(part)
    for process in running.values():
        process.terminate()
    until = time.monotonic() + STOP_SECONDS
    for process in running.values():
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def web(port: int, host: str) -> Part:
    """Return the web process: pages, API and live updates on one port."""
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", host, "--port", str(port)]
    command += ["--workers", "2", "--respawn-failed-workers", "--log-level", "warning", "--no-ws"]
    command += ["--workers-kill-timeout", str(WORKER_STOP_SECONDS)]  # else one that hangs keeps granian for ever
    command += ["--backlog", str(CONNECTIONS), "--backpressure", str(CONNECTIONS)]
    command += ["--http1-header-read-timeout", str(HEADER_SECONDS * 1000)]
    return Part("web", (*command, "wayfare.site.worker:application"))


LOG = Part("log", (sys.executable, "-m", "wayfare.ledger.jobs"))
"""Keeps the ledger's log in step and signed."""


def free(port: int, host: str) -> None:
    """Check that nobody listens there. Raises: click.UsageError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            raise click.UsageError(
                f"--port {port}: {problem.strerror}; is another Wayfare up? Stop it, or choose another --port"
            ) from None


def free_for_demo(asked: int | None) -> int:
    """Return the port that was asked for, if it is free; else the first free one from 8000 on, and say so of another.

    Raises: click.UsageError.
    """
    port = asked or int(os.environ.get("WAYFARE_PORT", "0"))
    if port:
        free(port, "127.0.0.1")
        return port
    for port in range(8000, 8100):
        try:
            free(port, "127.0.0.1")
        except click.UsageError:
            continue
        if port != 8000:
            click.echo(f"wayfare: port 8000 is taken; using {port}", err=True)
        return port
    raise click.UsageError("the ports 8000 to 8099 are taken; choose another --port")


def _master_keys_can_be_used() -> None:
    """Check them before anything starts: what is wrong is told once, and a token is not asked by every process."""
    from wayfare.people.installed import master_keys
    from wayfare.people.masterkeys import MasterKeyProblem
    from wayfare.site.check import key_problems

    try:
        master_keys().check()
    except MasterKeyProblem as problem:
        raise click.ClickException(str(problem)) from None
    for wrong in key_problems():
        click.echo(f"wayfare: {wrong}", err=True)  # everything else runs meanwhile


def address(host: str, port: int) -> str:
    """Return the URL of a web server; an IPv6 address stands in brackets (RFC 3986, section 3.2.2)."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _answers(port: int, host: str, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _zones_agree() -> None:
    """Check before anything starts that what is counted is counted with the time zones that are on record."""
    from wayfare.departures import zones

    if problem := zones.difference():
        raise click.ClickException(problem)


def _wait_and_tell(port: int, host: str, lines: list[str]) -> Callable[[], None]:
    def tell() -> None:
        with told("starting the web server"):
            up = _answers(port, host, 60)
        if up:
            click.echo("\n".join(lines))
            sys.stdout.flush()
            return
        click.echo(f"wayfare: nothing answers at {address(host, port)} after 60 s; see the lines above", err=True)

    return tell


def _tend_database() -> None:
    """See to it that somebody keeps the embedded database: whoever did may have been killed."""
    from django.conf import settings

    from wayfare.site import embedded

    if settings.EMBEDDED:
        embedded.tend(settings.WAYFARE_HOME)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Where to listen (default: WAYFARE_PORT).")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
def up(port: int | None, host: str) -> None:
    """Run database, web and live updates until stopped (Ctrl-C)."""
    from wayfare.site import runtime, settings

    port = port or settings.WAYFARE_PORT
    free(port, host)
    runtime.bring_up(told)
    _master_keys_can_be_used()
    os.environ["WAYFARE_DEMO"] = "no"  # whatever was set: only `wayfare demo` shows exact figures to everybody
    _zones_agree()
    lines = [f"Wayfare is up at {address(host, port)}"]
    supervise([web(port, host), LOG], _wait_and_tell(port, host, lines), _tend_database)


def _wayfare(*arguments: str) -> None:
    process = _start(Part(arguments[0], (sys.executable, "-m", "wayfare.site.cli", *arguments)))
    try:
        if process.wait():
            sys.exit(process.returncode)  # it has said why
    finally:  # Ctrl-C is ours; it may be stopped at any point, and does the rest next time
        process.terminate()
        process.wait()


def _histories(history: Path, programmes: Path) -> None:
    """Write the example's entries: published years with known truth, and this year as it may have been so far."""
    from wayfare.departures import simulation

    figures = simulation.read_figures(None)
    programmes.write_text(json.dumps(simulation.programmes(figures.corridors), ensure_ascii=False))
    with history.open("w", encoding="ascii") as file:
        file.writelines(simulation.lines(figures, figures.corridors, 0.5, 1))
        file.writelines(simulation.this_year_so_far(figures, datetime.now(UTC), 0.5, 2))


def _make_demo_home(home: Path) -> None:
    """Make a home for the example, or go on with one. Raises: click.UsageError for any other installation.

    In a demo everybody reads exact figures: of a home of real people none is ever made.
    """
    mark = home / "demo-home"
    if "DATABASE_URL" in os.environ:
        raise click.UsageError("DATABASE_URL is set, and the example needs a database of its own; unset it")
    ours = mark.exists() or (home / "demo-is-filled").exists()
    if not ours and home.exists() and any(home.iterdir()):
        raise click.UsageError(
            f"WAYFARE_HOME={home} is not a home of `wayfare demo`; name an empty folder, or unset it"
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()


def _demo_programme(home: Path) -> None:
    """Bring the database of a demo home up and, while that works, fill an empty home with a small history."""
    from wayfare.site import runtime

    done = home / "demo-is-filled"
    history, programmes = home / "demo.jsonl", home / "demo-programmes.json"
    if done.exists():
        runtime.bring_up()
        return
    click.echo("wayfare: starting a database, and making a small history from published figures", err=True)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(_histories, history, programmes)
        runtime.bring_up()
        written.result()
    click.echo(f"wayfare: importing it for {len(json.loads(programmes.read_bytes()))} programmes", err=True)
    _wayfare("programme", "import", str(programmes))
    _wayfare("ledger", "import", str(history))
    done.touch()


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Where to listen (default: 8000 or above).")
def demo(port: int | None) -> None:
    """Run a living example: published figures made into histories, and departures that arrive as you watch."""
    home = Path(os.environ.setdefault("WAYFARE_HOME", ".wayfare-demo")).absolute()
    os.environ["WAYFARE_HOME"] = str(home)
    port = free_for_demo(port)
    _make_demo_home(home)
    os.environ["WAYFARE_DEMO"] = "yes"
    _demo_programme(home)
    _zones_agree()
    feed = Part("feed", (sys.executable, "-m", "wayfare.departures.feed"))
    lines = [
        f"Wayfare's example is up at http://127.0.0.1:{port}/",
        "  Departures arrive every second or two; watch the figures move.",
        "  The figures before this year are UNHCR's (CC BY 4.0); this year's, and the people, are invented.",
        f"  Try: WAYFARE_HOME={shlex.quote(str(home))} ./wayfare stats table --by year,destination",
        f"       WAYFARE_HOME={shlex.quote(str(home))} ./wayfare ledger verify",
        "  Ctrl-C stops it; what it holds stays.",
    ]
    supervise([web(port, "127.0.0.1"), LOG, feed], _wait_and_tell(port, "127.0.0.1", lines), _tend_database)
