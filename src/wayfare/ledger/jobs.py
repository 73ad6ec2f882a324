"""`python -m wayfare.ledger.jobs`: keeps each log grown and signed, at most a second behind, until stopped."""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path

import django
from django.conf import settings
from django.db import Error, connections

from wayfare.ledger import registry
from wayfare.ledger.source import LEDGER
from wayfare.tlog import keys, notes, operations, queries, witnesses
from wayfare.tlog.parts import Source
from wayfare.tlog.source import SOURCES

log = logging.getLogger(__name__)
PAUSE_SECONDS = 0.25
TROUBLE_SECONDS = 10.0
TELL_SECONDS = 2.0
"""How often witnesses are told while there is nothing to sign: those who were slow or away."""


def folder(name: str = LEDGER.log) -> Path:
    """Return where the keys of a log are kept."""
    return Path(settings.WAYFARE_HOME) / "keys" / f"log-{name}"


def opened(name: str = LEDGER.log) -> keys.Keys:
    """Return the keys of a log, made under the name in the settings at first use.

    Raises: KeyProblem, also where the log is signed already by keys that are not here: another machine keeps it.
    """
    where = folder(name)
    if not where.exists() and queries.signed_size(name) is not None:
        raise keys.KeyProblem(f"the log is signed already, and its keys are not in {where}")
    return keys.opened(where, settings.LOG_NAMES[name])


def key_problem(name: str) -> str:
    """Return what is wrong with the keys of a log that is signed: gone, or another home's. Makes none."""
    where = folder(name)
    if queries.signed_size(name) is None:
        return ""
    mend = f"put the folder {where} back from the backup of the keys; until then nothing is signed from here"
    if not where.exists():
        return f"the log {name} is signed already, and its keys are not in {where}; {mend}"
    try:
        last = keys.opened(where, settings.LOG_NAMES[name]).last()
        if last is None:
            return f"the keys in {where} never signed the log {name}, which is signed; {mend}"
        notes.verify(notes.parse_note(last), [notes.parse_verifier(key.verifier) for key in queries.keys(name)])
    except (keys.KeyProblem, notes.Malformed, notes.Unverified) as problem:
        return f"the keys in {where} are not those that sign the log {name} ({problem}); {mend}"
    return ""


def keep(stop: threading.Event, source: Source = LEDGER, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Grow, sign and tell the witnesses until told to stop. Outlives a restart of the database; never signs a fork.

    What stands in the way is told once, not at every turn.
    """
    told, tell_again = "", 0.0
    while not stop.is_set():
        wait = pause_seconds
        try:
            held = opened(source.log)
            signed = operations.keep_up(source, held)
            if signed is not None or time.monotonic() >= tell_again:
                witnesses.tell_witnesses(source.log, held, seconds=0)  # their threads go on; signing waits for nobody
                tell_again = time.monotonic() + TELL_SECONDS
            told = ""
        except Error as problem:
            log.warning("the log %s waits for the database: %s", source.log, problem)
            connections.close_all()  # Django keeps a dead connection until told; the next turn opens a new one
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
    others = [threading.Thread(target=keep, args=(stop, SOURCES[name])) for name in SOURCES if name != LEDGER.log]
    others += [threading.Thread(target=run, args=(stop,)) for run in registry.beside_the_logs]
    for thread in others:
        thread.start()
    keep(stop)
    for thread in others:
        thread.join()


if __name__ == "__main__":
    main()
