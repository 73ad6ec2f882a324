"""Having a log's checkpoints cosigned by witnesses (C2SP tlog-witness), and which checkpoint has enough of them.

Signing never waits for a witness, but for a bounded time; what a witness does or leaves undone is told in the log of
the process under its name, and harms nothing.
"""

from __future__ import annotations

import base64
import http.client
import logging
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from wayfare.tlog import notes, policy, queries
from wayfare.tlog.keys import Keys
from wayfare.tlog.notes import Checkpoint, Malformed, Note, Unverified, Verified
from wayfare.tlog.policy import Witness, key_of
from wayfare.tlog.writers import writing

EXCHANGE_SECONDS = 20.0
"""For one request to a witness, whatever it does."""
WAIT_SECONDS = 2.0
"""How long `tell_witnesses` waits for those it has told."""
RETRY_SECONDS_MAX = 300.0
SIZE_CONTENT_TYPE = "text/x.tlog.size"
ALARMS = ("ahead", "differs")
"""Either the witness lies, or our log is not what it was: these are for a person to look into at once."""
log = logging.getLogger(__name__)


class WitnessProblem(RuntimeError):
    """Why a witness did not cosign: `code` names the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def known() -> list[Witness]:
    """Return the witnesses of this installation: the file `witnesses` of its home. Raises: Malformed."""
    path = settings.WAYFARE_HOME / "witnesses"
    try:
        return policy.parse_witnesses(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise Malformed("utf8", f"{path} is not UTF-8") from None
    except Malformed as problem:
        raise Malformed(problem.code, f"{path}: {problem}") from None


# The latest checkpoint, to one witness


class Answer(NamedTuple):
    """What a witness answered."""

    status: int
    content_type: str
    body: bytes


def post(url: str, body: bytes, seconds: float) -> Answer:
    """Send a request and return the answer, which is read no longer than `seconds` and no further than a note's limit.

    Certificates are verified and redirections not followed. Raises: OSError, http.client.HTTPException, ValueError.
    """
    parts = urlsplit(url)
    host, until = parts.hostname or "", time.monotonic() + seconds
    link = (
        http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=seconds)
    )
    link.connect()
    opened = link.sock  # the link itself lets go of it when the answer begins

    def cut() -> None:
        with suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(seconds, cut)  # a socket's own timeout begins anew with each byte
    watchdog.daemon = True
    watchdog.start()
    try:
        link.request("POST", parts.path, body, {"Content-Type": "text/plain; charset=utf-8"})
        answer = link.getresponse()
        found = Answer(answer.status, answer.headers.get("content-type", ""), answer.read(notes.NOTE_LIMIT + 1))
        if time.monotonic() >= until:
            raise TimeoutError(f"no whole answer within {seconds:.0f} s")
        return found
    finally:
        watchdog.cancel()
        link.close()


def _seen(log_name: str, witness: Witness) -> int | None:
    """Return the largest size that a witness cosigned for us."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select max(size) from log_cosignature where log = %s and witness = any(%s)",
            [log_name, [key_of(verifier) for verifier in witness.verifiers]],
        )
        (size,) = cursor.fetchone()
        return None if size is None else int(size)


def _ask(log_name: str, witness: Witness, old: int, note: Note, size: int, seconds: float) -> Answer:
    proof = queries.consistency(log_name, old, size) if old else []
    hashes = "".join(base64.b64encode(one).decode() + "\n" for one in proof)
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: who waits for slow witnesses must not use it up
    try:
        return post(f"{witness.url}/add-checkpoint", f"old {old}\n{hashes}\n{note}".encode(), seconds)
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise WitnessProblem("unreachable", f"no answer: {problem!r:.300}") from None


def _told_size(answer: Answer) -> int:
    """Return the size that a witness says it has seen."""
    try:
        if answer.content_type != SIZE_CONTENT_TYPE:
            raise Malformed("content_type", f"a size is {SIZE_CONTENT_TYPE}, not {answer.content_type!r:.100}")
        return notes.number(notes.as_text(answer.body, 20, "its size").removesuffix("\n"), "its size")
    except Malformed as problem:
        raise WitnessProblem("garbled", f"409 without a size: {problem}") from None


def _checked(answer: Answer, note: Note, witness: Witness) -> list[Verified]:
    try:
        lines = notes.as_text(answer.body, notes.NOTE_LIMIT, "its answer")
        return policy.cosigned(notes.parse_note(f"{note.text}\n{lines}".encode()), witness)
    except (Malformed, Unverified) as problem:
        raise WitnessProblem("lies", f"what it answered is no cosignature of this checkpoint: {problem}") from None


def _keep(log_name: str, size: int, found: list[Verified]) -> None:
    with writing(), connection.cursor() as cursor:
        cursor.executemany(
            "insert into log_cosignature (log, size, witness, line) values (%s, %s, %s, %s)"
            " on conflict (log, size, witness) do update set line = excluded.line",
            [(log_name, size, key_of(one.by), one.signature.line()) for one in found],
        )


def submit(log_name: str, keys: Keys, witness: Witness, seconds: float = EXCHANGE_SECONDS) -> int | None:
    """Have a witness cosign a log's latest checkpoint and keep what it signed; return the size it vouches for now.

    Asks at most twice: a witness may say that it has seen another size than we remember. None if there is no
    checkpoint. Raises: WitnessProblem.
    """
    note = queries.latest(log_name, cosigned=False)
    if note is None:
        return None
    size, seen = notes.parse_checkpoint(note.text).size, _seen(log_name, witness)
    if seen == size:
        return size
    answer = _ask(log_name, witness, seen or 0, note, size, seconds)
    if answer.status == 409:
        told = _told_size(answer)
        if told > size:
            raise _ahead(log_name, keys, told)
        if told < (seen or 0):
            log.warning(
                "witness %s has seen %s leaves of %s, but cosigned %s before", witness.name, told, log_name, seen
            )
        answer = _ask(log_name, witness, told, note, size, seconds)
    if answer.status == 422:
        raise WitnessProblem("differs", f"it has seen another tree of {log_name} than the one of {size} leaves here")
    if answer.status != 200:
        raise WitnessProblem("refused", f"it answered {answer.status}: {answer.body[:200]!r}")
    _keep(log_name, size, _checked(answer, note, witness))
    return size


def _ahead(log_name: str, keys: Keys, told: int) -> WitnessProblem:
    if (queries.signed_size(log_name) or 0) >= told:
        return WitnessProblem("overtaken", "a later checkpoint was submitted meanwhile")
    last = keys.last()
    said = _checkpoint(last).size if last else 0
    why = (
        f"our own last word is {said}: the database is older than that"
        if said >= told
        else f"our own last word is {said}: it lies, or somebody else signs with our keys"
    )
    return WitnessProblem("ahead", f"it has seen {told} leaves of {log_name}, more than are published; {why}")


def _checkpoint(note: bytes) -> Checkpoint:
    return notes.parse_checkpoint(notes.parse_note(note).text)


# To all of them, beside signing


class _Teller:
    """Tells one witness of one log, in a thread of its own, one at a time; after failures ever less often."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.failures = 0
        self.not_before = 0.0

    def start(self, log_name: str, keys: Keys, witness: Witness) -> threading.Thread | None:
        """Begin, and return the thread; None if it is still at it, or waits after a failure."""
        if (self.thread is not None and self.thread.is_alive()) or time.monotonic() < self.not_before:
            return None
        self.thread = threading.Thread(target=self._tell, args=(log_name, keys, witness), daemon=True)
        self.thread.start()
        return self.thread

    def _tell(self, log_name: str, keys: Keys, witness: Witness) -> None:
        try:
            submit(log_name, keys, witness)
            self.failures = 0
            return
        except WitnessProblem as problem:
            if problem.code in ALARMS:
                log.critical("ALARM: witness %s of %s: %s: %s", witness.name, log_name, problem.code, problem)
            elif problem.code != "overtaken":
                log.warning("witness %s of %s: %s: %s", witness.name, log_name, problem.code, problem)
        except Exception:
            log.exception("witness %s of %s could not be told", witness.name, log_name)
        finally:
            connection.close()
        self.failures += 1
        self.not_before = time.monotonic() + min(RETRY_SECONDS_MAX, 2.0**self.failures)


_tellers: dict[tuple[str, str, Witness], _Teller] = {}


def tell_witnesses(log_name: str, keys: Keys, seconds: float = WAIT_SECONDS) -> None:
    """Send a log's latest checkpoint to the witnesses that have not cosigned it, and wait at most `seconds` for them.

    Raises nothing. To be called after signing, outside any transaction and by one thread, and now and then when there
    is nothing to sign: who is slow is waited for no longer, but what it answers later is kept; who fails is asked again
    by a later call, after 2, 4, 8 … at most 300 s.
    """
    try:
        witnesses = known()
    except (Malformed, OSError) as problem:
        log.error("no witness is told: %s", problem)
        return
    until = time.monotonic() + seconds
    database = str(connection.settings_dict["NAME"])
    tellers = [(_tellers.setdefault((database, log_name, one), _Teller()), one) for one in witnesses]
    for thread in [teller.start(log_name, keys, witness) for teller, witness in tellers]:
        if thread is not None:
            thread.join(max(0.0, until - time.monotonic()))


class Cosigned(NamedTuple):
    """The last checkpoint that a witness cosigned, by its own word; nothing if it never did."""

    name: str
    size: int | None
    at: datetime | None


def cosigned_last(log_name: str) -> list[Cosigned]:
    """Return for each known witness what it cosigned last; a cosignature that does not hold is none.

    Raises: Malformed, OSError, when the list of witnesses cannot be read.
    """
    return [_last_of(log_name, witness) for witness in known()]


def _last_of(log_name: str, witness: Witness) -> Cosigned:
    size = _seen(log_name, witness)
    note = None if size is None else queries.checkpoint_of(log_name, size)
    if note is None:
        return Cosigned(witness.name, None, None)
    try:
        seconds = max(one.timestamp or 0 for one in policy.cosigned(note, witness))
    except (Malformed, Unverified):
        return Cosigned(witness.name, None, None)
    return Cosigned(witness.name, size, datetime.fromtimestamp(seconds, UTC))


# What may be called published


def published(log_name: str) -> Note | None:
    """Return the newest checkpoint that enough witnesses cosigned (`WAYFARE_WITNESS_QUORUM`), None if there is none.

    Without a quorum it is the latest. Raises: Malformed, when the list of witnesses cannot be read.
    """
    quorum = settings.WITNESS_QUORUM
    if quorum == 0:
        return queries.latest(log_name)
    witnesses = known()
    for size in _cosigned_sizes(log_name, witnesses, quorum):
        note = queries.checkpoint_of(log_name, size)
        if note is not None and policy.enough(note, witnesses, quorum):
            return note
    return None


def _cosigned_sizes(log_name: str, witnesses: list[Witness], quorum: int) -> list[int]:
    """Return the latest sizes with lines of enough witnesses; their signatures are not checked here."""
    keys = [(key_of(verifier), n) for n, witness in enumerate(witnesses) for verifier in witness.verifiers]
    with connection.cursor() as cursor:
        cursor.execute(
            "select size from log_cosignature join unnest(%s::text[], %s::int4[]) as known (witness, number)"
            " using (witness) where log = %s group by size having count(distinct number) >= %s"
            " order by size desc limit 100",
            [[key for key, _ in keys], [n for _, n in keys], log_name, quorum],
        )
        return [size for (size,) in cursor.fetchall()]
