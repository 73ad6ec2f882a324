"""Pages as rooms declare them: an address, and on the same line who may come in. Tests hold each line to what it says.

| part of the line | what holds it |
| --- | --- |
| `guests` | `tests/test_doors.py`: every method, by who is not signed in |
| `roles` | `tests/test_doors.py`: it is what the view itself lets in, and each role is tried |
| `shows`, `forms` | `tests/test_matrix.py`: what is hidden is answered as what is absent |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.urls import URLPattern, path

OPEN = {"GET": 200}
"""A page for everybody."""
SIGN_IN = {"GET": 302}
"""A page for staff: others are sent to sign in."""
SIGN_IN_FORM = {"GET": 302, "POST": 302}
"""The same for a page with a form."""
SIGN_IN_POST = {"POST": 302}
"""The same for a form without a page of its own."""


class Page(NamedTuple):
    """A page, or a form that is sent there."""

    route: str
    """As Django writes it."""
    view: Callable[..., HttpResponse]
    name: str
    guests: Mapping[str, int]
    """What who is not signed in is answered, by method; HEAD is answered as GET, what is not named with 405."""
    roles: Collection[str] | None = None
    """The roles of staff that may come in; None where nobody has to be signed in."""
    shows: Mapping[str, str] = {}
    """The roles to which an answer shows that the object which the address names is there: of `any` office, or of their
    own `office` alone."""
    forms: Collection[str] | None = None
    """The fields of its forms that name an object which may be another's; None where it has no form for staff."""
    arguments: Mapping[str, Any] = {}
    """What the view is called with besides."""


def patterns(pages: Iterable[Page]) -> list[URLPattern]:
    """Return pages as Django's URL map takes them."""
    return [path(one.route, one.view, dict(one.arguments), name=one.name) for one in pages]
