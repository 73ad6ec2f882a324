"""Which languages there are: those that Unicode's CLDR has a name for, by tag (BCP 47). Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # most commands need none, and it takes a while to load
    from babel import Locale

NONE = frozenset({"und", "mul", "zxx", "root"})
"""Tags that stand for no language."""
OTHER_TAGS = {"prs": "fa-AF", "kmr": "ku"}
"""Tags of ISO 639-3 that CLDR writes otherwise."""


@cache
def _cldr() -> Locale:
    from babel import Locale

    return Locale.parse("en")


def is_known(tag: str) -> bool:
    """Tell whether a tag's language has a name, and its script and region if it names them: ar, ku-Arab, pt-BR."""
    base, *rest = tag.split("-")
    if base in NONE or (base not in _cldr().languages and base not in OTHER_TAGS):
        return False
    return all(one in _cldr().scripts or one in _cldr().territories for one in rest)
