"""WebAuthn ceremonies by Yubico's `fido2`: what the browser is asked, and whether its answer proves anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wayfare.access.signin.rules import NotProved

ANSWER_MAX = 20_000
"""Characters of an answer; the largest post-quantum signatures fit."""
_REQUIRED = UserVerificationRequirement.REQUIRED


class Site(NamedTuple):
    """Where the ceremony takes place: the host name that passkeys are bound to, and the page's whole origin."""

    host: str
    origin: str

    def server(self) -> Fido2Server:
        """Return fido2's server for this place; only exactly this origin is ours."""
        party = PublicKeyCredentialRpEntity(name="Wayfare", id=self.host)
        return Fido2Server(
            party, attestation=AttestationConveyancePreference.NONE, verify_origin=lambda origin: origin == self.origin
        )


class NewPasskey(NamedTuple):
    """A passkey that a browser has just made."""

    id: bytes
    credential: bytes
    sign_count: int


class Stored(NamedTuple):
    """A passkey as it was stored, and whose it is."""

    staff: UUID
    credential: bytes
    sign_count: int


class Assertion(NamedTuple):
    """A proof that holds: by which passkey, whose, and how often that one says it has signed."""

    id: bytes
    staff: UUID
    sign_count: int


def challenge_of(state: dict[str, Any]) -> bytes:
    """Return the challenge within a ceremony's state."""
    return websafe_decode(str(state["challenge"]))


def asked_to_make(
    site: Site, staff: UUID, email: str, name: str, have: list[bytes]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `navigator.credentials.create` is given, and the state to keep until its answer.

    The passkey is to be found without a name and to check its owner (a PIN, a finger): it is two proofs in one.
    """
    options, state = site.server().register_begin(
        PublicKeyCredentialUserEntity(id=staff.bytes, name=email, display_name=name),
        [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=one) for one in have],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
    )
    return dict(options), _plain(state)


def asked_to_prove(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `navigator.credentials.get` is given, the same for everybody, and the state to keep."""
    options, state = site.server().authenticate_begin(user_verification=_REQUIRED)
    return dict(options), _plain(state)


def made(site: Site, state: dict[str, Any], answer: str) -> NewPasskey:
    """Return the passkey that an answer brings. Raises: NotProved."""
    try:
        given = RegistrationResponse.from_dict(_read(answer))
        _not_framed(given.response.client_data.cross_origin)
        data = site.server().register_complete(state, given)
        credential = data.credential_data
        if credential is None or not 0 < len(credential.credential_id) <= 1023:
            raise NotProved("no_credential")
        return NewPasskey(credential.credential_id, bytes(credential), data.counter)
    except _WRONG as problem:
        raise NotProved(_why(problem)) from None


def proved(site: Site, state: dict[str, Any], answer: str, find: Callable[[bytes], Stored | None]) -> Assertion:
    """Return whose passkey an answer was signed with. Raises: NotProved.

    `find` gives the passkey of a credential id. Whether its counter went back is for who stores it to decide.
    """
    try:
        given = AuthenticationResponse.from_dict(_read(answer))
        _not_framed(given.response.client_data.cross_origin)
        stored = find(given.raw_id)
        known = [] if stored is None else [AttestedCredentialData(stored.credential)]
        site.server().authenticate_complete(state, known, given)
        if stored is None or given.response.user_handle != stored.staff.bytes:
            raise NotProved("other_user")
        return Assertion(given.raw_id, stored.staff, given.response.authenticator_data.counter)
    except _WRONG as problem:
        raise NotProved(_why(problem)) from None


_WRONG = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, NotImplementedError)
"""What fido2 raises for an answer that is malformed or proves nothing."""


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else str(getattr(value, "value", value)) for name, value in state.items()}


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > ANSWER_MAX:
        raise ValueError("too long")
    try:
        found = json.loads(answer, parse_int=_small)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _small(digits: str) -> int:
    """Return a number as answers hold them, such as -257. Raises: ValueError for another.

    fido2 takes a number in the place of bytes for their count, and would hold as many.
    """
    if len(digits) > 6:
        raise ValueError("a number that no answer holds")
    return int(digits)


def _not_framed(cross_origin: bool) -> None:
    if cross_origin:
        raise ValueError("asked from within another site's page")


def _why(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}"[:200]
