"""A new code generator between the page that shows it and the form that brings its first code back."""

from __future__ import annotations

from uuid import UUID

from django.core import signing
from django.http import HttpRequest

from wayfare.access.signin import keys, totp

_SALT, _SECONDS = "wayfare.generator", 3600


def pending(request: HttpRequest, staff: UUID) -> str | None:
    """Return the generator's secret that a form was shown with, None if it is not one of ours or too old.

    It travels sealed: a page that is saved or logged does not hold it beside its QR code for ever.
    """
    try:
        text = signing.loads(request.POST.get("generator", ""), salt=_SALT, max_age=_SECONDS)
    except signing.BadSignature:
        return None
    opened = keys.unsealed(keys.of_this_home(), staff.bytes, bytes.fromhex(text))
    return opened.decode() if opened else None


def offered(request: HttpRequest, staff: UUID, email: str) -> dict[str, str]:
    """Return what a page shows of a generator: the one that its form brought, or a new one."""
    generator = (pending(request, staff) if request.method == "POST" else None) or totp.new_secret()
    box = keys.sealed(keys.of_this_home(), staff.bytes, generator.encode())
    return {
        "generator": signing.dumps(box.hex(), salt=_SALT),
        "typed": " ".join(generator[at : at + 4] for at in range(0, len(generator), 4)),
        "qr": totp.qr(totp.uri(generator, email)),
    }
