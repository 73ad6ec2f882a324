"""One job."""

from __future__ import annotations

from threading import Event

SEEN: list[int] = []


def watch(stop: Event, pause_seconds: float = 0.01) -> None:
    """Count its own turns until it is told to stop."""
    while not stop.wait(pause_seconds):
        SEEN.append(len(SEEN))
