"""`wayfare up`: one supervisor over the processes of an installation."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
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
    once: bool = False
    """Whether it ends by itself, and is then not started again."""


def start(part: Part) -> subprocess.Popen[bytes]:
    supervisor = os.getpid()

    def child() -> None:
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))  # often 1,024 by itself: a file a connection
        os.setpgid(0, 0)  # Ctrl-C is for the supervisor, who then stops everything in order
        end_with_parent(signal.SIGTERM, supervisor)

    return subprocess.Popen(part.command, stdin=subprocess.DEVNULL, preexec_fn=child)  # noqa: S603


def supervise(
    parts: list[Part], tell: Callable[[], None], tend: Callable[[], None], later: Sequence[Part] = ()
) -> None:
    """Run parts until told to stop; start again whatever dies, the sooner the longer it had lived.

    `tell` runs once beside them; `tend` every second, for what is not a child of ours: the database's keeper.
    `later`: parts that start when `tell` has ended, so that they do not hold the others up.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopping.append(received))
    running = {part: start(part) for part in parts}
    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    started = dict.fromkeys(parts, time.monotonic())
    tended = time.monotonic()
    while not stopping:
        time.sleep(0.1)
        if time.monotonic() - tended > TEND_SECONDS:
            tended = time.monotonic()
            tend()
        if later and not telling.is_alive():
            running |= {part: start(part) for part in later}
            started |= dict.fromkeys(later, time.monotonic())
            later = ()
        for part, process in running.items():
            if part.once:
                continue
            if process.poll() is not None and time.monotonic() - started[part] > RESTART_SECONDS:
                click.echo(f"wayfare: {part.name} ended ({process.returncode}); starting it again", err=True)
                started[part] = time.monotonic()
                running[part] = start(part)
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


class Taken(click.UsageError):
    """Somebody listens at a port."""


def free(port: int, host: str) -> None:
    """Check that nobody listens there, and that one can. Raises: Taken, click.UsageError."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno == errno.EADDRNOTAVAIL:  # as 127.0.0.1 where there is IPv6 alone
                raise click.UsageError(
                    f"--host {host}: this machine has no such address; name one that it has, such as ::1"
                ) from None
            if problem.errno == errno.EADDRINUSE:
                raise Taken(
                    f"--port {port}: {problem.strerror}; is another Wayfare up? Stop it, or choose another --port"
                ) from None
            raise click.UsageError(f"--port {port} of {host}: {problem.strerror}; choose another --port") from None


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


def zones_agree() -> None:
    """Check before anything starts that what is counted is counted with the time zones that are on record."""
    from wayfare.departures import zones

    if problem := zones.difference():
        raise click.ClickException(problem)


def wait_and_tell(port: int, host: str, lines: list[str]) -> Callable[[], None]:
    def tell() -> None:
        with told("starting the web server"):
            up = _answers(port, host, 60)
        if up:
            click.echo("\n".join(lines))
            sys.stdout.flush()
            return
        click.echo(f"wayfare: nothing answers at {address(host, port)} after 60 s; see the lines above", err=True)

    return tell


def tend_database() -> None:
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
    zones_agree()
    lines = [f"Wayfare is up at {address(host, port)}"]
    supervise([web(port, host), LOG], wait_and_tell(port, host, lines), tend_database)
