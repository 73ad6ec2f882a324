"""Master keys that open only with a PKCS#11 token: a hardware module, a smart card, or SoftHSM in tests.

A token here is what PKCS#11 calls one, and has nothing to do with the tokens by which people are found. Each secret of
the folder has an AES-256 key of its own in the token, made there, which never leaves it. The file holds the secret
sealed under that key (AES-GCM), with the file's name and the key's id as associated data, so that a file in another's
place does not open. A secret is opened once a process and then kept in memory: turning over a million keys asks the
token twice. With a key destroyed in the token, no copy of its file opens again, wherever it is.

A file: the line IN_MODULE; the key's id, 16 bytes in hex; nonce, ciphertext and tag, 12 + 32 + 16 bytes in hex.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error, TokenFlag

from wayfare.common import disk
from wayfare.people.masterkeys import (
    IN_CLEAR,
    IN_MODULE,
    SECRET_BYTES,
    FolderKeys,
    MasterKeyProblem,
    form,
    overwrite,
    secret_in,
)

ID_BYTES = 16
_NONCE_BYTES, _TAG_BYTES = 12, 16
_SEALED_BYTES = _NONCE_BYTES + SECRET_BYTES + _TAG_BYTES
_one_at_a_time = threading.Lock()
"""A module is initialised once a process, and for one thread."""

_IT = "the token {label!r} of WAYFARE_KEYS_TOKEN"
_WRITE = "write that into the file of WAYFARE_KEYS_PIN_FILE"
_SHOWN = "`pkcs11-tool --module {module} --list-token-slots`"
_MENDS: dict[type[PKCS11Error], tuple[str, str]] = {
    pkcs11.NoSuchToken: ("token", f"{_IT} is not there; plug it in, or name one that {_SHOWN} shows"),
    pkcs11.MultipleTokensReturned: ("token", f"{_IT} is one of several of this label; give it another"),
    pkcs11.PinLocked: ("pin", f"{_IT} is locked after wrong PINs; have a new one set by its officer, and {_WRITE}"),
    pkcs11.PinExpired: ("pin", f"{_IT} has a PIN that expired; set a new one, and {_WRITE}"),
    pkcs11.UserPinNotInitialized: ("pin", f"{_IT} has no user's PIN yet; set one, and {_WRITE}"),
    pkcs11.MechanismInvalid: ("token", f"{_IT} has no AES-256 with GCM (CKM_AES_GCM); use one that has"),
    pkcs11.TokenWriteProtected: ("token", f"{_IT} may not be written to; allow it: each epoch has a key there"),
}
_REFUSED_PIN = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
_NOT_OPENED = (
    pkcs11.GeneralError,
    pkcs11.FunctionFailed,
    pkcs11.DataInvalid,
    pkcs11.EncryptedDataInvalid,
    pkcs11.EncryptedDataLenRange,
)
"""What modules say of a tag that does not fit."""


class Sealed(NamedTuple):
    """What the file of a secret says."""

    key_id: bytes
    sealed: bytes

    def text(self) -> bytes:
        """Return the file."""
        return f"{IN_MODULE}\n{self.key_id.hex()}\n{self.sealed.hex()}\n".encode()

    @classmethod
    def of(cls, path: Path) -> Sealed:
        """Return what a file says. Raises: MasterKeyProblem."""
        try:
            header, *lines, rest = path.read_text("ascii").split("\n")
            key_id, sealed = (bytes.fromhex(line) for line in lines)
        except (OSError, ValueError):
            header, key_id, sealed, rest = "", b"", b"", ""
        if header != IN_MODULE or rest or (len(key_id), len(sealed)) != (ID_BYTES, _SEALED_BYTES):
            raise _unreadable(path)
        return cls(key_id, sealed)


def _unreadable(path: Path) -> MasterKeyProblem:
    why = "it was altered, or belongs in another place"
    return MasterKeyProblem("unreadable", f"the token does not open {path}: {why}; put its backup in its place")


def _associated(name: str, key_id: bytes) -> bytes:
    return f"{IN_MODULE}\n{name}\n{key_id.hex()}".encode()


class Token:
    """A PKCS#11 token, used for a moment at a time: nothing of its module is left open, and a fork harms nothing."""

    def __init__(self, module: str, label: str, pin_file: Path) -> None:
        self.module, self.label, self.pin_file = module, label, pin_file
        self._refused: tuple[int, int, int] | None = None

    @contextmanager
    def _pin(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """Give the PIN, and by what its file is known again; other processes wait. Raises: MasterKeyProblem.

        SoftHSM takes a token that another process is just writing to for none at all.
        """
        named = f"WAYFARE_KEYS_PIN_FILE={str(self.pin_file)!r}"
        try:
            file = self.pin_file.open("rb")
        except OSError as problem:
            mend = "name a file that this user can read"
            raise MasterKeyProblem("pin", f"{named}: {problem.strerror}; {mend}") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            found = os.fstat(file.fileno())
            if found.st_mode & 0o077:
                mend = "chmod 600 it, and change the PIN, because it may have been read"
                raise MasterKeyProblem("pin", f"{named} is open to others; {mend}")
            which = found.st_ino, found.st_size, found.st_mtime_ns
            if which == self._refused:
                raise self._wrong_pin()
            try:
                text = file.read(256).decode().rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                text = ""
            if not text or "\n" in text:
                raise MasterKeyProblem("pin", f"{named} is not one line of text; write the PIN into it, and no more")
            yield text, which

    def _wrong_pin(self) -> MasterKeyProblem:
        mend = f"write the right one into {str(self.pin_file)!r}"
        why = "it is not tried again before that, because tokens lock themselves"
        text = f"WAYFARE_KEYS_PIN_FILE: the token {self.label!r} refuses this PIN; {mend} ({why})"
        return MasterKeyProblem("pin", text)

    def _problem(self, problem: PKCS11Error) -> MasterKeyProblem:
        code, text = _MENDS.get(type(problem), ("token", ""))
        if text:
            return MasterKeyProblem(code, text.format(module=self.module, label=self.label))
        said = f"{type(problem).__name__} {problem}".strip()
        text = f"the token {self.label!r} of WAYFARE_KEYS_TOKEN does not do what is asked ({said})"
        return MasterKeyProblem(code, f"{text}; see whether it is there, and what its own log says")

    def _loaded(self) -> Any:
        try:
            return pkcs11.lib(self.module)
        except PKCS11Error as problem:
            said = str(problem) or type(problem).__name__
            mend = "name a PKCS#11 module that is there, and see to its own configuration"
            text = f"WAYFARE_KEYS_TOKEN: {self.module} does not start ({said}); {mend}"
            raise MasterKeyProblem("token", text) from None

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Be logged in. Raises: MasterKeyProblem, also for what the token refuses within."""
        with _one_at_a_time, self._pin() as (pin, which):
            module = self._loaded()
            try:
                token = module.get_token(token_label=self.label)
                if token.flags & TokenFlag.USER_PIN_LOCKED:
                    raise pkcs11.PinLocked
                with token.open(rw=True, user_pin=pin) as session:
                    yield session
            except _REFUSED_PIN:
                self._refused = which
                raise self._wrong_pin() from None
            except PKCS11Error as problem:
                raise self._problem(problem) from None
            finally:
                with suppress(PKCS11Error):
                    module.finalize()


def _key(session: Any, key_id: bytes) -> Any:
    """Return a key of the token. Raises: NoSuchKey; MasterKeyProblem, if it could be taken out."""
    key = session.get_key(object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, id=key_id)
    if key[Attribute.EXTRACTABLE] or not key[Attribute.SENSITIVE]:
        mend = "have it destroyed, and begin a new epoch"
        raise MasterKeyProblem("weak_key", f"the token's key {key_id.hex()} can be taken out of it; {mend}")
    return key


def _key_made(session: Any, key_id: bytes, name: str) -> Any:
    """Return the key of this id, made if it is not there."""
    with suppress(pkcs11.NoSuchKey):
        return _key(session, key_id)
    session.generate_key(
        KeyType.AES,
        256,
        id=key_id,
        label=f"wayfare {name}",
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template={Attribute.PRIVATE: True, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return _key(session, key_id)


def _sealed(key: Any, key_id: bytes, name: str, secret: bytes) -> Sealed:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    about = GCMParams(nonce, _associated(name, key_id), 8 * _TAG_BYTES)
    sealed = key.encrypt(secret, mechanism=Mechanism.AES_GCM, mechanism_param=about)
    return Sealed(key_id, nonce + sealed)


def _unsealed(key: Any, name: str, said: Sealed) -> bytes:
    """Return the secret. Raises: PKCS11Error, one or another, if it was sealed for another place."""
    about = GCMParams(said.sealed[:_NONCE_BYTES], _associated(name, said.key_id), 8 * _TAG_BYTES)
    found = key.decrypt(said.sealed[_NONCE_BYTES:], mechanism=Mechanism.AES_GCM, mechanism_param=about)
    return bytes(found)


class TokenKeys(FolderKeys):
    """Master keys whose files open with a token alone.

    `.NAME.making` holds the id of a key that is being made, so that who was killed half-way leaves no key behind.
    """

    def __init__(self, folder: Path, token: Token) -> None:
        super().__init__(folder)
        self.token = token

    def _intent(self, name: str) -> Path:
        return self.folder / f".{name}.making"

    def _sealed_anew(self, session: Any, name: str, secret: bytes) -> bytes:
        """Return the file of a secret, under a key that is made for it; it has been opened once."""
        intent = self._intent(name)
        disk.make_once(intent, secrets.token_hex(ID_BYTES).encode())
        key_id = bytes.fromhex(intent.read_text("ascii"))
        key = _key_made(session, key_id, name)
        made = _sealed(key, key_id, name, secret)
        if _unsealed(key, name, made) != secret:
            raise MasterKeyProblem("token", f"the token {self.token.label!r} does not give back what it sealed")
        return made.text()

    def _make(self, name: str) -> None:
        with self._alone():
            if not (self.folder / name).exists():
                with self.token.session() as session:
                    made = self._sealed_anew(session, name, secrets.token_bytes(SECRET_BYTES))
                disk.make_once(self.folder / name, made)
            self._intent(name).unlink(missing_ok=True)

    def _read(self, name: str, path: Path) -> bytes:
        if form(path) == IN_CLEAR:
            mend = "seal it with `wayfare people keys --into-token`"
            raise MasterKeyProblem("in_clear", f"{path} lies in the clear, and WAYFARE_KEYS_TOKEN is set; {mend}")
        said = Sealed.of(path)
        with self.token.session() as session:
            try:
                key = _key(session, said.key_id)
            except pkcs11.NoSuchKey:
                mend = "if that was meant, run `wayfare people erase-epoch` again; if not, restore the token's backup"
                text = f"the token {self.token.label!r} of WAYFARE_KEYS_TOKEN has no key for {path}"
                raise MasterKeyProblem("no_key", f"{text} (id {said.key_id.hex()}); {mend}") from None
            try:
                return _unsealed(key, name, said)
            except _NOT_OPENED:
                raise _unreadable(path) from None

    def _may_end(self, path: Path) -> None:
        with self.token.session():
            pass

    def _end(self, path: Path) -> None:
        if form(path) != IN_MODULE:
            return
        with self.token.session() as session, suppress(pkcs11.NoSuchKey):
            session.get_key(object_class=ObjectClass.SECRET_KEY, id=Sealed.of(path).key_id).destroy()

    def check(self) -> None:
        """See MasterKeys."""
        with self.token.session():
            pass
        super().check()

    def take_over(self) -> list[str]:
        """Seal every secret that lies here in the clear into the token; return their names.

        Killed at any moment, each file opens in one form or the other, and the next time does the rest: also what
        an older process left of a secret in the clear, under another name. Raises: MasterKeyProblem.
        """
        with self._alone():
            found = [name for name in self.names() if form(self.folder / name) == IN_CLEAR]
            for name in found:
                self._take_over(name)
            for path in sorted(self.folder.iterdir()):
                if path.name.endswith(".plain") or form(path) == IN_CLEAR:
                    overwrite(path)
            for name in self.names():
                self._intent(name).unlink(missing_ok=True)
        return found

    def _take_over(self, name: str) -> None:
        path, plain, sealed = (self.folder / one for one in (name, f".{name}.plain", f".{name}.sealed"))
        secret = secret_in(path)
        with self.token.session() as session:
            made = self._sealed_anew(session, name, secret)
        if plain.exists() and not plain.samefile(path):
            overwrite(plain)
        with suppress(FileExistsError):
            os.link(path, plain)  # so that what lies in the clear is still there to be overwritten
        disk.write(sealed, made)
        sealed.replace(path)
        disk.sync(self.folder)
