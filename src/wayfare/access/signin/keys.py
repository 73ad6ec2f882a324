"""The key that seals the secrets of code generators: a file in the home's `keys`, never in the database.

AES-256-GCM-SIV with the owner as associated data: a sealed secret moved to another member of staff does not open.
Whoever loses the file loses no account for good: staff whose codes no longer open come back by recovery.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

from wayfare.ledger import disk

_VERSION = b"\x01"
_NONCE_BYTES = 12
NAME = "staff-codes"


class KeyProblem(RuntimeError):
    """The key cannot be used; the text names the file and the mend."""


def opened(folder: Path) -> bytes:
    """Return the 32 bytes of the key in a folder; made whole, for its owner alone, at first use. Raises: KeyProblem."""
    path = folder / NAME
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk.make_once(path, secrets.token_bytes(32))
    if path.stat().st_mode & 0o077:
        raise KeyProblem(f"{path} can be read by others; chmod 600 it, and let staff make their codes anew")
    key = path.read_bytes()
    if len(key) != 32:
        raise KeyProblem(f"{path} has {len(key)} bytes and not 32; restore it from the backup of the keys")
    return key


def of_this_home() -> bytes:
    """Return the key of this installation. Raises: KeyProblem."""
    return opened(settings.WAYFARE_HOME / "keys")


def sealed(key: bytes, owner: bytes, secret: bytes) -> bytes:
    """Return a secret sealed for its owner: a version, a nonce, the ciphertext."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCMSIV(key).encrypt(nonce, secret, _VERSION + owner)


def unsealed(key: bytes, owner: bytes, box: bytes) -> bytes | None:
    """Return what was sealed for this owner; None for anything else."""
    if len(box) < 1 + _NONCE_BYTES + 16 or box[:1] != _VERSION:
        return None
    try:
        return AESGCMSIV(key).decrypt(box[1 : 1 + _NONCE_BYTES], box[1 + _NONCE_BYTES :], _VERSION + owner)
    except InvalidTag:
        return None
