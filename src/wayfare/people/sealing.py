"""Sealing what is known of a person: one key a person, one sealed value a field group, nothing that can be moved.

A field group's bytes are sealed with AES-256-GCM-SIV (RFC 8452) under the person's random data key. The associated
data say where the value belongs (`Place`): moved to another person, group or version it does not open. Data keys
are wrapped with AES-SIV (RFC 5297) under an epoch's master key, with the person and the epoch as associated data.

A sealed value is one byte, 1, for the format; 12 bytes nonce; the ciphertext, its tag of 16 bytes last. Before
sealing, the bytes are padded to a multiple of 128 (ISO/IEC 7816-4): a database does not tell how long a name is.

Pure, apart from the randomness of keys and nonces.
"""

from __future__ import annotations

import secrets
import struct
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV, AESSIV

FORMAT = 1
KEY_BYTES = 32
"""Of a person's data key."""
MASTER_BYTES = 64
"""Of a master key: AES-SIV takes two keys of 256 bits."""
WRAPPED_BYTES = KEY_BYTES + 16
PAD_BYTES = 128
_NONCE_BYTES, _TAG_BYTES = 12, 16
_NUMBER_MAX = 2**32 - 1
_WRAP = b"wayfare people key 1"


class SealRefusal(ValueError):
    """A sealed value or a wrapped key that is not opened: `code` names the reason, the message says the problem.

    | code | when |
    | --- | --- |
    | `key_length` | a key has another length than its kind |
    | `place` | a group's name or a number that no place has |
    | `format` | sealed in a format that this version does not know |
    | `length` | too short, or cut, to be a sealed value or a wrapped key |
    | `not_opened` | altered, or sealed for another place or under another key: these cannot be told apart |
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Place(NamedTuple):
    """Where a sealed value belongs."""

    person: UUID
    group: str
    """ASCII, 1 to 255 characters."""
    version: int
    """Of the row: 1 at first, one more at each correction."""
    key_version: int
    """The epoch in which the value was sealed."""

    def associated(self) -> bytes:
        """Return the associated data; different places never have the same. Raises: SealRefusal."""
        return b"".join((bytes((FORMAT,)), self.person.bytes, _rest(*self[1:])))


@lru_cache(1_000)
def _rest(group: str, version: int, key_version: int) -> bytes:
    """Return the associated data without the person. Raises: SealRefusal."""
    name = group.encode("ascii", "replace")
    if not group.isascii() or not 0 < len(name) < 256:
        raise SealRefusal("place", f"{group!r} names no field group; use 1 to 255 ASCII characters")
    if not (0 < version <= _NUMBER_MAX and 0 < key_version <= _NUMBER_MAX):
        raise SealRefusal("place", f"version {version}, key version {key_version}: from 1 to 2^32 - 1")
    return b"".join((bytes((len(name),)), name, struct.pack(">II", version, key_version)))


def new_key() -> bytes:
    """Return a random data key for one person."""
    return secrets.token_bytes(KEY_BYTES)


def _padded(plain: bytes) -> bytes:
    return plain + b"\x80" + bytes(-(len(plain) + 1) % PAD_BYTES)


class Sealing:
    """A data key that is ready to seal and unseal many values: half of the work on one is making the key ready."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SealRefusal("key_length", f"a data key is {KEY_BYTES} bytes long, not {len(key)}")
        self._cipher = AESGCMSIV(key)

    def seal(self, place: Place, plain: bytes) -> bytes:
        """Return a field group's bytes, sealed for its place. Raises: SealRefusal."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return bytes((FORMAT,)) + nonce + self._cipher.encrypt(nonce, _padded(plain), place.associated())

    def unseal(self, place: Place, sealed: bytes) -> bytes:
        """Return what was sealed for this place. Raises: SealRefusal."""
        if not sealed or sealed[0] != FORMAT:
            raise SealRefusal("format", "is not sealed in format 1, the only one there is")
        if len(sealed) < 1 + _NONCE_BYTES + PAD_BYTES + _TAG_BYTES:
            raise SealRefusal("length", f"{len(sealed)} bytes are too few for a sealed value")
        try:
            padded = self._cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], place.associated())
        except InvalidTag:
            raise SealRefusal("not_opened", f"what is kept as {place.group} does not open here") from None
        plain, mark, rest = padded.rpartition(b"\x80")
        if not mark or any(rest):
            raise SealRefusal("not_opened", f"what is kept as {place.group} is not padded as we pad")
        return plain


def seal(key: bytes, place: Place, plain: bytes) -> bytes:
    """Return a field group's bytes, sealed for its place. Raises: SealRefusal."""
    return Sealing(key).seal(place, plain)


def unseal(key: bytes, place: Place, sealed: bytes) -> bytes:
    """Return what was sealed for this place. Raises: SealRefusal."""
    return Sealing(key).unseal(place, sealed)


class Wrapping:
    """A master key that is ready to wrap and unwrap many data keys in its epoch."""

    def __init__(self, master: bytes, epoch: int) -> None:
        if len(master) != MASTER_BYTES:
            raise SealRefusal("key_length", f"a master key is {MASTER_BYTES} bytes long, not {len(master)}")
        if not 0 < epoch <= _NUMBER_MAX:
            raise SealRefusal("place", f"epoch {epoch}: from 1 to 2^32 - 1")
        self._cipher, self._epoch, self._number = AESSIV(master), epoch, struct.pack(">I", epoch)

    def wrap(self, person: UUID, key: bytes) -> bytes:
        """Return a person's data key, wrapped (48 bytes). Raises: SealRefusal."""
        if len(key) != KEY_BYTES:
            raise SealRefusal("key_length", f"a data key is {KEY_BYTES} bytes long, not {len(key)}")
        return self._cipher.encrypt(key, [_WRAP, person.bytes, self._number])

    def unwrap(self, person: UUID, wrapped: bytes) -> bytes:
        """Return the data key that was wrapped for this person in this epoch. Raises: SealRefusal."""
        if len(wrapped) != WRAPPED_BYTES:
            raise SealRefusal("length", f"a wrapped key is {WRAPPED_BYTES} bytes long, not {len(wrapped)}")
        try:
            return self._cipher.decrypt(wrapped, [_WRAP, person.bytes, self._number])
        except InvalidTag:
            raise SealRefusal("not_opened", f"the wrapped key does not open in epoch {self._epoch}") from None


def wrap(master: bytes, person: UUID, epoch: int, key: bytes) -> bytes:
    """Return a person's data key, wrapped under the master key of an epoch (48 bytes). Raises: SealRefusal."""
    return Wrapping(master, epoch).wrap(person, key)


def unwrap(master: bytes, person: UUID, epoch: int, wrapped: bytes) -> bytes:
    """Return the data key that was wrapped for this person in this epoch. Raises: SealRefusal."""
    return Wrapping(master, epoch).unwrap(person, wrapped)
