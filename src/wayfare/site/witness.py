"""`wayfare witness run`: one process that serves a witness's door."""

from __future__ import annotations

import os
import sys

import click

from wayfare.site.up import WORKER_STOP_SECONDS, address, free
from wayfare.tlog.keys import KeyProblem
from wayfare.witness.cli import home
from wayfare.witness.state import State, signers


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8010, show_default=True, help="Where to listen.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
def run(port: int, host: str) -> None:
    """Answer logs that ask for cosignatures until stopped (Ctrl-C). TLS is the proxy's."""
    free(port, host)
    try:
        names = {signer.verifier.name for signer in signers(home())}
    except KeyProblem as problem:
        raise click.UsageError(str(problem)) from None
    State(home())
    click.echo(f"The witness {' '.join(names)} answers at {address(host, port)}add-checkpoint")
    sys.stdout.flush()
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--respawn-failed-workers", "--log-level", "warning", "--no-ws", "--http", "1"]
    command += ["--backpressure", "64", "--http1-header-read-timeout", "10000"]
    command += ["--workers-kill-timeout", str(WORKER_STOP_SECONDS)]
    os.execv(sys.executable, [*command, "wayfare.site.witness_worker:application"])  # noqa: S606
