"""Signed notes, checkpoints, cosignatures and proofs as text (C2SP signed-note, tlog-checkpoint, tlog-cosignature,
tlog-proof), read strictly and written exactly.

Pure. What is badly written is refused as `Malformed`, what is well written and untrue as `Unverified`, each reason with
a code of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from wayfare.tlog.merkle import HASH_SIZE, LARGEST
from wayfare.tlog.refusals import LogRefusal

NOTE_LIMIT = 256 * 1024
"""Bytes in a note: more than sixteen post-quantum signatures need."""
SIGNATURE_LIMIT = 64
PROOF_LIMIT = 63
"""Hashes in a proof of a tree of at most 2**63 - 1 leaves."""
EXTRA_LIMIT = 65_535
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
NOTE_ED25519, COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44 = 0x01, 0x04, 0x06
_KEY_SIZES = {NOTE_ED25519: 32, COSIGNATURE_ED25519: 32, COSIGNATURE_ML_DSA_44: 1312}
_SIGNATURE_SIZES = {NOTE_ED25519: 64, COSIGNATURE_ED25519: 8 + 64, COSIGNATURE_ML_DSA_44: 8 + 2420}
_NUMBER = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_EM_DASH = "\u2014"


class Malformed(LogRefusal):
    """Text that is not what it should be; the message says the problem and the mend."""


class Unverified(LogRefusal):
    """A note that its signatures do not bear out."""


class Signature(NamedTuple):
    """One signature line: who says to have signed, and the bytes, which for cosignatures begin with a timestamp."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """Return the line as it stands in a note, with its newline."""
        return f"{_EM_DASH} {self.name} {base64.b64encode(self.key_id + self.blob).decode()}\n"


class Note(NamedTuple):
    """A text, which ends in a newline, and its signatures, which are not yet checked."""

    text: str
    signatures: list[Signature]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)


class Checkpoint(NamedTuple):
    """The head of a log's tree: `size` leaves, `root` 32 bytes, `origin` the log's own name."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the note text."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions]
        return "".join(line + "\n" for line in lines)


class Proof(NamedTuple):
    """A tlog-proof: the inclusion proof of a leaf, the checkpoint's note, and perhaps what the leaf is made of."""

    leaf_index: int
    hashes: list[bytes]
    note: Note
    extra: bytes | None = None

    def __str__(self) -> str:
        lines = [PROOF_HEADER]
        if self.extra is not None:
            lines.append("extra " + base64.b64encode(self.extra).decode())
        lines += [
            f"index {self.leaf_index}",
            *(base64.b64encode(one).decode() for one in self.hashes),
            "",
            str(self.note),
        ]
        return "\n".join(lines)


def decoded(value: str, what: str) -> bytes:
    """Return what standard base64 (RFC 4648, section 4) stands for, if it is the one way to write it."""
    try:
        found = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("base64", f"{what} is not standard base64") from None
    if base64.b64encode(found).decode() != value:
        raise Malformed("base64", f"{what} is base64 written in another than the one right way")
    return found


def number(value: str, what: str) -> int:
    """Return a decimal without leading zeroes, at most 2**63 - 1."""
    if not _NUMBER.fullmatch(value):
        raise Malformed("number", f"{what} is not a decimal number without leading zeroes")
    if len(value) > 19 or int(value) > LARGEST:
        raise Malformed("size_beyond_limit", f"{what} is beyond 2^63 - 1")
    return int(value)


def root_hash(value: str, what: str) -> bytes:
    """Return a hash given in base64."""
    found = decoded(value, what)
    if len(found) != HASH_SIZE:
        raise Malformed("hash_length", f"{what} is {len(found)} bytes long, not 32")
    return found


def is_key_name(name: str) -> bool:
    """Tell whether a text may name a key: not empty, without spaces of any script, plus signs or control characters."""
    return bool(name) and "+" not in name and name.isprintable() and not any(char.isspace() for char in name)


def as_text(data: bytes, limit: int, what: str = "the note") -> str:
    """Return bytes as the text of lines that notes are made of."""
    if len(data) > limit:
        raise Malformed("too_long", f"{what} is longer than {limit} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("utf8", f"{what} is not UTF-8 at byte {error.start}") from None
    if "\r" in text:
        raise Malformed("carriage_return", f"{what} has a carriage return; lines end in a newline alone")
    if _CONTROL.search(text):
        raise Malformed("control_character", f"{what} has a control character")
    return text


def parse_note(data: bytes) -> Note:
    """Read a signed note. Raises: Malformed."""
    text = as_text(data, NOTE_LIMIT)
    body, blank, lines = text.rpartition("\n\n")
    if not blank:
        raise Malformed("no_signatures", "the note has no blank line with signatures after it")
    if not lines.endswith("\n"):
        raise Malformed("truncated", "the note does not end with the newline of its last signature")
    signatures = [_parse_signature(line) for line in lines[:-1].split("\n")]
    if len(signatures) > SIGNATURE_LIMIT:
        raise Malformed("too_many_signatures", f"the note has more than {SIGNATURE_LIMIT} signatures")
    keys = [(signature.name, signature.key_id) for signature in signatures]
    if len(set(keys)) != len(keys):
        raise Malformed("two_signatures_of_one_key", "two signatures of the note are by one key")
    return Note(body + "\n", signatures)


def _parse_signature(line: str) -> Signature:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _EM_DASH:
        raise Malformed(
            "signature_line", "a signature line is not an em dash, a key name and base64, with single spaces"
        )
    _, name, value = parts
    if not is_key_name(name):
        raise Malformed("key_name", "the key name of a signature is empty or has a space or a plus sign")
    blob = decoded(value, f"the signature of {name}")
    if len(blob) < 5:
        raise Malformed("signature_length", f"the signature of {name} is too short to be one")
    return Signature(name, blob[:4], blob[4:])


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a note as a checkpoint. Raises: Malformed."""
    if not text.endswith("\n"):
        raise Malformed("truncated", "the checkpoint does not end with a newline")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise Malformed("truncated", "the checkpoint has fewer than three lines")
    if not all(lines):
        raise Malformed("empty_line", "the checkpoint has an empty line")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, number(size, "the tree size"), root_hash(root, "the root hash"), tuple(extensions))


def parse_proof(data: bytes) -> Proof:
    """Read a tlog-proof. Raises: Malformed."""
    text = as_text(data, NOTE_LIMIT + 2 * EXTRA_LIMIT, "the proof")
    head, blank, note = text.partition("\n\n")
    if not blank:
        raise Malformed("truncated", "the proof has no checkpoint after a blank line")
    header, *lines = head.split("\n")
    if header != PROOF_HEADER:
        raise Malformed("proof_header", f"the first line of the proof is not {PROOF_HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decoded(lines.pop(0)[6:], "the extra data")
        if len(extra) > EXTRA_LIMIT:
            raise Malformed("too_long", f"the extra data are longer than {EXTRA_LIMIT} bytes")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("index_line", "the proof has no line with the index")
    index = number(lines.pop(0)[6:], "the index")
    if len(lines) > PROOF_LIMIT:
        raise Malformed("too_many_hashes", f"the proof has more than {PROOF_LIMIT} hashes")
    hashes = [root_hash(line, f"hash {n} of the proof") for n, line in enumerate(lines, 1)]
    return Proof(index, hashes, parse_note(note.encode()), extra)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the four bytes that tell the keys of one name apart."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


class Verifier(NamedTuple):
    """A public key under a name, for one kind of signature."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand in signatures of this key."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        """Return the verifier key (vkey)."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    def holds(self, text: str, blob: bytes) -> bool:
        """Tell whether a signature's bytes are this key's over a note's text."""
        if len(blob) != _SIGNATURE_SIZES[self.kind]:
            return False
        timestamp, signed = _signed(self.name, self.kind, text, blob)
        if timestamp is not None and timestamp > LARGEST:
            return False
        try:
            if self.kind == COSIGNATURE_ML_DSA_44:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(blob[8:], signed)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(blob[-64:], signed)
        except (InvalidSignature, ValueError):
            return False
        return True


def _signed(name: str, kind: int, text: str, blob: bytes) -> tuple[int | None, bytes]:
    """Return the timestamp of a signature, if its kind has one, and the bytes that are signed."""
    if kind == NOTE_ED25519:
        return None, text.encode()
    (timestamp,) = struct.unpack_from(">Q", blob)
    if kind == COSIGNATURE_ED25519:
        return timestamp, f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    checkpoint = parse_checkpoint(text)
    return timestamp, subtree_message(name, timestamp, checkpoint.origin, 0, checkpoint.size, checkpoint.root)


def subtree_message(name: str, timestamp: int, origin: str, start: int, end: int, root: bytes) -> bytes:
    """Return what an ML-DSA-44 cosignature signs (tlog-cosignature, `cosigned_message`). Raises: Malformed."""
    parts = [b"subtree/v1\n\0"]
    for value, what in ((name, "the cosigner's name"), (origin, "the origin")):
        if not 1 <= len(value.encode()) <= 255:
            raise Malformed("name_length", f"{what} is not 1 to 255 bytes long")
        parts.append(bytes([len(value.encode())]) + value.encode())
    parts.insert(2, struct.pack(">Q", timestamp))
    return b"".join([*parts, struct.pack(">QQ", start, end), root])


def parse_verifier(text: str) -> Verifier:
    """Read a verifier key. Raises: Malformed."""
    name, plus, rest = text.partition("+")
    ident, second, material = rest.partition("+")
    if not plus or not second or not is_key_name(name):
        raise Malformed("verifier_key", "a verifier key is a name, a key id and base64 with plus signs between")
    if not _KEY_ID.fullmatch(ident):
        raise Malformed("verifier_key", f"the key id of {name} is not eight hexadecimal digits")
    blob = decoded(material, f"the key of {name}")
    if not blob or blob[0] not in _KEY_SIZES:
        raise Malformed("unknown_algorithm", f"the key of {name} is of a kind that is not known here")
    if len(blob) != 1 + _KEY_SIZES[blob[0]]:
        raise Malformed("key_length", f"the key of {name} is {len(blob) - 1} bytes long, not {_KEY_SIZES[blob[0]]}")
    found = Verifier(name, blob[0], blob[1:])
    if found.key_id.hex() != ident:
        raise Malformed("key_id", f"the key id of {name} is not that of its key")
    return found


class Verified(NamedTuple):
    """A signature that holds: whose, and when it was made, in seconds since 1970, if its kind says so."""

    by: Verifier
    timestamp: int | None
    signature: Signature


def verify(note: Note, known: Iterable[Verifier]) -> list[Verified]:
    """Return the signatures by known keys; others are left aside.

    Raises: Unverified, when one of a known key does not hold, or when there is none.
    """
    keys = {(verifier.name, verifier.key_id): verifier for verifier in known}
    found = []
    for signature in note.signatures:
        verifier = keys.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if not verifier.holds(note.text, signature.blob):
            raise Unverified("wrong_signature", f"the signature of {signature.name} does not hold")
        timestamp, _ = _signed(verifier.name, verifier.kind, note.text, signature.blob)
        found.append(Verified(verifier, timestamp, signature))
    if not found:
        raise Unverified("no_known_signature", "the note has no signature by a key that is known here")
    return found


class Signer(Protocol):
    """A private key under a name."""

    @property
    def verifier(self) -> Verifier:
        """Its public half."""

    def sign(self, text: str, timestamp: int) -> Signature:
        """Sign a note's text; `timestamp` is in seconds since 1970, for the kinds of signature that carry it."""


class Ed25519Signer(NamedTuple):
    """Signs notes (kind 0x01) or cosigns checkpoints (kind 0x04)."""

    name: str
    kind: int
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self.kind, self.key.public_key().public_bytes_raw())

    def sign(self, text: str, timestamp: int) -> Signature:
        before = b"" if self.kind == NOTE_ED25519 else struct.pack(">Q", timestamp)
        _, signed = _signed(self.name, self.kind, text, before)
        return Signature(self.name, self.verifier.key_id, before + self.key.sign(signed))


class MLDSA44Signer(NamedTuple):
    """Cosigns checkpoints (kind 0x06)."""

    name: str
    key: MLDSA44PrivateKey

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, COSIGNATURE_ML_DSA_44, self.key.public_key().public_bytes_raw())

    def sign(self, text: str, timestamp: int) -> Signature:
        before = struct.pack(">Q", timestamp)
        _, signed = _signed(self.name, COSIGNATURE_ML_DSA_44, text, before)
        return Signature(self.name, self.verifier.key_id, before + self.key.sign(signed))


def signed_note(text: str, signers: Sequence[Signer], timestamp: int) -> Note:
    """Return a note signed by each of some keys."""
    return Note(text, [signer.sign(text, timestamp) for signer in signers])
