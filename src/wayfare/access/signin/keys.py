"""The key that seals the secrets of code generators: a file in the home's `keys`, never in the database.

AES-256-GCM-SIV with the owner as associated data: a sealed secret moved to another member of staff does not open.
The database knows the key by its fingerprint: a file that is gone or is another one is told, and none is made in its
place. Whoever has lost it for good makes a new one (`wayfare staff renew-key`); staff then come back by recovery.
A key that is made from it seals forms that are kept while somebody signs in again (`web/kept.py`).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wayfare.access import keyfiles
from wayfare.access.door import door
from wayfare.access.keyfiles import KeyProblem as KeyProblem
from wayfare.access.statements import rows

_VERSION = b"\x01"
_NONCE_BYTES = 12
NAME = "staff-codes"


def opened(folder: Path) -> bytes:
    """Return the 32 bytes of the key in a folder; makes none. Raises: KeyProblem."""
    key = keyfiles.read(folder / NAME)
    if len(key) != 32:
        raise KeyProblem("unreadable", f"{folder / NAME} has {len(key)} bytes and not 32; {keyfiles.MEND}")
    return key


def mark(key: bytes) -> bytes:
    """Return 16 bytes by which the key is known again, and which tell nothing of it."""
    return HKDF(SHA256(), 16, None, b"wayfare staff codes mark").derive(key)


def of_this_home() -> bytes:
    """Return the key of this installation, made where the database knows of none. Raises: KeyProblem."""
    path = keyfiles.path_of(NAME)
    known = rows("select mark from access_key where name = %s", [NAME])
    if not known:
        keyfiles.make(path)
        with door():
            known = rows("select access_note_key(%s, %s)", [NAME, mark(opened(path.parent))])
    key = opened(path.parent)
    if mark(key) != bytes(known[0][0]):
        raise keyfiles.wrong(path)
    return key


def for_forms(key: bytes) -> bytes:
    """Return the key, made from this one, that seals what was typed while somebody signs in again."""
    return HKDF(SHA256(), 32, None, b"wayfare kept forms").derive(key)


def check(cursor: Any) -> None:
    """Compare the key with the one that the database knows, if it knows one; makes none. Raises: KeyProblem."""
    cursor.execute("select mark from access_key where name = %s", [NAME])
    known, path = cursor.fetchone(), keyfiles.path_of(NAME)
    if known is not None and bytes(known[0]) != mark(opened(path.parent)):
        raise keyfiles.wrong(path)


def renew(cursor: Any) -> None:
    """Make a new key in the place of one that is lost: what the old one sealed never opens again. As owner."""
    keyfiles.path_of(NAME).unlink(missing_ok=True)
    cursor.execute("delete from access_key where name = %s", [NAME])


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
