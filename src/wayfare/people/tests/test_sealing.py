"""Sealed values open in their place and nowhere else; public vectors; a value sealed once opens for ever."""

from __future__ import annotations

import os
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV, AESSIV
from hypothesis import assume, given
from hypothesis import strategies as st

from wayfare.people import sealing
from wayfare.people.sealing import PAD_BYTES, Place, SealRefusal, seal, unseal, unwrap, wrap

KEY, MASTER = bytes(range(32)), bytes(range(64))
PLACE = Place(UUID(int=7), "names", 3, 1)
SEALED_ONCE = (
    "01851ec24f7e8ce67f594fbb3f336a76aa94c2c25942cc20434c9033dc01e76697e663743ce26e4066a2e2028d761b341408"
    "098c5988496689e63b0a08292fdb9c28d5e62d141fb04f6376edc16cf824342edd304ad715ac13f6856a0bade02893d00121"
    "9270541f207caba3ff3752f1a67c2ff50dea82b7b710b50ed034c7e0337ec0f875e309d1d090bf94a4dfbdb711788a50ec9d"
    "684726cb98b32d"
)
WRAPPED_ONCE = "157664cca221436cdc9b828b09104062416194a80ae1a6e73537f71a83597ee0b3e3f9bb80cdaf9a751b4af8158b3c3d"
NUMBERS = st.integers(1, 2**32 - 1)
PLACES = st.builds(
    Place, st.uuids(), st.text(st.characters(max_codepoint=127), min_size=1, max_size=20), NUMBERS, NUMBERS
)


def code(call, *arguments):
    with pytest.raises(SealRefusal) as refused:
        call(*arguments)
    return refused.value.code


def test_the_cipher_gives_the_answers_of_rfc_8452():
    """RFC 8452, appendix C.2: the first two of AEAD_AES_256_GCM_SIV."""
    cipher, nonce = AESGCMSIV(bytes([1]) + bytes(31)), bytes([3]) + bytes(11)
    assert cipher.encrypt(nonce, b"", b"").hex() == "07f5f4169bbf55a8400cd47ea6fd400f"
    assert cipher.encrypt(nonce, b"\1" + bytes(7), b"").hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"


def test_the_wrapping_gives_the_answers_of_rfc_5297():
    """RFC 5297, appendix A.1."""
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    owner = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    answer = AESSIV(key).encrypt(bytes.fromhex("112233445566778899aabbccddee"), [owner])
    assert answer.hex() == "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"


def test_what_was_sealed_in_format_1_opens_for_ever():
    sealed = bytes.fromhex(SEALED_ONCE)
    assert unseal(KEY, PLACE, sealed) == "نور".encode()
    assert unwrap(MASTER, PLACE.person, 1, bytes.fromhex(WRAPPED_ONCE)) == KEY
    assert wrap(MASTER, PLACE.person, 1, KEY).hex() == WRAPPED_ONCE


@given(st.binary(max_size=600), PLACES)
def test_round_trip(plain, place):
    sealed = seal(KEY, place, plain)
    assert unseal(KEY, place, sealed) == plain
    assert (len(sealed) - 29) % PAD_BYTES == 0


@given(PLACES, PLACES)
def test_different_places_have_different_associated_data(one, other):
    assume(one != other)
    assert one.associated() != other.associated()


@given(st.binary(max_size=200), PLACES, PLACES)
def test_moved_it_does_not_open(plain, place, other):
    assume(place != other)
    assert code(unseal, KEY, other, seal(KEY, place, plain)) == "not_opened"


@pytest.mark.parametrize(
    "other",
    [
        PLACE._replace(person=UUID(int=8)),
        PLACE._replace(group="notes"),
        PLACE._replace(version=4),
        PLACE._replace(version=2),
        PLACE._replace(key_version=2),
    ],
)
def test_each_part_of_the_place_is_bound(other):
    assert code(unseal, KEY, other, seal(KEY, PLACE, b"{}")) == "not_opened"


def test_only_the_associated_data_hold_it_in_place():
    """The control: without them, the same key opens what was moved."""
    nonce = os.urandom(12)
    moved = AESGCMSIV(KEY).encrypt(nonce, b"{}", None)
    assert AESGCMSIV(KEY).decrypt(nonce, moved, None) == b"{}"


@given(st.binary(max_size=200), st.data())
def test_a_flipped_bit_does_not_open(plain, data):
    sealed = bytearray(seal(KEY, PLACE, plain))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    assert code(unseal, KEY, PLACE, bytes(sealed)) == ("format" if at < 8 else "not_opened")


@given(st.binary(max_size=200), st.data())
def test_truncated_it_does_not_open(plain, data):
    sealed = seal(KEY, PLACE, plain)
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    assert code(unseal, KEY, PLACE, cut) in ("format", "length", "not_opened")


@given(st.binary(min_size=1, max_size=50))
def test_lengthened_it_does_not_open(more):
    assert code(unseal, KEY, PLACE, seal(KEY, PLACE, b"x") + more) == "not_opened"


def test_under_another_persons_key_it_does_not_open():
    assert code(unseal, sealing.new_key(), PLACE, seal(KEY, PLACE, b"{}")) == "not_opened"


def test_the_same_text_is_sealed_differently_each_time_and_at_one_length():
    sealed = {seal(KEY, PLACE, text) for text in (b"Nur", b"Nur", b"Muhammad al-Qahtani")}
    assert len(sealed) == 3
    assert len({len(one) for one in sealed}) == 1


@given(st.binary(min_size=32, max_size=32), st.uuids(), NUMBERS, st.uuids(), NUMBERS)
def test_a_wrapped_key_is_its_persons_and_epochs(key, person, epoch, stranger, other):
    wrapped = wrap(MASTER, person, epoch, key)
    assert unwrap(MASTER, person, epoch, wrapped) == key
    assume(person != stranger and epoch != other)
    assert code(unwrap, MASTER, stranger, epoch, wrapped) == "not_opened"
    assert code(unwrap, MASTER, person, other, wrapped) == "not_opened"
    assert code(unwrap, MASTER[::-1], person, epoch, wrapped) == "not_opened"
    assert code(unwrap, MASTER, person, epoch, wrapped[:-1]) == "length"


def test_new_keys_differ():
    assert len({sealing.new_key() for _ in range(100)}) == 100


def test_refusals_name_the_problem():
    assert code(seal, b"short", PLACE, b"") == "key_length"
    assert code(wrap, b"short", uuid4(), 1, KEY) == "key_length"
    assert code(wrap, MASTER, uuid4(), 1, b"short") == "key_length"
    assert code(wrap, MASTER, uuid4(), 0, KEY) == "place"
    for place in (
        PLACE._replace(group=""),
        PLACE._replace(group="é"),
        PLACE._replace(version=0),
        PLACE._replace(key_version=2**32),
    ):
        assert code(seal, KEY, place, b"") == "place"


@given(st.lists(st.tuples(st.binary(max_size=300), PLACES), max_size=8))
def test_one_key_made_ready_seals_and_unseals_as_many_do(values):
    ready = sealing.Sealing(KEY)
    for plain, place in values:
        assert unseal(KEY, place, ready.seal(place, plain)) == plain
        assert ready.unseal(place, seal(KEY, place, plain)) == plain
    assert code(sealing.Sealing, b"short") == "key_length"


@given(NUMBERS, st.lists(st.tuples(st.uuids(), st.binary(min_size=32, max_size=32)), max_size=8))
def test_one_master_key_made_ready_wraps_and_unwraps_as_many_do(epoch, keys):
    ready = sealing.Wrapping(MASTER, epoch)
    for person, key in keys:
        wrapped = wrap(MASTER, person, epoch, key)
        assert ready.wrap(person, key) == wrapped
        assert ready.unwrap(person, wrapped) == key
        assert code(ready.unwrap, UUID(int=person.int ^ 1), wrapped) == "not_opened"
