"""The headers that every answer carries, of whatever kind and whoever gives it. A door may say more, never less."""

from __future__ import annotations

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_UNUSED = ("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
           "microphone", "midi", "payment", "usb")  # fmt: skip
"""What a browser can do and no page of ours asks for. Passkeys stay: they are asked for by their owner's press."""
SAFETY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _UNUSED),
}
BY_TLS_ALONE = "max-age=31536000; includeSubDomains"
"""One year (RFC 6797): a browser that came by TLS once comes by nothing else, here and at names below."""


def safety(https: bool) -> dict[str, str]:
    """Return the headers; `https`: whether a proxy with TLS is in front (`WAYFARE_HTTPS`)."""
    return SAFETY | ({"Strict-Transport-Security": BY_TLS_ALONE} if https else {})
