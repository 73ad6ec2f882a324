"""Keys apart from a backup: sealed and opened, altered, of other people; and the programs that dump a server."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from wayfare.people.masterkeys import LocalKeys
from wayfare.site import backup_keys, clients, partial
from wayfare.site.account import binaries
from wayfare.site.backup_keys import KeyFileProblem, Lock, Opener
from wayfare.site.partial import PlaceProblem, becoming

FILES = {"staff-door": b"door", "log-ledger/note.pem": b"\0\xff", "people/epoch-1": b"secret"}
PASSPHRASE = "correct horse battery staple"


def pem(key, password=None):
    kind = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kind)


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def written(path, data, mode=0o600):
    path.touch(mode=mode)
    path.write_bytes(data)
    return path


RECIPIENT = X25519PrivateKey.generate()
WAYS = {
    "passphrase": (Lock(passphrase=PASSPHRASE), Opener(passphrase=PASSPHRASE), Opener(passphrase="another " * 3)),
    "recipient": (
        Lock(recipient=RECIPIENT.public_key()),
        Opener(identity=RECIPIENT),
        Opener(identity=X25519PrivateKey.generate()),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_sealed_opens_for_whom_it_was_sealed_alone(tmp_path, way):
    lock, opener, other = WAYS[way]
    file = written(tmp_path / "keys", backup_keys.sealed(FILES, lock))
    assert backup_keys.opened(file, opener) == FILES
    for wrong in (other, Opener()):
        with pytest.raises(KeyFileProblem):
            backup_keys.opened(file, wrong)
    data = file.read_bytes()
    assert not any(value in data for value in FILES.values() if len(value) > 2)
    head = data.index(b"\n")
    for at in (head - 1, head + 1, len(data) // 2, len(data) - 1):
        altered = bytearray(data)
        altered[at] ^= 1
        file.write_bytes(altered)
        with pytest.raises(KeyFileProblem):
            backup_keys.opened(file, opener)
    for cut in (b"", data[:head], data[: head + 10], data[:-1]):
        file.write_bytes(cut)
        with pytest.raises(KeyFileProblem):
            backup_keys.opened(file, opener)
    file.write_bytes(data)
    assert backup_keys.opened(file, opener) == FILES, "control"


def test_twice_the_same_keys_are_two_other_files():
    for lock, *_ in WAYS.values():
        assert backup_keys.sealed(FILES, lock) != backup_keys.sealed(FILES, lock)


@pytest.mark.parametrize("name", ["../staff-door", "/etc/passwd", "people/../x", "", ".hidden", "a/b/c"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    file = written(tmp_path / "keys", backup_keys.sealed({name: b"x"}, Lock(recipient=RECIPIENT.public_key())))
    with pytest.raises(KeyFileProblem, match="no key of an installation"):
        backup_keys.opened(file, Opener(identity=RECIPIENT))


def test_passphrases_and_keys_are_read_from_files_that_are_closed(tmp_path):
    assert backup_keys.passphrase_in(written(tmp_path / "p", f"{PASSPHRASE}\r\n".encode())) == PASSPHRASE
    for name, data, mode, word in (
        ("short", b"fourteen chars", 0o600, "shorter than 15"),
        ("open", PASSPHRASE.encode(), 0o644, "chmod 600"),
        ("bytes", b"\xff" * 20, 0o600, "not text"),
    ):
        with pytest.raises(KeyFileProblem, match=word):
            backup_keys.passphrase_in(written(tmp_path / name, data, mode))
    with pytest.raises(KeyFileProblem, match="No such file"):
        backup_keys.passphrase_in(tmp_path / "none")


def test_one_passphrase_typed_in_two_ways_is_one():
    assert backup_keys.passphrase("e\u0301" * 15) == backup_keys.passphrase("\u00e9" * 15)


def test_only_x25519_keys_are_recipients(tmp_path):
    assert backup_keys.recipient_in(written(tmp_path / "pub", public_pem(RECIPIENT), 0o644)) == RECIPIENT.public_key()
    file = written(tmp_path / "locked", pem(RECIPIENT, PASSPHRASE.encode()))
    assert backup_keys.identity_in(file, PASSPHRASE).public_key() == RECIPIENT.public_key()
    with pytest.raises(KeyFileProblem, match="--passphrase-file"):
        backup_keys.identity_in(file, None)
    with pytest.raises(KeyFileProblem, match="passphrase is another"):
        backup_keys.identity_in(file, "another one of them")
    with pytest.raises(KeyFileProblem, match="chmod 600"):
        backup_keys.identity_in(written(tmp_path / "open", pem(RECIPIENT), 0o644), None)
    signs = Ed25519PrivateKey.generate()
    for data in (public_pem(signs), b"nothing", pem(RECIPIENT)):
        with pytest.raises(KeyFileProblem, match="openssl genpkey"):
            backup_keys.recipient_in(written(tmp_path / secrets.token_hex(4), data, 0o644))
    with pytest.raises(KeyFileProblem, match="X25519 private key"):
        backup_keys.identity_in(written(tmp_path / "signs", pem(signs)), None)


def test_collected_keys_are_written_back_with_tight_modes(tmp_path):
    keys, people = tmp_path / "keys", tmp_path / "apart"
    (keys / "log-ledger").mkdir(parents=True)
    LocalKeys(people).first()
    for name in ("staff-door", "database-wayfare_app", "log-ledger/last"):
        written(keys / name, name.encode())
    for left_out in ("database-postgres", "database-roles-apart", ".staff-door.1", "log-ledger/last.new"):
        written(keys / left_out, b"not kept")
    written(people / ".epoch-3.making", b"not kept")
    files = backup_keys.collected(keys, people)
    assert set(files) == {
        "staff-door", "database-wayfare_app", "log-ledger/last", "people/epoch-1", "people/index",
    }  # fmt: skip
    home = tmp_path / "home" / "keys"
    home.mkdir(parents=True, mode=0o700)
    backup_keys.write(files, home, home / "people")
    assert backup_keys.collected(home, home / "people") == files
    for path in home.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    marks = backup_keys.fingerprints(home, home / "people")
    assert marks == backup_keys.fingerprints(keys, people)
    assert marks["people/index"] == LocalKeys(people).index_mark()[:8].hex()


def test_differences_name_each_key_by_its_fingerprint():
    known = {"staff-door": "aa", "people/epoch-1": "bb", "people/index": "cc"}
    assert backup_keys.differences(known, known | {"more": "dd"}) == []
    assert backup_keys.differences(known, {"staff-door": "ee", "people/index": ""}) == [
        "staff-door is ee, not aa",
        "people/epoch-1 (bb) is missing",
    ]


# Programs


@pytest.mark.parametrize(
    ("server", "tls", "version", "has_tls", "word"),
    [
        (18, False, 18, False, ""),
        (15, False, 18, False, ""),
        (17, True, 17, True, ""),
        (19, False, 18, False, "cannot read a server of PostgreSQL 19"),
        (18, True, 15, True, "is of PostgreSQL 15"),
        (18, True, 18, False, "without TLS"),
        (18, False, None, True, "not installed"),
    ],
)
def test_which_pg_dump_reads_which_server(server, tls, version, has_tls, word):
    said = clients.problem(server, tls, version, has_tls)
    assert word in said
    assert bool(word) == bool(said)


def test_the_versions_of_programs_are_read(tmp_path):
    assert clients.major(binaries() / "pg_dump") == 18
    assert clients.major(tmp_path / "pg_dump") is None
    assert clients.major(Path(shutil.which("true") or "/bin/true")) is None


# Folders


def _fails_in(place):
    with becoming(place) as made:
        written(made / "half", b"")
        raise ZeroDivisionError


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    place = tmp_path / "place"
    with pytest.raises(ZeroDivisionError):
        _fails_in(place)
    assert list(tmp_path.iterdir()) == []
    killed = tmp_path / ".place.0123abcd.partial"
    killed.mkdir()
    with becoming(place) as first:
        assert not killed.exists(), "what a killed process left goes"
        with becoming(place) as second:
            assert first.exists(), "what still works stays"
            written(second / "file", b"")
        with pytest.raises(PlaceProblem):
            partial.refuse_what_is_there(place)
        place.rename(tmp_path / "second")
    assert place.is_dir()
    for wrong in (tmp_path / "second", written(tmp_path / "a-file", b"")):
        with pytest.raises(PlaceProblem):
            partial.refuse_what_is_there(wrong)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-file", "place", "second"]
