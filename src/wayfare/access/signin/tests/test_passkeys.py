"""Ceremonies with a software authenticator whose every field can be wrong; nothing of fido2's server is replaced."""

from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticationResponse
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access.signin import passkeys
from wayfare.access.signin.passkeys import Site, Stored
from wayfare.access.signin.rules import NotProved

HERE = Site("wayfare.example", "https://wayfare.example")
STAFF = UUID(int=7)
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Authenticator:
    """Makes one passkey and signs with it what it is told, true or not."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = b"credential-of-this-one"
        public = ES256.from_cryptography_key(self.key.public_key())
        self.credential = AttestedCredentialData.create(Aaguid.NONE, self.id, public)

    def data(self, host: str, flags: int, count: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + struct.pack(">I", count)

    def told(self, kind: str, challenge: str, **wrong: Any) -> bytes:
        client = {"type": kind, "challenge": challenge, "origin": HERE.origin, "crossOrigin": False}
        return json.dumps(client | wrong).encode()

    def answer(self, response: dict[str, bytes]) -> str:
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        return json.dumps(
            {"id": websafe_encode(self.id), "rawId": websafe_encode(self.id), "type": "public-key", "response": encoded}
        )

    def makes(self, challenge: str, *, host=HERE.host, flags=PRESENT | VERIFIED, kind="webauthn.create", **wrong):
        data = self.data(host, flags | ATTESTED, 0) + bytes(self.credential)
        client = self.told(kind, challenge, **wrong)
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self.answer({"clientDataJSON": client, "attestationObject": attestation})

    def proves(
        self,
        challenge: str,
        *,
        host=HERE.host,
        flags=PRESENT | VERIFIED,
        kind="webauthn.get",
        count=1,
        user=STAFF.bytes,
        key=None,
        **wrong,
    ):
        data, client = self.data(host, flags, count), self.told(kind, challenge, **wrong)
        signature = (key or self.key).sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self.answer(parts | ({"userHandle": user} if user else {}))

    def find(self, credential_id: bytes) -> Stored | None:
        return Stored(STAFF, bytes(self.credential), 0) if credential_id == self.id else None


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator()


def test_a_passkey_is_made_and_proves(authenticator):
    options, state = passkeys.asked_to_make(HERE, STAFF, "ada@example.org", "Ada", [b"another"])
    asked = options["publicKey"]
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert [one["id"] for one in asked["excludeCredentials"]] == [websafe_encode(b"another")]
    state = json.loads(json.dumps(state))
    made = passkeys.made(HERE, state, authenticator.makes(state["challenge"]))
    assert made == (authenticator.id, bytes(authenticator.credential), 0)
    options, state = passkeys.asked_to_prove(HERE)
    assert "allowCredentials" not in options["publicKey"]
    proof = passkeys.proved(HERE, state, authenticator.proves(state["challenge"]), authenticator.find)
    assert proof == (authenticator.id, STAFF, 1)


OTHER = websafe_encode(bytes(32))
WRONG = [
    {"origin": "https://wayfare.example.evil.example"},
    {"origin": "http://wayfare.example"},
    {"origin": "https://wayfare.example:8443"},
    {"origin": "https://sub.wayfare.example"},
    {"host": "evil.example"},
    {"challenge": OTHER},
    {"challenge": ""},
    {"crossOrigin": True},
    {"flags": PRESENT},
    {"flags": VERIFIED},
    {"kind": "webauthn.other"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_answer_with_one_thing_wrong_proves_nothing(authenticator, wrong):
    challenge = wrong.get("challenge")
    rest = {name: value for name, value in wrong.items() if name != "challenge"}
    _, state = passkeys.asked_to_prove(HERE)
    answer = authenticator.proves(state["challenge"] if challenge is None else challenge, **rest)
    with pytest.raises(NotProved):
        passkeys.proved(HERE, state, answer, authenticator.find)
    _, state = passkeys.asked_to_make(HERE, STAFF, "ada@example.org", "Ada", [])
    answer = authenticator.makes(state["challenge"] if challenge is None else challenge, **rest)
    with pytest.raises(NotProved):
        passkeys.made(HERE, state, answer)


@pytest.mark.parametrize("user", [None, UUID(int=8).bytes], ids=["no user", "other user"])
def test_a_passkey_is_of_one_user_alone(authenticator, user):
    _, state = passkeys.asked_to_prove(HERE)
    with pytest.raises(NotProved):
        passkeys.proved(HERE, state, authenticator.proves(state["challenge"], user=user), authenticator.find)


def test_another_key_and_an_unknown_passkey_prove_nothing(authenticator):
    _, state = passkeys.asked_to_prove(HERE)
    forged = authenticator.proves(state["challenge"], key=Authenticator().key)
    for answer, find in ((forged, authenticator.find), (authenticator.proves(state["challenge"]), lambda _: None)):
        with pytest.raises(NotProved):
            passkeys.proved(HERE, state, answer, find)


def test_the_answer_of_one_kind_of_ceremony_is_none_of_the_other(authenticator):
    _, state = passkeys.asked_to_prove(HERE)
    with pytest.raises(NotProved):
        passkeys.made(HERE, state, authenticator.makes(state["challenge"], kind="webauthn.get"))
    with pytest.raises(NotProved):
        passkeys.proved(
            HERE, state, authenticator.proves(state["challenge"], kind="webauthn.create"), authenticator.find
        )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
_NAMES = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle")
_BYTES = st.binary(max_size=80).map(websafe_encode)


@given(
    st.text()
    | _JSON.map(json.dumps)
    | st.fixed_dictionaries(
        {
            "rawId": _BYTES | _JSON,
            "response": st.fixed_dictionaries({}, optional=dict.fromkeys(_NAMES, _BYTES | _JSON)) | _JSON,
            "type": st.just("public-key") | _JSON,
        }
    ).map(json.dumps)
)
def test_whatever_is_sent_is_refused_by_one_name(answer):
    _, state = passkeys.asked_to_prove(HERE)
    with pytest.raises(NotProved):
        passkeys.proved(HERE, state, answer, lambda _: None)
    with pytest.raises(NotProved):
        passkeys.made(HERE, state, answer)


@pytest.mark.parametrize("number", [10**7, 2**40, 2**62, -(10**9)])
def test_a_number_in_the_place_of_bytes_holds_no_memory(number):
    _, state = passkeys.asked_to_prove(HERE)
    answer = json.dumps({"rawId": number, "response": dict.fromkeys(_NAMES, number), "type": "public-key"})
    tracemalloc.start()
    try:
        with pytest.raises(NotProved):
            passkeys.proved(HERE, state, answer, lambda _: None)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_control_the_library_would_hold_as_many_bytes():
    with pytest.raises(MemoryError):
        AuthenticationResponse.from_dict({"rawId": 2**62, "response": {}, "type": "public-key"})


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_byte_of_an_answer_changed_is_refused_or_the_same(at, value):
    authenticator = Authenticator()
    _, state = passkeys.asked_to_make(HERE, STAFF, "ada@example.org", "Ada", [])
    answer = json.loads(authenticator.makes(state["challenge"]))
    for name in answer["response"]:
        text = answer["response"][name]
        raw = bytearray(text.encode())
        raw[at % len(raw)] = value
        changed = {**answer, "response": {**answer["response"], name: raw.decode("latin-1")}}
        try:
            made = passkeys.made(HERE, state, json.dumps(changed))
        except NotProved:
            continue
        assert made.id
