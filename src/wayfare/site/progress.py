"""Lines on standard error that say what a start is doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

EVERY_SECONDS = 5.0


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print what begins, and every few seconds that it still goes on."""
    click.echo(f"wayfare: {what}", err=True)
    start, done = time.monotonic(), threading.Event()

    def repeat() -> None:
        while not done.wait(EVERY_SECONDS):
            click.echo(f"wayfare: still {what} ({time.monotonic() - start:.0f} s)", err=True)

    threading.Thread(target=repeat, daemon=True).start()
    try:
        yield
    finally:
        done.set()
