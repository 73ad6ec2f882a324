"""`python -m wayfare.ledger.jobs`: keeps the ledger's log grown and signed, at most a second behind, until stopped."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

import django
from django.conf import settings
from django.db import Error, connection

from wayfare.ledger.log import keys, operations, queries, witnesses
from wayfare.ledger.log.source import LEDGER

log = logging.getLogger(__name__)
PAUSE_SECONDS = 0.25
TROUBLE_SECONDS = 10.0


def folder() -> Path:
    """Return where the keys of the ledger's log are kept."""
    return Path(settings.WAYFARE_HOME) / "keys" / "log-ledger"


def opened() -> keys.Keys:
    """Return the keys of the ledger's log, made under the name in the settings at first use.

    Raises: KeyProblem, also where the log is signed already by keys that are not here: another machine keeps it.
    """
    if not folder().exists() and queries.signed_size(LEDGER.log) is not None:
        raise keys.KeyProblem(f"the log is signed already, and its keys are not in {folder()}")
    return keys.opened(folder(), settings.LOG_NAME)


def keep(stop: threading.Event, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Grow, sign and tell the witnesses until told to stop. Outlives a restart of the database; never signs a fork.

    What stands in the way is told once, not at every turn.
    """
    told = ""
    while not stop.is_set():
        wait = pause_seconds
        try:
            held = opened()
            operations.keep_up(LEDGER, held)
            witnesses.tell_witnesses(LEDGER.log, held)
            told = ""
        except Error as problem:
            log.warning("the log waits for the database: %s", problem)
            connection.close()  # Django keeps a dead connection until told; the next turn opens a new one
        except (operations.WouldFork, keys.KeyProblem) as problem:
            if str(problem) != told:
                told = str(problem)
                log.error("nothing is signed from here: %s", told)
            wait = TROUBLE_SECONDS
        stop.wait(wait)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    django.setup()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    keep(stop)


if __name__ == "__main__":
    main()
