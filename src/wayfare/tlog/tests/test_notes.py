"""Notes, checkpoints, cosignatures and proofs as text: public examples, each refusal by its own name, no crash on anything."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wayfare.tlog import notes
from wayfare.tlog.notes import (
    COSIGNATURE_ED25519,
    NOTE_ED25519,
    Checkpoint,
    Ed25519Signer,
    Malformed,
    MLDSA44Signer,
    Proof,
    Signature,
    Signer,
    Unverified,
)
from wayfare.tlog.tests.vectors import vectors

LOG = Ed25519Signer("log.example/ledger", NOTE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
COSIGNER = Ed25519Signer("w.example/1", COSIGNATURE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
LATTICE = MLDSA44Signer("w.example/2", MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
SIGNERS: list[Signer] = [LOG, COSIGNER, LATTICE]
CHECKPOINT = Checkpoint("log.example/ledger", 20852163, bytes(range(32)))
NOTE = notes.signed_note(CHECKPOINT.text(), SIGNERS, 1_700_000_000)
PROOF = Proof(5, [bytes([n]) * 32 for n in range(3)], NOTE, b"nonce and body")


def public():
    where = vectors()
    if where is None:
        pytest.skip("the public vectors are not beside this checkout (WAYFARE_VECTORS)")
    return json.loads((where / "signed-notes" / "notes.json").read_text()), where / "signed-notes"


def refusal(read, data):
    with pytest.raises(Malformed) as refused:
        read(data)
    return refused.value.code


def test_public_notes_verify():
    found, folder = public()
    assert len(found["verified"]) >= 2
    for case in found["verified"]:
        data = case["note"].encode() if "note" in case else (folder / case["note_file"]).read_bytes()
        note = notes.parse_note(data)
        assert len(notes.verify(note, [notes.parse_verifier(case["vkey"])])) == 1
        assert str(note).encode() == data


def test_public_examples_are_read_and_written_the_same():
    for case in public()[0]["well_formed"]:
        assert str(notes.parse_note(case["note"].encode())) == case["note"]


def test_public_verifier_keys():
    found, _ = public()
    for case in found["vkeys_valid"]:
        text = case["vkey"] if isinstance(case, dict) else case
        assert str(notes.parse_verifier(text)) == text
    for case in found["vkeys_invalid"]:
        refusal(notes.parse_verifier, case["vkey"])


def test_every_kind_of_signature_is_made_and_checked():
    note = notes.parse_note(str(NOTE).encode())
    assert note == NOTE
    found = notes.verify(note, [signer.verifier for signer in SIGNERS])
    assert [one.timestamp for one in found] == [None, 1_700_000_000, 1_700_000_000]
    for signer in SIGNERS:
        assert notes.parse_verifier(str(signer.verifier)) == signer.verifier


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda one: type(one).__name__)
def test_a_signature_holds_for_its_text_time_and_name_alone(signer):
    signature = signer.sign(NOTE.text, 1_700_000_000)
    other = Checkpoint(CHECKPOINT.origin, CHECKPOINT.size + 1, CHECKPOINT.root).text()
    assert signer.verifier.holds(NOTE.text, signature.blob)
    assert not signer.verifier.holds(other, signature.blob)
    for at in (0, 7, 8, len(signature.blob) - 1):
        flipped = bytearray(signature.blob)
        flipped[at] ^= 1
        assert not signer.verifier.holds(NOTE.text, bytes(flipped))
    assert not signer.verifier.holds(NOTE.text, signature.blob[:-1])
    assert not signer.verifier.holds(NOTE.text, signature.blob + b"x")
    assert not signer.verifier.holds(NOTE.text, b"")


def test_unknown_keys_are_left_aside_and_known_ones_must_hold():
    assert [one.by for one in notes.verify(NOTE, [LOG.verifier])] == [LOG.verifier]
    stranger = Ed25519Signer(LOG.name, NOTE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes(31) + b"1"))
    with pytest.raises(Unverified) as refused:
        notes.verify(NOTE, [stranger.verifier])
    assert refused.value.code == "no_known_signature"
    forged = NOTE._replace(signatures=[Signature(LOG.name, LOG.verifier.key_id, bytes(64)), *NOTE.signatures[1:]])
    with pytest.raises(Unverified) as refused:
        notes.verify(forged, [signer.verifier for signer in SIGNERS])
    assert refused.value.code == "wrong_signature"


def line(name="a", value=None):
    return f"— {name} " + (base64.b64encode(bytes(68)).decode() if value is None else value) + "\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_signatures"),
        (b"text\n", "no_signatures"),
        (b"text\n\n", "truncated"),
        (str(NOTE).encode()[:-1], "truncated"),
        (b"\xff\n\n", "utf8"),
        (b"a\x00b\n\n", "control_character"),
        (str(NOTE).replace("\n", "\r\n").encode(), "carriage_return"),
        (b"x" * 300_000, "too_long"),
        (b"t\n\n- a AAAA\n", "signature_line"),
        ("t\n\n—  AAAA\n".encode(), "key_name"),
        (("t\n\n" + line("a+b")).encode(), "key_name"),
        (("t\n\n" + line("a\u2003b")).encode(), "key_name"),
        (("t\n\n" + line(value="AAA")).encode(), "base64"),
        (("t\n\n" + line(value="AAAAAAAB=")).encode(), "base64"),
        (("t\n\n" + line(value="AAAAAAB=")).encode(), "base64"),
        (("t\n\n" + line(value="AAAA_AAA")).encode(), "base64"),
        (("t\n\n" + line(value="AAAA")).encode(), "signature_length"),
        (("t\n\n" + line() + line()).encode(), "two_signatures_of_one_key"),
        (("t\n\n" + "".join(line(f"k{n}") for n in range(65))).encode(), "too_many_signatures"),
    ],
)
def test_bad_notes_are_refused_each_by_its_name(data, code):
    assert refusal(notes.parse_note, data) == code


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("o\n1", "truncated"),
        ("o\n1\n", "truncated"),
        (f"o\n1\n{ROOT}", "truncated"),
        (f"\n1\n{ROOT}\n", "empty_line"),
        (f"o\n01\n{ROOT}\n", "number"),
        (f"o\n-1\n{ROOT}\n", "number"),
        (f"o\n1e3\n{ROOT}\n", "number"),
        (f"o\n١\n{ROOT}\n", "number"),
        (f"o\n{2**63}\n{ROOT}\n", "size_beyond_limit"),
        (f"o\n{'9' * 5000}\n{ROOT}\n", "size_beyond_limit"),
        ("o\n1\nAAAA\n", "hash_length"),
        ("o\n1\n****\n", "base64"),
    ],
)
def test_bad_checkpoints_are_refused_each_by_its_name(text, code):
    assert refusal(notes.parse_checkpoint, text) == code


def test_checkpoints_are_read_as_they_are_written():
    for checkpoint in (
        CHECKPOINT,
        Checkpoint("o", 0, bytes(32)),
        Checkpoint("o p", 2**63 - 1, bytes(32), ("ext", "b")),
    ):
        assert notes.parse_checkpoint(checkpoint.text()) == checkpoint


def test_proofs_are_read_as_they_are_written():
    for proof in (PROOF, PROOF._replace(extra=None), PROOF._replace(hashes=[]), PROOF._replace(extra=b"")):
        assert notes.parse_proof(str(proof).encode()) == proof


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda text: "", "truncated"),
        (lambda text: text.split("\n\n")[0], "truncated"),
        (lambda text: text.replace("@v1", "@v2"), "proof_header"),
        (lambda text: text.replace("index 5\n", ""), "index_line"),
        (lambda text: text.replace("index 5", "index 05"), "number"),
        (lambda text: text.replace("index 5", f"index {2**63}"), "size_beyond_limit"),
        (lambda text: text.replace("extra ", "extra *"), "base64"),
        (lambda text: text.replace("index 5\n", "index 5\nAAAA\n"), "hash_length"),
        (lambda text: text.replace("index 5\n", "index 5\n" + (ROOT + "\n") * 61), "too_many_hashes"),
        (lambda text: text.replace("\n", "\r\n"), "carriage_return"),
        (lambda text: text + "x" * 500_000, "too_long"),
        (lambda text: text.replace("extra ", "extra " + "AAAA" * 22_000), "too_long"),
    ],
)
def test_bad_proofs_are_refused_each_by_its_name(change, code):
    assert refusal(notes.parse_proof, change(str(PROOF)).encode()) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "verifier_key"),
        ("a b+00000000+AA==", "verifier_key"),
        ("a+0000000+AA==", "verifier_key"),
        ("a+0000000G+AA==", "verifier_key"),
        ("a+00000000+A", "base64"),
        ("a+00000000+Ag==", "unknown_algorithm"),
        ("a+00000000+", "unknown_algorithm"),
        ("a+00000000+AQ==", "key_length"),
        ("a+00000000+" + base64.b64encode(b"\1" + bytes(32)).decode(), "key_id"),
    ],
)
def test_bad_verifier_keys_are_refused_each_by_its_name(text, code):
    assert refusal(notes.parse_verifier, text) == code


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_nothing_but_a_refusal_comes_of_anything(data):
    for read in (notes.parse_note, notes.parse_proof, lambda d: notes.parse_verifier(d.decode("latin-1"))):
        try:
            read(data)
        except Malformed as refused:
            assert refused.code


@given(st.data())
def test_what_is_still_well_formed_after_a_change_no_longer_verifies_or_is_the_same(data):
    text = bytearray(str(NOTE).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255))
    try:
        note = notes.parse_note(bytes(text))
        found = notes.verify(note, [signer.verifier for signer in SIGNERS])
    except (Malformed, Unverified):
        return
    assert note.text == NOTE.text
    assert all(one.signature in NOTE.signatures for one in found)
