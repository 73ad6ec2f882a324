"""Who may call the API: by a token with a scope, by a session where staff may, and how often."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from wayfare.access import events, operations, queries
from wayfare.access.callers import address_of
from wayfare.access.purposes import ENTRY_READERS
from wayfare.access.readers import actor_of, asked_from_our_pages
from wayfare.access.rules import EVERYTHING, Actor, Forbidden, Limiter, Reader, Token, reader
from wayfare.common.web.problems import Problem


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
    """Requires a valid bearer token with one of some scopes; the request then carries it as `auth`."""

    openapi_description = "A token made with `wayfare token add`."

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes
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
        if not set(self.scopes) & set(found.scopes):
            events.note("token_refused", why="scope", token=found.id, scope=" ".join(self.scopes))
            header = f'Bearer realm="wayfare", error="insufficient_scope", scope="{" ".join(self.scopes)}"'
            raise Problem(
                "scope_missing",
                f"This call needs a token with the scope {' or '.join(self.scopes)}.",
                headers={"WWW-Authenticate": header},
            )
        operations.note_use(found, at=now)
        return found


def _signed_in(request: HttpRequest) -> Actor | None:
    """Return who asks by a session alone, from our own pages; None for who brings a token, or neither. Raises: Problem.

    A session of whoever has no right here is told what is told where there is nothing: by the call itself.
    """
    if request.headers.get("Authorization") or not asked_from_our_pages(request):
        return None
    actor = actor_of(request)
    if actor is not None:
        take(token_limiter(), str(actor.staff))
    return actor


@dataclass(frozen=True)
class OwnEntries:
    """Reads the entries of one source."""

    source: str

    def record(self, first: int, last: int, count: int) -> None:
        """Put nothing on record: a source reads what it sent."""


@dataclass(frozen=True)
class EveryEntry:
    """Reads every entry, by the id of a token or the secret of an auditor's session."""

    token: str | None = None
    session: str | None = None
    source: None = None

    def record(self, first: int, last: int, count: int) -> None:
        """Put the reading on the access record. Raises: Problem for who may not read, or no longer."""
        try:
            operations.note_ledger_read(first, last, count, token=self.token, by=self.session)
        except Forbidden:
            raise Problem("not_found", "Nothing is here, or nothing for you.") from None


class Entries(Scope):
    """Requires `ledger:own` or `ledger:read`, or the session of an auditor; `auth` then says which entries are read."""

    def __init__(self) -> None:
        super().__init__("ledger:own", "ledger:read")

    def __call__(self, request: HttpRequest) -> OwnEntries | EveryEntry:  # type: ignore[override]
        """Return which entries the request may read. Raises: Problem."""
        if (actor := _signed_in(request)) is not None:
            if not actor.roles & set(ENTRY_READERS):
                raise Problem("not_found", "Nothing is here, or nothing for you.")
            return EveryEntry(session=request.COOKIES[settings.SESSION_COOKIE_NAME])
        token = super().__call__(request)
        return EveryEntry(token=token.id) if "ledger:read" in token.scopes else OwnEntries(token.source)


class ExactFigures(Scope):
    """Requires the scope `statistics:exact`, or a session; `auth` is then the Reader. In a demo, nothing."""

    def __init__(self) -> None:
        super().__init__("statistics:exact")

    def __call__(self, request: HttpRequest) -> Reader:  # type: ignore[override]
        """Return what the request may read. Raises: Problem."""
        if settings.DEMO:
            anyone(request)
            return EVERYTHING
        if (actor := _signed_in(request)) is not None:
            return reader(actor)
        super().__call__(request)
        return EVERYTHING
