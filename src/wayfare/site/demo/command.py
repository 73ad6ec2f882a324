"""The command `wayfare demo`: makes a home of its own, fills it once, and runs it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import click

from wayfare.site import up
from wayfare.site.up import LOG, Part, supervise, wait_and_tell, web

HOSTS = ("127.0.0.1", "::1")
"""The example listens at one of these and nowhere else: whoever reaches it signs in by one click."""
PORTS_TRIED = 100
PEOPLE_DONE = "demo-has-people"
"""A file of the home: all invented people have their files."""


def free_port(asked: int | None, host: str = HOSTS[0]) -> int:
    """Return the port that was asked for, or 8000, if it is free; else the next free one, and say so.

    Raises: click.UsageError, at once where something else than a taken port is in the way.
    """
    wanted = asked or int(os.environ.get("WAYFARE_PORT", "0")) or 8000
    last = min(wanted + PORTS_TRIED - 1, 65_535)
    for port in range(wanted, last + 1):
        try:
            up.free(port, host)
        except up.Taken:
            continue
        if port != wanted:
            click.echo(f"wayfare: port {wanted} is taken; using {port}", err=True)
        return port
    raise click.UsageError(f"the ports {wanted} to {last} are taken; choose another --port")


def _wayfare(*arguments: str) -> None:
    process = up.start(Part(arguments[0], (sys.executable, "-m", "wayfare.site.cli", *arguments)))
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


def make_home(home: Path) -> None:
    """Make a home for the example, or go on with one. Raises: click.UsageError for any other installation.

    In a demo everybody reads exact figures and signs in by one click: of a home of real people none is ever made.
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


def _fill(home: Path) -> None:
    """Bring the database of a demo home up; fill an empty home with colleagues and a small history."""
    from wayfare.site import runtime

    done = home / "demo-is-filled"
    history, programmes = home / "demo.jsonl", home / "demo-programmes.json"
    if done.exists():
        runtime.bring_up()
        return
    click.echo("wayfare: starting a database, and making a small history from published figures", err=True)
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(_histories, history, programmes)
        runtime.bring_up()
        from wayfare.site.demo import colleagues

        if not colleagues.make():
            click.echo("wayfare: people work in this home already; nobody signs in to it by one click", err=True)
        written.result()
    click.echo(f"wayfare: importing it for {len(json.loads(programmes.read_bytes()))} programmes", err=True)
    _wayfare("programme", "import", str(programmes))
    _wayfare("ledger", "import", str(history))
    colleagues.name_offices_of_programmes()
    done.touch()


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Where to listen (default: 8000 or above).")
@click.option("--host", type=click.Choice(HOSTS), default=HOSTS[0], show_default=True, help="The address to listen at.")
def demo(port: int | None, host: str) -> None:
    """Run a living example: invented staff and people, histories made from published figures."""
    home = Path(os.environ.setdefault("WAYFARE_HOME", ".wayfare-demo")).absolute()
    os.environ["WAYFARE_HOME"] = str(home)
    make_home(home)
    os.environ["WAYFARE_DEMO"] = "yes"
    _fill(home)
    up.zones_agree()
    port = free_port(port, host)
    later = [Part("feed", (sys.executable, "-m", "wayfare.departures.feed"))]
    if not (home / PEOPLE_DONE).exists():
        later.append(Part("people", (sys.executable, "-m", "wayfare.site.demo.filling"), once=True))
    lines = [
        f"Wayfare's example is up at {up.address(host, port)}",
        "  Sign in there by one click, as a counsellor, a supervisor and so on. Staff and people are invented.",
        "  For a minute departures arrive every few seconds; then at the usual pace of each programme, a few a day.",
        "  The figures before this year are UNHCR's (CC BY 4.0); this year's are invented.",
        f"  Try: WAYFARE_HOME={shlex.quote(str(home))} ./wayfare stats table --by year,destination",
        f"       WAYFARE_HOME={shlex.quote(str(home))} ./wayfare ledger verify",
        "  Ctrl-C stops it; what it holds stays.",
    ]
    supervise([web(port, host), LOG], wait_and_tell(port, host, lines), up.tend_database, later)
