"""Which witnesses are known, and when a checkpoint has enough of them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from wayfare.tlog import notes, policy
from wayfare.tlog.notes import (
    COSIGNATURE_ED25519,
    NOTE_ED25519,
    Checkpoint,
    Ed25519Signer,
    Malformed,
    MLDSA44Signer,
    Note,
)
from wayfare.tlog.policy import Witness

TEXT = Checkpoint("log.example/one", 5, bytes(32)).text()


def signers(n):
    name = f"witness.example/{n}"
    return [
        Ed25519Signer(name, COSIGNATURE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)),
        MLDSA44Signer(name, MLDSA44PrivateKey.from_seed_bytes(bytes([n]) * 32)),
    ]


SIGNERS = [signers(n) for n in range(3)]
KNOWN = [Witness(f"https://w{n}.example", tuple(s.verifier for s in some)) for n, some in enumerate(SIGNERS)]


def note(*lines, text=TEXT, at=1_700_000_000):
    """Return a checkpoint with lines by (witness, key)."""
    return Note(text, [SIGNERS[witness][key].sign(text, at) for witness, key in lines])


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        ([(0, 0)], 1),
        ([(0, 1)], 1),
        ([(0, 0), (0, 1)], 1),
        ([(0, 0), (1, 1)], 2),
        ([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)], 3),
    ],
)
def test_each_witness_counts_once(lines, count):
    for quorum in range(5):
        assert policy.enough(note(*lines), KNOWN, quorum) == (count >= quorum)


def test_who_is_not_known_does_not_count():
    assert policy.enough(note((2, 0), (2, 1)), KNOWN, 1)
    assert not policy.enough(note((2, 0), (2, 1)), KNOWN[:2], 1)
    assert not policy.enough(note((0, 0)), [], 1)


def test_what_does_not_hold_does_not_count():
    other = note((0, 0), text=Checkpoint("log.example/one", 6, bytes(32)).text())
    assert not policy.enough(Note(TEXT, other.signatures), KNOWN, 1)
    assert policy.enough(Note(TEXT, [*other.signatures, *note((1, 0)).signatures]), KNOWN, 1)
    assert not policy.enough(Note(TEXT, [*other.signatures, *note((0, 1)).signatures]), KNOWN, 1)


@pytest.mark.parametrize("key", [0, 1])
def test_a_cosignature_without_a_time_does_not_count(key):
    assert policy.enough(note((0, key), at=1), KNOWN, 1)
    assert not policy.enough(note((0, key), at=0), KNOWN, 1)


def line(n, *keys, url=None):
    return " ".join([url or f"https://w{n}.example", *(str(SIGNERS[n][key].verifier) for key in keys or (0, 1))])


def test_a_list_is_read():
    text = f"# those we know\n\n{line(0)}  # the first\n  {line(1, 1)}\n{line(2, 0, url='http://127.0.0.1:8010/')}\n"
    first, second, third = policy.parse_witnesses(text)
    assert first == KNOWN[0]
    assert (first.name, len(first.verifiers)) == ("witness.example/0", 2)
    assert second == Witness("https://w1.example", KNOWN[1].verifiers[1:])
    assert third == Witness("http://127.0.0.1:8010", KNOWN[2].verifiers[:1])
    assert policy.parse_witnesses("") == []


SAME_KEY = Ed25519Signer("witness.example/alias", COSIGNATURE_ED25519, SIGNERS[0][0].key).verifier
NOTE_KEY = Ed25519Signer("witness.example/n", NOTE_ED25519, SIGNERS[0][0].key).verifier
MANY = [
    Ed25519Signer(f"w.example/{n}", COSIGNATURE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)).verifier
    for n in range(49)
]
BAD = {
    "no_key": "https://w.example",
    "verifier_key": "https://w.example nothing",
    "names": f"{line(0)} {SIGNERS[1][0].verifier}",
    "kind": f"https://w.example {NOTE_KEY}",
    "twice": f"{line(0, 0)}\n{line(0, 1)}",
    "too_many_keys": "\n".join(f"https://w.example {verifier}" for verifier in MANY),
}


@pytest.mark.parametrize("code", BAD)
def test_a_bad_list_is_refused_by_name(code):
    with pytest.raises(Malformed, match=r"line [0-9]+: ") as refused:
        policy.parse_witnesses(BAD[code])
    assert refused.value.code == code


def test_one_key_under_two_names_would_count_twice():
    with pytest.raises(Malformed) as refused:
        policy.parse_witnesses(f"{line(0)}\nhttps://alias.example {SAME_KEY}")
    assert refused.value.code == "twice"


@pytest.mark.parametrize(
    "url",
    [
        "http://w.example",
        "ftp://w.example",
        "w.example",
        "https://",
        "https://user:secret@w.example",
        "https://w.example?x=1",
        "https://w.example#x",
        "https://w.example:port",
        "https://[w.example",
        "file:///etc/passwd",
        "http://127.0.0.1.example",
    ],
)
def test_addresses_that_are_not_safe_are_refused(url):
    with pytest.raises(Malformed) as refused:
        policy._check_url(url)
    assert refused.value.code == "url"
    assert "secret" not in str(refused.value)


def test_a_note_has_room_for_all_witnesses():
    signer = MLDSA44Signer("w" * 40, MLDSA44PrivateKey.generate())
    signature = signer.sign(TEXT, 1)
    lines = [signature._replace(name=f"{n:040}") for n in range(policy.KEYS_LIMIT + 2)]
    notes.parse_note(str(Note(TEXT, lines)).encode())
