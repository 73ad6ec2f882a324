"""Every door of the URL map, every method, every kind of caller. A door that nobody thought about fails here."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from wayfare.access import operations as access
from wayfare.access.api import address_limiter, token_limiter
from wayfare.access.purposes import ROLES
from wayfare.access.rules import write_secret
from wayfare.access.signin import tries
from wayfare.common.web.pages import Page
from wayfare.departures import operations
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.source import LEDGER
from wayfare.people.tests.cast import Colleague, browser
from wayfare.site.api import MOUNTED
from wayfare.site.urls import PAGES
from wayfare.tlog import keys
from wayfare.tlog import operations as log
from wayfare.tlog.parts import Source

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
SCOPES = {
    "own": "ledger:own",
    "write": "ledger:write",
    "exact": "statistics:exact",
    "every": "ledger:read",
}
CALLERS = ("anonymous", "wrong", *SCOPES)
READ = ("GET", "HEAD")
Expectation = dict[str, tuple[int, ...]]


def answers(methods: tuple[str, ...], *statuses: int) -> Expectation:
    """Return what each kind of caller gets for some methods; one status: all the same."""
    return dict.fromkeys(methods, statuses * len(CALLERS) if len(statuses) == 1 else statuses)


def expected(page: Page) -> Expectation:
    """Return what the line of a page says: no token opens a page, so all callers are answered alike."""
    told = {method: (status,) * len(CALLERS) for method, status in page.guests.items()}
    return told | ({"HEAD": told["GET"]} if "GET" in told else {})


def opened_by(calls: Mapping[str, tuple[str, ...]]) -> Expectation:
    """Return what the line of a call says: a token with one of the scopes opens it, another is refused, none is asked."""
    told = {
        method: (401, 401, *(200 if scope in scopes else 403 for scope in SCOPES.values()))
        for method, scopes in calls.items()
    }
    return told | ({"HEAD": told["GET"]} if "GET" in told else {})


API: dict[str, Expectation] = {
    "api/v1/": answers(READ, 404) | answers(METHODS[2:], 404),
    "api/v1/health": answers(READ, 200),
    "api/v1/openapi.json": answers(READ, 200),
} | {f"api/v1{one.prefix}/{path}": opened_by(calls) for one in MOUNTED for path, calls in one.scopes.items()}
DOORS: dict[str, Expectation] = {page.route: expected(page) for page in PAGES} | API
"""Method and statuses by caller; a method that is not named is refused to everybody with 405."""


SAMPLES = {
    "<slug:key>": "fra",
    "<key>": "fra",
    "<path:path>": "0/000.p/1",
    "<int:position>": "1",
    "<str:secret>": "A" * 43,
    "<str:group>": "names",
    "<slug:kind>": "csv",
}
SAMPLES |= {f"<uuid:{name}>": str(uuid.UUID(int=1)) for name in ("staff", "person", "task", "erasure")}


def address(door: str) -> str:
    """Return where a door is found, with something there that exists."""
    for parameter, value in SAMPLES.items():
        door = door.replace(parameter, value)
    return "/" + door


def patterns(resolver: Any = None, before: str = "") -> Iterator[str]:
    for one in (resolver or get_resolver()).url_patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one, path)
        else:
            yield path


def entry() -> dict[str, Any]:
    return {
        "entry_id": str(uuid.uuid4()),
        "kind": "returned",
        "occurred_at": "2026-07-01T12:00:00Z",
        "source": "office",
        "person": str(uuid.uuid4()),
    }


@pytest.fixture(scope="module")
def secrets(kept, tmp_path_factory) -> dict[str, str | None]:
    """Make what doors lead to, and a token for each kind of caller: once for all tests, which undo what they do."""
    folder = tmp_path_factory.mktemp("logs")
    with kept():
        operations.add_programme("fra", "Return from France", "FRA", "Europe/Paris")
        intake.record([entry()], writer="office")
        log.keep_up(LEDGER, keys.opened(folder / "log", "wayfare.example/ledger"))
        looks = Source("access", lambda after, limit: [b"a look"][after : after + limit])
        log.keep_up(looks, keys.opened(folder / "looks", "wayfare.example/access"))
        return {"anonymous": None, "wrong": write_secret("0" * 16, "A" * 43)} | {
            name: access.issue_token(source="office", scopes=(scope,), at=datetime.now(UTC))[1]
            for name, scope in SCOPES.items()
        }


@pytest.fixture
def callers(db, secrets) -> dict[str, Client]:
    token_limiter.cache_clear()
    address_limiter.cache_clear()
    return {
        name: Client(raise_request_exception=False, **({"HTTP_AUTHORIZATION": f"Bearer {text}"} if text else {}))
        for name, text in secrets.items()
    }


def test_every_door_has_an_expectation():
    assert set(patterns()) == DOORS.keys()
    assert len(PAGES) + len(API) == len(DOORS), "two rooms have a page at one address"


def lets_in(page: Page) -> bool:
    """Tell whether the line of a page says whom its view lets in."""
    return (None if page.roles is None else frozenset(page.roles)) == getattr(page.view, "roles", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.route or "front")
def test_the_line_of_a_page_says_whom_its_view_lets_in(page):
    assert lets_in(page)
    assert not lets_in(page._replace(roles=["verifier"])), "control: no page is for verifiers alone"


def test_each_role_comes_in_where_the_line_says_so_and_nowhere_else(db):
    """Pages that name an object are tried in `test_matrix.py`, with objects of every fate."""
    tried = 0
    for role in ROLES:
        client = browser(Colleague("paris", role), raise_request_exception=False)
        for page in PAGES:
            if page.roles is not None and "GET" in page.guests and "<" not in page.route:
                status = client.get(f"/{page.route}").status_code
                assert (status != 404) is (role in page.roles), (role, page.route, status)
                tried += 1
    assert tried >= 10 * len(ROLES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("door", DOORS)
def test_who_gets_what(callers, door, method, monkeypatch):
    monkeypatch.setitem(tries.ACCOUNT, "password", tries.Pace(len(CALLERS), 30))  # all of them try one account
    path = address(door)
    body = {"data": json.dumps(entry()), "content_type": "application/json"} if method == "POST" else {}
    for name, wanted in zip(CALLERS, DOORS[door].get(method, (405,) * len(CALLERS)), strict=True):
        response = callers[name].generic(method, path, **body)
        assert response.status_code == wanted, (door, method, name, response.content[:300])
        if method == "HEAD":
            assert response.content == b""
        if wanted == 405:
            assert response.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/departures/nowhere/", "/api/v1/programmes/nowhere/table", "/admin/", "/static/../x"]
)
def test_what_is_hidden_and_what_is_absent_look_the_same(callers, path):
    """To who may read, an unknown programme is not found; to others the door is shut before that is looked up."""
    statuses = [callers[name].get(path).status_code for name in CALLERS]
    wanted = {"/api": [401, 401, 403, 403, 404, 403], "/dep": [302] * len(CALLERS)}
    assert statuses == wanted.get(path[:4], [404] * len(CALLERS))


@pytest.mark.parametrize("door", DOORS)
def test_no_answer_lacks_its_safety_headers(callers, door):
    path = address(door)
    headers = callers["own"].get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


ADDRESSES_OF_FORMS = [page.route for page in PAGES if "POST" in page.guests and "GET" not in page.guests]


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_an_address_that_only_takes_forms_says_so_on_a_page_with_a_way_on(callers, language):
    assert len(ADDRESSES_OF_FORMS) >= 5
    said = set()
    for route in ADDRESSES_OF_FORMS:
        answer = callers["anonymous"].get(address(route), headers={"accept-language": language})
        assert (answer.status_code, answer.headers["Allow"], answer.headers["Cache-Control"]) == (
            405,
            "POST",
            "no-store",
        ), route
        text = answer.content.decode()
        assert 'href="/home"' in text
        said.add(re.search(r"<h1[^>]*>(.*)</h1>\s*<div[^>]*>\s*<p>(.*)</p>", text).groups())
    assert len(said) == 1
    assert ("Nothing was done" in next(iter(said))) is (language == "en")
    other = callers["anonymous"].post("/staff/purposes", headers={"accept-language": language})
    assert (other.status_code, other.headers["Allow"]) == (405, "GET, HEAD")
    assert next(iter(said))[1] not in other.content.decode(), "the control: a page to read says something else"
