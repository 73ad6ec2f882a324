"""Canonical form, digest, instants: held against sources that nobody here wrote."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wayfare.ledger import rules

names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
scalars = st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=30)
fields = st.dictionaries(
    names, scalars | st.lists(scalars, max_size=4) | st.dictionaries(names, scalars, max_size=3), max_size=8
)


@given(fields)
def test_canonical_form_is_rfc_8785(data):
    assert rules.canonical(data) == rfc8785.dumps(data)


def test_digest_is_sha256_of_the_canonical_form():
    body = rules.canonical({"b": 1, "a": "é"})
    assert body == '{"a":"é","b":1}'.encode()
    assert rules.digest(body) == hashlib.sha256(body).digest()


@given(
    st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - an offset is drawn beside it
    st.integers(-23 * 60, 23 * 60),
)
def test_instants_compare_as_instants(naive, minutes):
    at = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert rules.instant_us(at.isoformat()) == expected
    assert rules.datetime_of(expected) == at


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("2026-07-01t10:00:00z", "2026-07-01T10:00:00Z"),
        ("2026-07-01T10:00:00-00:00", "2026-07-01T10:00:00Z"),
        ("2026-07-01T10:00:00.5Z", "2026-07-01T10:00:00.500000Z"),
        ("2026-07-01T10:00:00.123456789Z", "2026-07-01T10:00:00.123456Z"),
        ("2026-07-01T12:00:00+02:00", "2026-07-01T10:00:00Z"),
    ],
)
def test_ways_to_write_one_instant(text, same_as):
    assert rules.instant_us(text) == rules.instant_us(same_as)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01T10:00:00",
        "2026-07-01 10:00:00Z",
        "2026-07-01",
        "2026-07-01T10:00Z",
        "2026-07-01T24:00:00Z",
        "2026-02-29T10:00:00Z",
        "2026-07-01T10:00:60Z",
        "2026-07-01T10:00:00+24:00",
        "٢٠٢٦-07-01T10:00:00Z",
        "0001-01-01T00:00:00+23:59\n",
        1751364000,
        None,
    ],
)
def test_what_is_no_instant(text):
    with pytest.raises(ValueError, match=r"write|check"):
        rules.instant_us(text)


def test_a_fraction_of_a_second_has_a_limit_that_its_refusal_names():
    assert rules.instant_us("2026-07-01T10:00:00.123456789012Z") == rules.instant_us("2026-07-01T10:00:00.123456Z")
    with pytest.raises(
        ValueError, match="a fraction of a second with 15 digits; write at most 12, of which 6 are kept"
    ):
        rules.instant_us("2026-07-01T10:00:00.123456789012345Z")
    with pytest.raises(ValueError, match="not an RFC 3339"):
        rules.instant_us("2026-07-01T10:00:00.Z")


def test_same_content_looks_through_offsets_only():
    one = rules.canonical({"occurred_at": "2026-07-01T10:00:00Z", "kind": "returned"})
    moved = rules.canonical({"occurred_at": "2026-07-01T12:00:00+02:00", "kind": "returned"})
    later = rules.canonical({"occurred_at": "2026-07-01T12:00:01+02:00", "kind": "returned"})
    other = rules.canonical({"occurred_at": "2026-07-01T10:00:00Z", "kind": "enrolled"})
    assert rules.same_content(one, one)
    assert rules.same_content(one, moved)
    assert not rules.same_content(one, later)
    assert not rules.same_content(one, other)
