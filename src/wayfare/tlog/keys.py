"""A log's private keys and its last word, in a folder of the home: what must not be in a database backup.

`name` says who the log is (its origin), `note.pem` signs checkpoints as notes (Ed25519), `cosign.pem` cosigns them
(ML-DSA-44), `last` is the last checkpoint that was signed. The folder is made whole or not at all, for its owner alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from wayfare.common import disk
from wayfare.tlog.notes import NOTE_ED25519, Ed25519Signer, MLDSA44Signer, Signer, Verifier, is_key_name

_NOTE, _COSIGN, _LAST, _NAME = "note.pem", "cosign.pem", "last", "name"


class KeyProblem(RuntimeError):
    """The keys cannot be used; the text names the file and the mend."""


class Keys(NamedTuple):
    """The keys of one log, or of one witness, and where they are kept."""

    folder: Path
    name: str
    signers: list[Signer]

    @property
    def verifiers(self) -> list[Verifier]:
        """The public halves."""
        return [signer.verifier for signer in self.signers]

    def last(self) -> bytes | None:
        """Return the note signed last, None if none ever was."""
        path = self.folder / _LAST
        return path.read_bytes() if path.exists() else None

    def remember(self, note: str) -> None:
        """Keep a note as the one signed last; it is on disk when this returns."""
        disk.write(self.folder / f"{_LAST}.new", note.encode())
        os.replace(self.folder / f"{_LAST}.new", self.folder / _LAST)
        disk.sync(self.folder)


def _pem(key: Ed25519PrivateKey | MLDSA44PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _make(folder: Path, name: str, last: bytes | None) -> None:
    """Write a whole folder of new keys beside its place, and move it there; who comes second finds it made."""
    if not is_key_name(name):
        raise KeyProblem(f"{name!r} cannot name a log; use a host name and a path such as wayfare.example/ledger")
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    partial.mkdir(mode=0o700, parents=True)
    try:
        disk.write(partial / _NAME, name.encode())
        disk.write(partial / _NOTE, _pem(Ed25519PrivateKey.generate()))
        disk.write(partial / _COSIGN, _pem(MLDSA44PrivateKey.generate()))
        if last is not None:
            disk.write(partial / _LAST, last)
        disk.sync(partial)
        if not folder.exists():
            os.rename(partial, folder)
            disk.sync(folder.parent)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def opened(folder: Path, name: str) -> Keys:
    """Return the keys in a folder, made under a name at first use; later the name is the one they were made with.

    Raises: KeyProblem.
    """
    if not folder.exists():
        _make(folder, name, None)
    if (mode := folder.stat().st_mode & 0o077) != 0:
        raise KeyProblem(f"{folder} is open to others (mode {mode:o} too much); chmod 700 it, and rotate the keys")
    try:
        note = load_pem_private_key((folder / _NOTE).read_bytes(), None)
        cosign = load_pem_private_key((folder / _COSIGN).read_bytes(), None)
        known_as = (folder / _NAME).read_text()
    except (OSError, ValueError) as problem:
        raise KeyProblem(f"the keys in {folder} cannot be read: {problem}") from None
    if not isinstance(note, Ed25519PrivateKey) or not isinstance(cosign, MLDSA44PrivateKey):
        raise KeyProblem(f"the keys in {folder} are of other kinds than Ed25519 and ML-DSA-44")
    return Keys(folder, known_as, [Ed25519Signer(known_as, NOTE_ED25519, note), MLDSA44Signer(known_as, cosign)])


def rotated(folder: Path) -> Keys:
    """Put new keys in the place of a folder's; the old private halves are destroyed. Raises: KeyProblem."""
    old = opened(folder, "")
    made = folder.with_name(f"{folder.name}.next")
    shutil.rmtree(made, ignore_errors=True)
    _make(made, old.name, old.last())
    for file in (_NOTE, _COSIGN):
        os.replace(made / file, folder / file)
    disk.sync(folder)
    shutil.rmtree(made)
    return opened(folder, old.name)
