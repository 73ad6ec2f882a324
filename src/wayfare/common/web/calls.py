"""The API as rooms declare it: routers, and beside each of their calls the tokens that open it.

`tests/test_doors.py` tries every call by every kind of caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from ninja import Router


class Mounted(NamedTuple):
    """A router of the API."""

    prefix: str
    """Where it lies under `/api/v1`."""
    router: Router
    auth: Callable[..., Any]
    """Lets a request in; a call of the router may have its own."""
    scopes: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By path below the prefix, as the URL map has it, and method: a token with one of these scopes opens it."""


def refused(*statuses: int, **extra: Any) -> dict[str, Any]:
    """Return what the description says of a call: the refusals that it knows, and what else is given."""
    known = {
        str(status): {"$ref": "#/components/responses/Problem", "description": HTTPStatus(status).phrase}
        for status in statuses
    }
    return extra | {"responses": extra.get("responses", {}) | known}
