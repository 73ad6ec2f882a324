"""The two halves of HMAC with SHA-256 (RFC 2104), for who begins them ahead or lets another compute the rest."""

from __future__ import annotations

from hashlib import sha256

BLOCK_BYTES = 64


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Return what the inner and the outer hash begin with, 64 bytes each: section 2, steps 1, 2 and 5.

    HMAC of a text is sha256(outer + sha256(inner + text)).
    """
    block = (key if len(key) <= BLOCK_BYTES else sha256(key).digest()).ljust(BLOCK_BYTES, b"\0")
    return bytes(one ^ 0x36 for one in block), bytes(one ^ 0x5C for one in block)
