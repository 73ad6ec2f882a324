"""Tokens' forms and the rate limit, by the table."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from wayfare.access import rules

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def token(**other):
    fields = dict.fromkeys(rules.Token._fields) | {
        "id": "a" * 16,
        "source": "s",
        "scopes": ("read",),
        "created_at": NOW,
    }
    return rules.Token(**{**fields, **other})


def test_what_is_written_is_read_again():
    secret = "A" * 43
    assert rules.read_secret(rules.write_secret("0123456789abcdef", secret)) == ("0123456789abcdef", secret)
    assert rules.secret_hash(secret) == hashlib.sha256(b"A" * 43).digest()


@pytest.mark.parametrize(
    "text",
    ["", "x", "wayfare_", "wayfare_0123456789abcdef_" + "A" * 42, "wayfare_0123456789ABCDEF_" + "A" * 43,
     "wayfare_0123456789abcdef_" + "A" * 43 + "\n", "wayfare_0123456789abcdef_" + "é" * 43, "A" * 100_000],
)  # fmt: skip
def test_what_is_no_secret_is_not_looked_up(text):
    assert rules.read_secret(text) is None


@pytest.mark.parametrize(
    ("other", "state"),
    [
        ({}, "valid"),
        ({"expires_at": NOW + timedelta(microseconds=1)}, "valid"),
        ({"expires_at": NOW}, "expired"),
        ({"revoked_at": NOW}, "revoked"),
        ({"revoked_at": NOW, "expires_at": NOW}, "revoked"),
    ],
)
def test_state(other, state):
    assert rules.state(token(**other), NOW) == state


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("a lie", "unknown"),
    ],
)
def test_address_key(address, key):
    assert rules.address_key(address) == key


def test_a_burst_passes_then_the_rate_holds():
    limiter = rules.Limiter(per_second=10, burst=5)
    assert [limiter.wait_seconds("a", lambda: 100.0) > 0 for _ in range(7)] == [False] * 5 + [True] * 2
    assert limiter.wait_seconds("b", lambda: 100.0) == 0, "each key for itself"
    wait = limiter.wait_seconds("a", lambda: 100.0)
    assert 0 < wait <= 0.1
    assert limiter.wait_seconds("a", lambda: 100.0 + wait + 1e-6) == 0, "who waits as told comes in"
    passed = sum(limiter.wait_seconds("a", iter([101 + i / 1000]).__next__) == 0 for i in range(10_000))
    assert 98 <= passed <= 106, "over 10 s: the rate and one burst"


def test_a_limiter_does_not_grow_without_bound():
    limiter = rules.Limiter(per_second=1, burst=5, keys_max=100)
    for i in range(1000):
        limiter.wait_seconds(str(i), lambda: 100.0)
        assert len(limiter._due) <= 100
