"""What the header leads to, as rooms declare it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.utils.functional import Promise


class Item(NamedTuple):
    """An item of the header: a page by its name in the URL map, and the pages that belong to it."""

    place: int
    """Where it stands among the items of all rooms; the least comes first."""
    page: str
    title: Promise
    for_whom: Callable[[Any], bool] | None = None
    """Tells for whom of those who are signed in; None for nobody."""
    for_guests: Callable[[], bool] | None = None
    """Tells whether it is there for who is not signed in; None for never."""
    under: tuple[str, ...] = ()


def always() -> bool:
    """Tell that an item is there for every guest."""
    return True
