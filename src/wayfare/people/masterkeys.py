"""Master keys, one an epoch, behind one small interface; their secrets are files of a folder that is no database's.

`LocalKeys` keeps them as they are; `tokenkeys.TokenKeys` sealed under keys that never leave a hardware module.

An epoch has one secret of 256 random bits, from which its keys are derived (HKDF, RFC 5869): the one that wraps the
data keys of people, and one for each kind of keyed token. A new epoch begins while the system runs; once all data
keys are wrapped anew, the old epoch is destroyed, and with it whatever older backups hold of people erased since.
Epochs are numbered from 1 and no number comes twice, because the newest epoch cannot be destroyed.

The folder also has `index`, a secret for all epochs, without which nobody can make a token of a name.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wayfare.access.keyfiles import KeyProblem
from wayfare.common import disk
from wayfare.people import sealing

SECRET_BYTES = 32
TOKEN_KINDS = ("search", "links", "marks")
IN_CLEAR = "wayfare people secret 1"
"""The first line of a secret's file that holds it as it is."""
IN_MODULE = "wayfare people secret in a token 1"
"""The first line of a secret's file that opens with a key in a PKCS#11 token."""
_EPOCH = re.compile(r"epoch-([1-9][0-9]{0,8})", re.ASCII)
_INDEX = "index"
MEND = "put the folder that belongs to this database back from the backup of the keys; none was made in its place"


class MasterKeyProblem(KeyProblem):
    """A master key cannot be used; `code` names the reason, the text names the file and the mend.

    | code | when |
    | --- | --- |
    | `open_to_others` | the folder or a file of it can be read by others |
    | `unreadable` | a file is not a secret of ours |
    | `gone` | the database knows keys, and none of them is in the folder |
    | `older` | the folder lacks the newest key that the database knows: it is an older copy |
    | `wrong` | a file holds another key than the one that the database knows |
    | `other_folder` | the folder belongs to another installation: none of its keys is one that the database knows |
    | `left` | the key of a destroyed epoch is still here |
    | `no_epoch` | no key is here for this epoch: it was destroyed, or the folder is not the one that belongs here |
    | `newest` | the newest epoch is in use and cannot be destroyed |
    | `in_token` | the secret is sealed in a token, and no token is set |
    | `in_clear` | a token is set, and the secret lies beside it in the clear |
    | `token` | the module or the token is not there, or does not do what is asked |
    | `pin` | the file of the PIN is missing or open to others, or the token refuses the PIN or is locked |
    | `no_key` | the token has not the key that opens this file: it was destroyed, or this is another token |
    | `weak_key` | the token's key can be taken out of it |
    """


class MasterKeys(Protocol):
    """Whoever keeps the master keys. All raise MasterKeyProblem. Only `first` and `begin_epoch` make anything."""

    def first(self) -> int:
        """Return the newest epoch; make the first one and the index key where there are none."""

    def current(self) -> int:
        """Return the newest epoch."""

    def epochs(self) -> list[int]:
        """Return the epochs whose keys are here, oldest first."""

    def wrap(self, epoch: int, person: UUID, key: bytes) -> bytes:
        """Return a person's data key wrapped in an epoch."""

    def unwrap(self, epoch: int, person: UUID, wrapped: bytes) -> bytes:
        """Return the data key. Raises: SealRefusal, if it does not open."""

    def wrapping(self, epoch: int) -> sealing.Wrapping:
        """Return what wraps and unwraps many data keys in an epoch: for one batch, as it keeps the key at hand."""

    def token_key(self, epoch: int, kind: str) -> bytes:
        """Return the key (32 bytes) of one of TOKEN_KINDS in an epoch."""

    def index_key(self) -> bytes:
        """Return the key (32 bytes) that makes tokens of words, the same in all epochs."""

    def mark(self, epoch: int) -> bytes:
        """Return 16 bytes by which the epoch's key is known again, and which tell nothing of it."""

    def index_mark(self) -> bytes:
        """Return the same for the index key."""

    def begin_epoch(self) -> int:
        """Begin the next epoch and return it; of two at once one begins it and both return it."""

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy an epoch's secret for good. What only it opens never opens again."""

    @property
    def place(self) -> Path:
        """Where they are kept."""

    def names(self) -> list[str]:
        """Return the names of the secrets that are here: `epoch-1` and so on, and `index`."""

    def check(self) -> None:
        """Raise, if the keys that are here cannot be used; makes none."""

    def forms(self) -> dict[str, str]:
        """Return the first line of each secret's file by its name: IN_CLEAR, IN_MODULE or what is neither."""


class _Derived(NamedTuple):
    master: bytes
    tokens: dict[str, bytes]
    mark: bytes


def _derive(secret: bytes, purpose: str, length: int) -> bytes:
    return HKDF(SHA256(), length, None, f"{IN_CLEAR} {purpose}".encode()).derive(secret)


def _keys_of(secret: bytes) -> _Derived:
    tokens = {kind: _derive(secret, f"tokens {kind}", 32) for kind in TOKEN_KINDS}
    return _Derived(_derive(secret, "wrap", sealing.MASTER_BYTES), tokens, _derive(secret, "mark", 16))


def _tight(path: Path, mode: str) -> os.stat_result:
    found = path.stat()
    if (open_to := found.st_mode & 0o077) != 0:
        mend = f"chmod {mode} it, then begin a new epoch with `wayfare people rotate`, because it may have been read"
        raise MasterKeyProblem("open_to_others", f"{path} is open to others (mode {open_to:o} too much); {mend}")
    return found


def form(path: Path) -> str:
    """Return the first line of a file, empty if it is no text."""
    with path.open("rb") as file:
        return file.readline(80).decode("ascii", "replace").removesuffix("\n")


def secret_in(path: Path) -> bytes:
    """Return the secret that a file holds in the clear. Raises: MasterKeyProblem."""
    try:
        header, text, *rest = path.read_text("ascii").split("\n")
        found = bytes.fromhex(text)
    except (OSError, ValueError):
        header, found, rest = "", b"", []
    if header != IN_CLEAR or len(found) != SECRET_BYTES or rest != [""]:
        raise MasterKeyProblem("unreadable", f"{path} is not a secret of this program; put its backup in its place")
    return found


def overwrite(path: Path) -> None:
    """Overwrite a file and remove it; a disk may keep what was overwritten."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    disk.sync(path.parent)


class FolderKeys(ABC):
    """Master keys whose secrets are files of a folder, for its owner alone; made at first start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int, int], _Derived]] = {}

    @abstractmethod
    def _make(self, name: str) -> None:
        """Make a new secret; who comes second finds it made."""

    @abstractmethod
    def _read(self, name: str, path: Path) -> bytes:
        """Return the secret that a file gives."""

    @abstractmethod
    def _may_end(self, path: Path) -> None:
        """Raise, if what opens a file cannot be destroyed just now."""

    @abstractmethod
    def _end(self, path: Path) -> None:
        """Destroy what opens a file, apart from the file."""

    def _here(self) -> list[str]:
        """Return the names in the folder; none, if there is no folder."""
        try:
            _tight(self.folder, "700")
        except FileNotFoundError:
            return []
        return os.listdir(self.folder)

    def _made(self) -> Path:
        """Return the folder, made if there is none."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk.sync(self.folder.parent)
        _tight(self.folder, "700")
        return self.folder

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the only one of all processes that makes, moves or destroys; the next waits."""
        try:
            number = os.open(self.folder, os.O_RDONLY)
        except FileNotFoundError:
            raise MasterKeyProblem("gone", f"there is no folder {self.folder}; {MEND}") from None
        try:
            fcntl.flock(number, fcntl.LOCK_EX)
            yield
        finally:
            os.close(number)

    @property
    def place(self) -> Path:
        """See MasterKeys."""
        return self.folder

    def names(self) -> list[str]:
        """See MasterKeys."""
        index = [_INDEX] if _INDEX in self._here() else []
        return [f"epoch-{epoch}" for epoch in self.epochs()] + index

    def _secret(self, name: str) -> _Derived:
        """Return what a file's secret gives; the file is looked at each time, so that a destroyed one is missed."""
        path = self.folder / name
        try:
            _tight(self.folder, "700")
            found = _tight(path, "600")
        except FileNotFoundError:
            self._known.pop(name, None)
            why = "it was destroyed, or this is not the folder that belongs to the database"
            raise MasterKeyProblem("no_epoch", f"there is no {path}: {why}") from None
        which = found.st_dev, found.st_ino, found.st_mtime_ns
        known = self._known.get(name)
        if known is None or known[0] != which:
            known = self._known[name] = which, _keys_of(self._read(name, path))
        return known[1]

    def epochs(self) -> list[int]:
        """See MasterKeys."""
        return sorted(int(match[1]) for name in self._here() if (match := _EPOCH.fullmatch(name)))

    def first(self) -> int:
        """See MasterKeys."""
        self._made()
        if not self.epochs():
            self._make("epoch-1")
        if not (self.folder / _INDEX).exists():
            self._make(_INDEX)
        return self.current()

    def current(self) -> int:
        """See MasterKeys."""
        if not (found := self.epochs()):
            raise MasterKeyProblem("gone", f"there are no master keys in {self.folder}; {MEND}")
        return found[-1]

    def wrap(self, epoch: int, person: UUID, key: bytes) -> bytes:
        """See MasterKeys."""
        return sealing.wrap(self._secret(f"epoch-{epoch}").master, person, epoch, key)

    def unwrap(self, epoch: int, person: UUID, wrapped: bytes) -> bytes:
        """See MasterKeys."""
        return sealing.unwrap(self._secret(f"epoch-{epoch}").master, person, epoch, wrapped)

    def wrapping(self, epoch: int) -> sealing.Wrapping:
        """See MasterKeys."""
        return sealing.Wrapping(self._secret(f"epoch-{epoch}").master, epoch)

    def token_key(self, epoch: int, kind: str) -> bytes:
        """See MasterKeys."""
        return self._secret(f"epoch-{epoch}").tokens[kind]

    def index_key(self) -> bytes:
        """See MasterKeys."""
        return self._secret(_INDEX).tokens["search"]

    def mark(self, epoch: int) -> bytes:
        """See MasterKeys."""
        return self._secret(f"epoch-{epoch}").mark

    def index_mark(self) -> bytes:
        """See MasterKeys."""
        return self._secret(_INDEX).mark

    def begin_epoch(self) -> int:
        """See MasterKeys."""
        epoch = self.first() + 1
        self._make(f"epoch-{epoch}")
        return epoch

    def destroy_epoch(self, epoch: int) -> None:
        """Destroy what opens the epoch's file, overwrite the file and remove it; killed half-way, do it again.

        A disk may keep what was overwritten: the folder belongs on an encrypted disk, and its backups in a place
        of their own with a short retention.
        """
        path, ending = self.folder / f"epoch-{epoch}", self.folder / f".epoch-{epoch}.ending"
        with self._alone():
            here = self.epochs()
            if here and epoch == here[-1]:
                raise MasterKeyProblem(
                    "newest", f"epoch {epoch} is in use; begin the next with `wayfare people rotate`"
                )
            if path.exists():
                self._may_end(path)
                path.replace(ending)  # nobody looks for it from now on
            elif not ending.exists():
                raise MasterKeyProblem("no_epoch", f"there is no {path}: it was destroyed before")
            self._end(ending)
            overwrite(ending)
        self._known.pop(f"epoch-{epoch}", None)

    def check(self) -> None:
        """See MasterKeys."""
        for name in self.names():
            self._secret(name)

    def forms(self) -> dict[str, str]:
        """See MasterKeys."""
        return {name: form(self.folder / name) for name in self.names()}


class LocalKeys(FolderKeys):
    """Master keys whose secrets lie in their files as they are."""

    def _make(self, name: str) -> None:
        disk.make_once(self.folder / name, f"{IN_CLEAR}\n{secrets.token_hex(SECRET_BYTES)}\n".encode())

    def _read(self, name: str, path: Path) -> bytes:
        self._may_end(path)
        return secret_in(path)

    def _may_end(self, path: Path) -> None:
        if form(path) == IN_MODULE:
            mend = "set WAYFARE_KEYS_TOKEN and WAYFARE_KEYS_PIN_FILE to it"
            raise MasterKeyProblem("in_token", f"{path} opens with a key in a PKCS#11 token; {mend}")

    def _end(self, path: Path) -> None:
        self._may_end(path)
