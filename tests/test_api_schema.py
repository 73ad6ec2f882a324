"""Schemathesis: what the description promises, asked in ways nobody thought of, of the real application."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from wayfare.access import operations as access
from wayfare.access.api import address_limiter, token_limiter
from wayfare.departures import operations
from wayfare.site.api import api

ENTRIES, TABLE = "/api/v1/ledger/entries", "/api/v1/programmes/{key}/table"
RECEIPT = "/api/v1/ledger/entries/{position}/receipt"
OPERATIONS = [
    (method.upper(), path)
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method, operation in methods.items()
    if operation["operationId"] != "live"  # the server's, not Django's
]


@pytest.fixture
def one_connection():
    """Keep the test's transaction open from request to request, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{m} {p}" for m, p in OPERATIONS])
def test_the_description_is_kept(db, one_connection, method, path):
    from wayfare.site.wsgi import application

    token_limiter.cache_clear()
    address_limiter.cache_clear()
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    _, secret = access.issue_token(
        source="office", scopes=["ledger:write", "ledger:read", "statistics:exact"], at=datetime.now(UTC)
    )
    headers = {"Host": "localhost", "Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application, headers={"Host": "localhost"})
    schema.config.update(headers=headers)
    operation = schema[path][method]
    # A bad entry is told of in its place, in a 200; and whether a position is there no description can say.
    left_out = {"POST": "negative_data_rejection", "GET": "positive_data_acceptance"}
    excluded = (
        [schemathesis.checks.CHECKS.get_one(left_out[method])]
        if (method, path) in (("POST", ENTRIES), ("GET", TABLE), ("GET", RECEIPT))
        else []
    )

    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=30, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    def probe(case):
        address_limiter.cache_clear()
        token_limiter.cache_clear()
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    probe()
