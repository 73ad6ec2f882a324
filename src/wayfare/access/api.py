"""The API's door: who asks, with which scope, and how often."""

from __future__ import annotations

import math
import time
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from wayfare.access import events, operations, queries
from wayfare.access.callers import address_of
from wayfare.access.problems import Problem
from wayfare.access.rules import Limiter, Token


@cache
def token_limiter() -> Limiter:
    """Return the limit on each token's requests in this process."""
    return Limiter(settings.TOKEN_REQUESTS_PER_SECOND, 5 * settings.TOKEN_REQUESTS_PER_SECOND)


@cache
def address_limiter() -> Limiter:
    """Return the limit on each address' requests without a valid token in this process."""
    return Limiter(settings.OPEN_REQUESTS_PER_SECOND, 10 * settings.OPEN_REQUESTS_PER_SECOND)


def take(limiter: Limiter, key: str) -> None:
    """Let one request pass. Raises: Problem too_many_requests, with `Retry-After` in seconds."""
    if wait := limiter.wait_seconds(key, time.monotonic):
        seconds = max(1, math.ceil(wait))
        raise Problem(
            "too_many_requests",
            f"Wait {seconds} s before the next request; several entries can travel in one.",
            headers={"Retry-After": str(seconds)},
        )


def anyone(request: HttpRequest) -> None:
    """Let a request without a token pass, within the limit of its address. Raises: Problem."""
    take(address_limiter(), address_of(request))


class Scope(HttpBearer):
    """Requires a valid bearer token with a scope; the request then carries it as `auth`."""

    openapi_description = "A token made with `wayfare token add`."

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__()

    def __call__(self, request: HttpRequest) -> Token:
        """Return the token that the request presents. Raises: Problem."""
        scheme, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if not text or scheme.lower() != "bearer":
            anyone(request)
            raise Problem(
                "token_missing",
                "Send the header `Authorization: Bearer …` with a token made by `wayfare token add`.",
                headers={"WWW-Authenticate": 'Bearer realm="wayfare"'},
            )
        return self.authenticate(request, text.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Token:
        """Return the token whose secret this is, if it has the scope. Raises: Problem."""
        now = timezone.now()
        found = queries.token_presented(token, now=now)
        if found is None:
            anyone(request)
            events.note("token_refused", why="unknown")
            raise Problem(
                "token_refused",
                "No valid token has this secret; ask for a new one.",
                headers={"WWW-Authenticate": 'Bearer realm="wayfare", error="invalid_token"'},
            )
        take(token_limiter(), found.id)
        if self.scope not in found.scopes:
            events.note("token_refused", why="scope", token=found.id, scope=self.scope)
            header = f'Bearer realm="wayfare", error="insufficient_scope", scope="{self.scope}"'
            raise Problem(
                "scope_missing",
                f"This call needs a token with the scope {self.scope}.",
                headers={"WWW-Authenticate": header},
            )
        operations.note_use(found, at=now)
        return found
