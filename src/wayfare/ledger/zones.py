"""Time zones: which ones there are, and in which version. Source: the locked package `tzdata` (see `wayfare`)."""

from __future__ import annotations

from functools import cache
from importlib import resources

import tzdata  # type: ignore[import-untyped]

from wayfare.ledger.rules import Refused

INSTALLED: str = tzdata.IANA_VERSION
"""The version of IANA's database that this process has, such as 2026f."""
_UTC = ("UTC", "Etc/UTC")


@cache
def _all() -> frozenset[str]:
    return frozenset((resources.files("tzdata") / "zones").read_text("ascii").split())


def known(name: str) -> bool:
    """Tell whether the package has a zone, be it a place's or not."""
    return name in _all()


@cache
def names() -> frozenset[str]:
    """Return the zones that a programme or an office can be in: those of places, and UTC.

    Not `Factory`, `localtime` and fixed offsets such as `EST` and `Etc/GMT+5`, which are no place's time.
    """
    return frozenset(name for name in _all() if name in _UTC or ("/" in name and not name.startswith("Etc/")))


def check(name: str) -> None:
    """Check that a zone is one of a place. Raises: Refused."""
    if name not in names():
        mend = f"write one of IANA's names of a place, such as Europe/Paris (version {INSTALLED})"
        raise Refused("timezone", f"{name[:100]!r} is not a place's time zone; {mend}")
