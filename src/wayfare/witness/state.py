"""A witness's folder: its keys, the logs it knows, and the latest tree of each that it cosigned.

SQLite in its most careful mode: what an answer rests on is on disk before the answer is given. The folder is never
brought back from a backup: an older memory would vouch for a rollback. A lost witness begins anew, under new keys.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from wayfare.common import disk
from wayfare.tlog import keys, notes
from wayfare.tlog.keys import KeyProblem
from wayfare.tlog.notes import COSIGNATURE_ED25519, Ed25519Signer, Malformed, Note, Signer, Verifier
from wayfare.witness import rules
from wayfare.witness.rules import NOTHING, Seen

SCHEMA = """
create table if not exists log_key (origin text not null, verifier text not null, primary key (origin, verifier));
create table if not exists seen (origin text primary key, hash text not null unique, size integer not null,
  root blob not null, note text not null);
"""
NAME_LIMIT = 255
"""Bytes in an origin or the name of a key: with a longer one nothing can be cosigned (tlog-cosignature)."""
BUSY_SECONDS = 10.0


def _fits(name: str) -> bool:
    return 1 <= len(name.encode()) <= NAME_LIMIT


def origin_hash(origin: str) -> str:
    """Return what stands for a log in the address of its checkpoint."""
    return sha256(origin.encode()).hexdigest()


def signers(folder: Path, name: str | None = None) -> list[Signer]:
    """Return a witness's cosigning keys: Ed25519 and ML-DSA-44, made under a name at first use. Raises: KeyProblem."""
    place = folder / "keys"
    if not place.exists():
        if name is None:
            raise KeyProblem(f"there are no keys in {place}; first: wayfare witness key --name witness.example/name")
        if not _fits(name):
            raise KeyProblem(f"the name of a witness has 1 to {NAME_LIMIT} bytes")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif name is not None and (place / "name").read_text() != name:
        raise KeyProblem(f"the keys in {place} have another name; a witness keeps the name that it began with")
    first, second = keys.opened(place, name or "").signers
    assert isinstance(first, Ed25519Signer)
    return [first._replace(kind=COSIGNATURE_ED25519), second]


class State:
    """The memory of a witness; any number of processes and threads may use one folder at once."""

    alone = "begin immediate"
    """From this statement on no other submission is checked until this one is written."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.sqlite"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = not self.file.exists()
        with closing(self._open()) as db:
            db.executescript(SCHEMA)
        if made:
            disk.sync(folder)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        return db

    def add_log(self, origin: str, verifiers: Sequence[Verifier]) -> None:
        """Trust keys for an origin, beside those that it has. Raises: Malformed."""
        if not origin.isprintable() or not all(_fits(name) for name in (origin, *(one.name for one in verifiers))):
            raise Malformed("origin", f"an origin, or the name of a key, is one line of 1 to {NAME_LIMIT} bytes")
        with closing(self._open()) as db, db:
            db.execute("begin immediate")
            db.executemany("insert or ignore into log_key values (?, ?)", [(origin, str(one)) for one in verifiers])

    def drop_key(self, verifier: Verifier) -> bool:
        """Trust a key no more; what was seen of its log stays in mind. Return whether it was trusted."""
        with closing(self._open()) as db, db:
            return db.execute("delete from log_key where verifier = ?", [str(verifier)]).rowcount > 0

    def logs(self) -> list[tuple[str, int | None, list[str]]]:
        """Return each log: its origin, the size that was cosigned last, the keys trusted for it."""
        with closing(self._open()) as db:
            found: dict[str, tuple[str, int | None, list[str]]] = {}
            for origin, size, verifier in db.execute(
                "select origin, size, verifier from log_key left join seen using (origin) order by origin, verifier"
            ):
                found.setdefault(origin, (origin, size, []))[2].append(verifier)
            return list(found.values())

    def checkpoint(self, wanted: str) -> str | None:
        """Return the note cosigned last for the log whose origin has a hash, None if none ever was."""
        with closing(self._open()) as db:
            row = db.execute("select note from seen where hash = ?", [wanted]).fetchone()
            return str(row[0]) if row else None

    def _trusted(self, db: sqlite3.Connection, origin: str) -> list[Verifier]:
        rows = db.execute("select verifier from log_key where origin = ?", [origin])
        return [notes.parse_verifier(text) for (text,) in rows.fetchall()]

    def _seen(self, db: sqlite3.Connection, origin: str) -> Seen:
        row = db.execute("select size, root from seen where origin = ?", [origin]).fetchone()
        return Seen(*row) if row else NOTHING

    def add_checkpoint(self, body: bytes, cosigners: Sequence[Signer], now: Callable[[], float] = time.time) -> str:
        """Check a submission against what was seen, keep it in mind, and return the cosignature lines.

        Check and record are one step, and on disk when this returns. Raises: Refusal, sqlite3.OperationalError.
        """
        submission = rules.parse(body)
        origin, size, root, _ = submission.checkpoint
        with closing(self._open()) as db, db:
            submission = rules.signed(submission, self._trusted(db, origin))
            note = submission.note
            db.execute(self.alone)
            rules.check_continues(submission, self._seen(db, origin))
            seconds = int(now())
            lines = [signer.sign(note.text, seconds) for signer in cosigners]
            db.execute(
                "insert into seen values (?, ?, ?, ?, ?) on conflict (origin)"
                " do update set size = excluded.size, root = excluded.root, note = excluded.note",
                [origin, origin_hash(origin), size, root, str(Note(note.text, [*note.signatures, *lines]))],
            )
        return "".join(line.line() for line in lines)
