"""Time zones: which ones there are, and in which version. Source: the locked package `tzdata` (see `wayfare`)."""

from __future__ import annotations

import re
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


@cache
def _old_names() -> dict[str, str]:
    """Return IANA's old names of zones (its file `backward`) that are no place's, with the zone that each links to."""
    text = (resources.files("tzdata") / "zoneinfo" / "tzdata.zi").read_text("utf-8")
    links = (line.split()[1:] for line in text.splitlines() if line.startswith("L "))
    return {old: zone for zone, old in links if old not in names() and zone in names() and not _OFFSET(old)}


_OFFSET = re.compile(r"[A-Z][ES]T(\d[A-Z]DT)?", re.ASCII).fullmatch
"""Abbreviations of offsets, such as EST and PST8PDT, which IANA links to one of the many places that use them."""


def place_of(name: str) -> str | None:
    """Return the zone that an old name stands for: Asia/Singapore for Singapore, whatever its case; else None."""
    folded = name.strip().casefold()
    return next((zone for old, zone in _old_names().items() if old.casefold() == folded), None)


def check(name: str) -> None:
    """Check that a zone is one of a place. Raises: Refused."""
    if name not in names():
        if meant := place_of(name):
            raise Refused("timezone", f"{name!r} is an old name of the time zone {meant}; write {meant}")
        mend = f"write one of IANA's names of a place, such as Europe/Paris (version {INSTALLED})"
        raise Refused("timezone", f"{name[:100]!r} is not a place's time zone; {mend}")
