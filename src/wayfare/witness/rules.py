"""What a witness takes and what it refuses (C2SP tlog-witness).

Pure. Each refusal has the status that the specification gives it, a code, and a body; they come in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wayfare.tlog import merkle, notes
from wayfare.tlog.merkle import EMPTY, Unproven
from wayfare.tlog.notes import Checkpoint, Malformed, Note, Unverified, Verifier

REQUEST_LIMIT = notes.NOTE_LIMIT + 4096
"""Bytes in a request: a note, 63 hashes and a size."""


class Refusal(Exception):
    """Why there is no cosignature: an HTTP status, a code, the answer's body, perhaps a note that tells on a log."""

    def __init__(self, status: int, code: str, body: str, evidence: str = "") -> None:
        super().__init__(f"{status} {code}: {body}")
        self.status = status
        self.code = code
        self.body = body
        self.evidence = evidence


class Seen(NamedTuple):
    """The latest tree of a log that was cosigned."""

    size: int
    root: bytes


NOTHING = Seen(0, EMPTY)
"""What a witness has seen of a log that it has never cosigned."""


class Submission(NamedTuple):
    """A request: a checkpoint's note, and the proof that it continues the tree of an old size."""

    old: int
    proof: list[bytes]
    note: Note
    checkpoint: Checkpoint


def parse(body: bytes) -> Submission:
    """Read the body of an `add-checkpoint`. Raises: Refusal."""
    try:
        text = notes.as_text(body, REQUEST_LIMIT, "the request")
        head, blank, rest = text.partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or not first.startswith("old "):
            raise Malformed("old_line", "the request is not a line `old SIZE`, hashes, an empty line and a checkpoint")
        if len(lines) > notes.PROOF_LIMIT:
            raise Malformed("too_many_hashes", f"the proof has more than {notes.PROOF_LIMIT} hashes")
        old = notes.number(first[4:], "the old size")
        proof = [notes.root_hash(line, f"hash {n} of the proof") for n, line in enumerate(lines, 1)]
        note = notes.parse_note(rest.encode())
        return Submission(old, proof, note, notes.parse_checkpoint(note.text))
    except Malformed as problem:
        raise Refusal(400, problem.code, f"{problem}\n") from None


def signed(submission: Submission, trusted: Sequence[Verifier]) -> Submission:
    """Return a submission with those signatures alone that trusted keys of its origin made.

    Raises: Refusal; 404 when no key is trusted for that origin, 403 when none signed or a signature does not hold.
    """
    if not trusted:
        raise Refusal(404, "unknown_origin", "this witness does not know a log of that origin\n")
    try:
        found = notes.verify(submission.note, trusted)
    except Unverified as problem:
        raise Refusal(403, problem.code, f"{problem}\n") from None
    return submission._replace(note=Note(submission.note.text, [one.signature for one in found]))


def check_continues(submission: Submission, seen: Seen) -> None:
    """Check that a signed checkpoint continues what was seen of its log. Raises: Refusal (400, 409, 422)."""
    old, proof, note, checkpoint = submission
    if old > checkpoint.size:
        raise Refusal(400, "old_tree_larger", f"the old size {old} is above that of the checkpoint\n")
    if old != seen.size:
        raise Refusal(409, "other_old_size", f"{seen.size}\n")
    try:
        if old:
            merkle.check_consistency(old, checkpoint.size, proof, seen.root, checkpoint.root)
        elif proof:
            raise Unproven("proof_too_long", "there is nothing to prove of a tree without leaves")
        elif checkpoint.size == 0 and checkpoint.root != EMPTY:
            raise Unproven("root_differs", "the root of a tree without leaves is another")
    except Unproven as problem:
        raise Refusal(422, problem.code, f"{problem}\n", str(note)) from None
