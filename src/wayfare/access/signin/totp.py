"""Six digits from a phone (RFC 6238): a secret is made, shown once as a QR code, and its codes are checked."""

from __future__ import annotations

import hmac
import io
from datetime import datetime

import pyotp
import segno

from wayfare.access.signin.rules import TOTP_STEP_SECONDS, digits

NOBODY = "A" * 32
"""A secret to compute with when there is none, so that the time says nothing."""


def new_secret() -> str:
    """Return 160 random bits in base32."""
    return pyotp.random_base32()


def uri(secret: str, email: str) -> str:
    """Return what the QR code says."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Wayfare")


def qr(text: str) -> str:
    """Return a QR code as an inline SVG: dark on white in every scheme, because cameras read no other."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        border=4,
        dark="#000",
        light="#fff",
        svgclass="wf-qr",
    )
    return out.getvalue().decode()


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """Return the step whose code this is: the present one, or one before or after for clocks that are not exact.

    All three are computed and compared whatever comes of it. None if it is the code of none of them.
    """
    generator, given = pyotp.TOTP(secret, interval=TOTP_STEP_SECONDS), digits(code).encode()
    now, found = int(at.timestamp()) // TOTP_STEP_SECONDS, None
    for step in (now + 1, now - 1, now):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given):
            found = step
    return found
