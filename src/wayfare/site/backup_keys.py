"""The keys of an installation, apart from its backup: collected, compared by fingerprint, sealed into one file.

A file of keys is one line of text and a ciphertext. With a passphrase: AES-256-GCM under a key that scrypt makes. For a
recipient: HPKE (RFC 9180) with X25519, HKDF-SHA-256 and AES-256-GCM. The line is authenticated with the rest.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from wayfare.access import door
from wayfare.access.signin import keys as codes
from wayfare.common import disk
from wayfare.common.macs import pads
from wayfare.people import knownkeys
from wayfare.people.masterkeys import IN_MODULE, LocalKeys, MasterKeyProblem, form
from wayfare.tlog import keys as log_keys
from wayfare.tlog import notes

DOOR = door.NAME
PEOPLE = "people/"
LEFT_OUT = re.compile(r"database-(postgres|wayfare_owner|wayfare_reader|roles-apart)|.*\.new|\..*")
"""What belongs to one server and not to the data, or is just being written. `database-wayfare_app` is kept: on a server
of one's own the role has that password."""
_NAME = re.compile(r"[a-z0-9][\w.-]*(/[a-z0-9][\w.-]*)?", re.ASCII)
_HEADER = "wayfare keys 1"
_SCRYPT = {"n": 2**17, "r": 8, "p": 1}
_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
LEAST_PASSPHRASE = 15
_SHORT = 8
"""Bytes of a fingerprint that are shown."""


class KeyFileProblem(RuntimeError):
    """A file of keys, a passphrase or a recipient's key cannot be used; the text says why and what to do."""


class Lock(NamedTuple):
    """What a file of keys is sealed for: a passphrase or a recipient."""

    passphrase: str | None = None
    recipient: X25519PublicKey | None = None


class Opener(NamedTuple):
    """What opens a file of keys: a passphrase or the recipient's private key."""

    passphrase: str | None = None
    identity: X25519PrivateKey | None = None


def collected(keys: Path, people: Path) -> dict[str, bytes]:
    """Return the files of keys by name: those of a home's `keys`, and the master keys as `people/…`."""
    found: dict[str, bytes] = {}
    for path in sorted(keys.iterdir()):
        if path.is_dir() and path.name != PEOPLE.strip("/"):
            found |= _files_in(path, f"{path.name}/")
        elif path.is_file() and not LEFT_OUT.fullmatch(path.name):
            found[path.name] = path.read_bytes()
    return found | _files_in(people, PEOPLE)


def _files_in(folder: Path, prefix: str) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    names = [path for path in sorted(folder.iterdir()) if path.is_file() and not LEFT_OUT.fullmatch(path.name)]
    return {f"{prefix}{path.name}": path.read_bytes() for path in names}


def write(files: Mapping[str, bytes], keys: Path, people: Path | None) -> None:
    """Write files of keys into a home's `keys`, and the master keys into their folder; None: leave those out."""
    folders = {keys}
    for name, data in files.items():
        of_people = name.startswith(PEOPLE)
        if of_people and people is None:
            continue
        path = people / name.removeprefix(PEOPLE) if of_people and people else keys / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders.add(path.parent)
        disk.write(path, data)
    for folder in folders:
        disk.sync(folder)


# Fingerprints


def _short(data: bytes) -> str:
    return data[:_SHORT].hex()


def known(link: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the fingerprints of the keys that a database knows, by the name of their file or folder."""
    both = link.execute("select inner_pad, outer_pad from access_door").fetchone()
    found = {DOOR: door.mark(bytes(both[0]), bytes(both[1]))} if both else {}
    found |= {name: _short(bytes(mark)) for name, mark in link.execute("select name, mark from access_key")}
    for key in knownkeys.known_keys(lambda query: link.execute(query).fetchall()):
        found[PEOPLE + key.name] = _short(key.mark)
    by_log: dict[str, list[str]] = {}
    for log, verifier in link.execute("select log, verifier from log_key where retired is null"):
        by_log.setdefault(f"log-{log}", []).append(notes.parse_verifier(verifier).key_id.hex())
    return found | {name: "+".join(sorted(ids)) for name, ids in by_log.items()}


def fingerprints(keys: Path, people: Path) -> dict[str, str]:
    """Return the fingerprints of the keys in folders; empty for one that cannot be told here, as if in a token."""
    found = {path.name: _of_log(path) for path in sorted(keys.glob("log-*")) if path.is_dir()}
    if (keys / DOOR).exists():
        found[DOOR] = door.mark(*pads(door.key_in(keys / DOOR)))
    if (keys / codes.NAME).exists():
        found[codes.NAME] = _short(codes.mark((keys / codes.NAME).read_bytes()))
    held = LocalKeys(people)
    return found | {PEOPLE + name: _of_person(held, name) for name in held.names()}


def _of_log(folder: Path) -> str:
    try:
        return "+".join(sorted(one.key_id.hex() for one in log_keys.opened(folder, "").verifiers))
    except log_keys.KeyProblem:
        return "unreadable"


def _of_person(held: LocalKeys, name: str) -> str:
    if form(held.place / name) == IN_MODULE:
        return ""
    try:
        return _short(held.index_mark() if name == "index" else held.mark(int(name.removeprefix("epoch-"))))
    except MasterKeyProblem:
        return "unreadable"


def differences(known: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Say which keys that a database knows are missing here, or are others. Pure."""
    found = []
    for name, mark in known.items():
        if name not in here:
            found.append(f"{name} ({mark}) is missing")
        elif here[name] not in ("", mark):
            found.append(f"{name} is {here[name]}, not {mark}")
    return found


# Sealing


def fingerprint_of(recipient: X25519PublicKey) -> str:
    """Return by what a recipient's key is known again."""
    return sha256(recipient.public_bytes_raw()).digest()[:16].hex()


def _text(path: Path, what: str, *, secret: bool) -> bytes:
    try:
        if secret and path.stat().st_mode & 0o077:
            raise KeyFileProblem(f"{path} can be read by others; chmod 600 it")
        return path.read_bytes()
    except OSError as problem:
        raise KeyFileProblem(f"{path}: {problem.strerror}; name the file of {what}") from None


def passphrase(text: str) -> str:
    """Return a passphrase in one form, however it was typed. Raises: KeyFileProblem, if it is short."""
    found = unicodedata.normalize("NFC", text)
    if len(found) < LEAST_PASSPHRASE:
        raise KeyFileProblem(f"the passphrase is shorter than {LEAST_PASSPHRASE} characters; take several words")
    return found


def passphrase_in(path: Path) -> str:
    """Return the passphrase that a file holds. Raises: KeyFileProblem."""
    try:
        return passphrase(_text(path, "the passphrase", secret=True).decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise KeyFileProblem(f"{path} is not text; write the passphrase into it as one line") from None


def recipient_in(path: Path) -> X25519PublicKey:
    """Return the public key in a PEM file. Raises: KeyFileProblem."""
    try:
        key = load_pem_public_key(_text(path, "the recipient's public key", secret=False))
    except ValueError:
        key = None
    if not isinstance(key, X25519PublicKey):
        raise KeyFileProblem(f"{path} is not an X25519 public key in PEM; {_MAKE}")
    return key


_MAKE = "make a pair with: openssl genpkey -algorithm X25519 -out KEY; openssl pkey -in KEY -pubout -out PUBLIC"


def identity_in(path: Path, password: str | None) -> X25519PrivateKey:
    """Return the private key in a PEM file, which may have a passphrase of its own. Raises: KeyFileProblem."""
    data = _text(path, "the recipient's private key", secret=True)
    try:
        key = load_pem_private_key(data, password.encode() if password else None)
    except TypeError:
        raise KeyFileProblem(f"{path} has a passphrase; give it with --passphrase-file") from None
    except ValueError:
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise KeyFileProblem(f"{path} is not an X25519 private key in PEM, or its passphrase is another one")
    return key


def _derived(text: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **_SCRYPT).derive(text.encode())


def sealed(files: Mapping[str, bytes], lock: Lock) -> bytes:
    """Return the file of these keys, sealed."""
    inside = json.dumps({name: base64.b64encode(data).decode() for name, data in files.items()}).encode()
    if lock.recipient is not None:
        header = f"{_HEADER} recipient {fingerprint_of(lock.recipient)}\n".encode()
        return header + _SUITE.encrypt(inside, lock.recipient, header)
    assert lock.passphrase is not None
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    header = f"{_HEADER} passphrase {salt.hex()} {nonce.hex()}\n".encode()
    return header + AESGCM(_derived(lock.passphrase, salt)).encrypt(nonce, inside, header)


def sealed_for(path: Path) -> str:
    """Return what opens a file of keys: `passphrase`, or a recipient's fingerprint. Raises: KeyFileProblem."""
    header = _text(path, "the keys", secret=False).partition(b"\n")[0].decode("ascii", "replace")
    found = re.fullmatch(rf"{_HEADER} (?:recipient ([0-9a-f]{{32}})|passphrase [0-9a-f]{{32}} [0-9a-f]{{24}})", header)
    if not found:
        raise KeyFileProblem(f"{path} is not a file of keys that `wayfare backup --keys-to` wrote")
    return found[1] or "passphrase"


def opened(path: Path, opener: Opener) -> dict[str, bytes]:
    """Return the keys in a file. Raises: KeyFileProblem, if it was altered or is sealed for somebody else."""
    wanted = sealed_for(path)
    header, _, body = path.read_bytes().partition(b"\n")
    try:
        inside = json.loads(_unsealed(header + b"\n", body, wanted, opener, path))
    except InvalidTag:
        what = "the passphrase is another one" if wanted == "passphrase" else "it is damaged"
        raise KeyFileProblem(f"{path} does not open: {what}, or the file was altered") from None
    files = {str(name): base64.b64decode(data) for name, data in inside.items()}
    if odd := [name for name in files if not _NAME.fullmatch(name)]:
        raise KeyFileProblem(f"{path} holds {odd[0]!r}, which is no key of an installation")
    return files


def _unsealed(header: bytes, body: bytes, wanted: str, opener: Opener, path: Path) -> bytes:
    if wanted == "passphrase":
        if opener.passphrase is None:
            raise KeyFileProblem(f"{path} is sealed with a passphrase; give it with --passphrase-file")
        *_, salt, nonce = header.decode("ascii").split()
        key = _derived(opener.passphrase, bytes.fromhex(salt))
        return AESGCM(key).decrypt(bytes.fromhex(nonce), body, header)
    if opener.identity is None:
        raise KeyFileProblem(f"{path} is sealed for the key {wanted}; give its private half with --identity")
    ours = fingerprint_of(opener.identity.public_key())
    if ours != wanted:
        raise KeyFileProblem(f"{path} is sealed for the key {wanted}, and --identity is {ours}")
    return _SUITE.decrypt(body, opener.identity, header)
