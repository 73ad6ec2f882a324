"""Which witnesses are known here, and how many of them a checkpoint needs.

Pure. A witness counts once, whatever number of keys it cosigns with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from wayfare.tlog import notes
from wayfare.tlog.notes import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    Malformed,
    Note,
    Unverified,
    Verified,
    Verifier,
)

KEYS_LIMIT = 48
"""Keys of all witnesses together: with the log's own they fit into one note."""
_HERE = ("localhost", "127.0.0.1", "::1")


class Witness(NamedTuple):
    """Where a witness takes checkpoints, and the keys that it cosigns with, all of one name."""

    url: str
    verifiers: tuple[Verifier, ...]

    @property
    def name(self) -> str:
        """Return its name."""
        return self.verifiers[0].name


def key_of(verifier: Verifier) -> str:
    """Return what tells the keys of all witnesses apart in the database: name and key id."""
    return f"{verifier.name}+{verifier.key_id.hex()}"


def parse_witnesses(text: str) -> list[Witness]:
    """Read a list of witnesses: a line `URL VKEY…` each; what follows a # is left aside.

    Raises: Malformed, naming the line; also when one witness, or one key, stands there twice and would count twice.
    """
    found: list[Witness] = []
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.partition("#")[0].split():
            try:
                witness = _parse_witness(words)
                _check_apart(witness, found)
            except Malformed as problem:
                raise Malformed(problem.code, f"line {number}: {problem}") from None
            found.append(witness)
    return found


def _parse_witness(words: list[str]) -> Witness:
    url, *keys = words
    _check_url(url)
    verifiers = tuple(notes.parse_verifier(key) for key in keys)
    if not verifiers:
        raise Malformed("no_key", "a witness needs a verifier key after its address")
    if len({verifier.name for verifier in verifiers}) > 1:
        raise Malformed("names", "the keys of one witness have several names; write a line for each witness")
    if any(verifier.kind not in (COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44) for verifier in verifiers):
        raise Malformed("kind", f"a key of {verifiers[0].name} is one for notes; a witness's is one for cosignatures")
    return Witness(url.rstrip("/"), verifiers)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
    if not safe or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment or not url.isascii():
        raise Malformed("url", "the address is not https://HOST[:PORT][/PATH], or http:// to this machine itself")


def _check_apart(witness: Witness, others: Sequence[Witness]) -> None:
    if any(witness.name == other.name for other in others):
        raise Malformed("twice", f"{witness.name} stands there twice; write all its keys in one line")
    keys = [verifier.public for one in (*others, witness) for verifier in one.verifiers]
    if len(set(keys)) != len(keys):
        raise Malformed("twice", f"a key of {witness.name} stands there twice")
    if len(keys) > KEYS_LIMIT:
        raise Malformed("too_many_keys", f"the witnesses have more than {KEYS_LIMIT} keys in all")


def cosigned(note: Note, witness: Witness) -> list[Verified]:
    """Return the cosignatures of a witness under a checkpoint. Raises: Unverified, when one is bad or there is none."""
    found = notes.verify(note, witness.verifiers)
    if not all(one.timestamp for one in found):
        raise Unverified("no_timestamp", f"a cosignature of {witness.name} says no time")
    return found


def _vouches(note: Note, witness: Witness) -> bool:
    try:
        return bool(cosigned(note, witness))
    except (Malformed, Unverified):
        return False


def enough(note: Note, witnesses: Iterable[Witness], quorum: int) -> bool:
    """Tell whether at least `quorum` of the known witnesses cosigned a checkpoint."""
    return sum(_vouches(note, witness) for witness in witnesses) >= quorum
