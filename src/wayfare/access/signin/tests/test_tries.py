"""Guessing at the sign-in: how often one may try, when a password is blocked, and that no stranger shuts the owner out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from django.db import connections
from django.test import Client

from wayfare.access import operations as access
from wayfare.access import queries as staff_queries
from wayfare.access.door import door
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden
from wayfare.access.signin import operations, queries, tries
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.signin.rules import NotProved
from wayfare.access.tests.cast import Colleague, browser, there
from wayfare.access.tests.test_duties import owner

PASSWORD = "seven lamps along the quay"
GENERATOR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
EMAIL = "ada@example.org"
LIMIT = 4
"""Instead of 60: a password takes a tenth of a second to look at."""


@pytest.fixture
def ada(fresh_database):
    """Somebody who signs in by a password and a code; and a limit that a test can reach."""
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    owner("update access_limits set password_failures = %s", LIMIT)
    at = datetime.now(UTC) - timedelta(days=1)
    link = operations.invite("Ada Okoye", EMAIL, "paris", ("counsellor",), by=None, at=at)
    secret = operations.accept_with_password(link, PASSWORD, GENERATOR, pyotp.TOTP(GENERATOR).at(at), at=at)
    return there(staff_queries.actor(secret, at=at)).staff


def form(code="000000"):
    return {"email": EMAIL, "password": PASSWORD, "code": code}


def next_code():
    owner("update access_totp set last_step = 0")
    return pyotp.TOTP(GENERATOR).now()


def client(address="192.0.2.1"):
    return Client(HTTP_HOST="localhost", REMOTE_ADDR=address, raise_request_exception=False)


def time_goes_by():
    """As if every pace were as good as new: what is left is what is counted for ever."""
    owner("delete from access_pace")


def guess(times):
    """A stranger who knows the password guesses codes, each from another address and with all the time it takes."""
    for n in range(times):
        time_goes_by()
        yield client(f"198.51.100.{n}").post("/staff/sign-in", form()).status_code


def test_a_password_is_blocked_after_so_many_failures_and_a_known_device_is_not(ada):
    own = client()
    assert own.post("/staff/sign-in", form(next_code())).status_code == 302
    assert list(guess(LIMIT + 3)) == [403] * (LIMIT + 3)
    assert tries.blocked_at(ada) is not None
    time_goes_by()
    assert client("203.0.113.9").post("/staff/sign-in", form(next_code())).status_code == 403, (
        "even with the right code"
    )
    with pytest.raises(NotProved, match="password_blocked"):
        operations.sign_in_with_code(EMAIL, PASSWORD, next_code(), at=datetime.now(UTC))
    assert own.post("/staff/sign-in", form(next_code())).status_code == 302, "the owner, on a device they signed in on"
    with_cookie_of_another = client()
    with_cookie_of_another.cookies["wayfare_device"] = own.cookies["wayfare_device"].value + "x"
    assert with_cookie_of_another.post("/staff/sign-in", form(next_code())).status_code == 403


def test_control_without_the_count_a_code_is_guessed_for_ever(ada):
    owner("create or replace function access_try_password(colleague uuid, device bytea) returns boolean"
          " language sql as 'select true'")  # fmt: skip
    assert list(guess(LIMIT + 3)) == [403] * (LIMIT + 3)
    time_goes_by()
    assert client("203.0.113.9").post("/staff/sign-in", form(next_code())).status_code == 302


def test_strangers_do_not_keep_the_owner_waiting(ada):
    own = client()
    assert own.post("/staff/sign-in", form(next_code())).status_code == 302
    answers = [client().post("/staff/sign-in", form()).status_code for _ in range(8)]
    assert answers[-1] == 429, "strangers behind the same address, too"
    assert own.post("/staff/sign-in", form(next_code())).status_code == 302
    own.cookies.pop("wayfare_device")
    assert own.post("/staff/sign-in", form(next_code())).status_code == 429, "the control"


def test_recovery_links_and_passkeys_have_limits_of_their_own(ada):
    for _ in range(8):
        client().post("/staff/sign-in", form())
    assert client().post("/staff/recover", {"email": EMAIL}).status_code == 302
    assert client().post("/staff/sign-in/options").status_code == 200
    answers = [client().post("/staff/recover", {"email": EMAIL}).status_code for _ in range(4)]
    assert answers == [302, 302, 429, 429]
    assert client().post("/staff/recover", {"email": "nobody@example.org"}).status_code == 302
    assert client().post("/staff/sign-in", form(next_code())).status_code == 429, "the control"


def test_the_owner_a_colleague_or_a_command_allows_it_again_and_that_is_recorded(ada):
    admin, other = Colleague("paris", "administrator"), Colleague("paris", "supervisor")
    officer = Colleague("paris", "data_protection_officer")
    with acting(other.secret), pytest.raises(Forbidden):
        tries.unblock_password(ada)
    fresh = access.begin_session(ada, "passkey", at=datetime.now(UTC))

    def by_themself():
        own = client()
        own.cookies["wayfare_session"] = fresh
        assert "Sign-in by password is blocked" in own.get("/staff/me").content.decode()
        assert own.post("/staff/me", {"do": "unblock"}).status_code == 302

    def by_an_administrator():
        page = browser(admin)
        assert "Sign-in by password is blocked" in page.get(f"/staff/people/{ada}").content.decode()
        assert page.post(f"/staff/people/{ada}", {"do": "unblock"}).status_code == 302

    def by_a_command():
        with door():
            tries.unblock_password(ada)

    for way in (by_themself, by_an_administrator, by_a_command):
        list(guess(LIMIT + 1))
        assert tries.blocked_at(ada) is not None
        way()
        assert tries.blocked_at(ada) is None
        time_goes_by()
        assert client().post("/staff/sign-in", form(next_code())).status_code == 302
    with acting(officer.secret):
        lines = [one for one in staff_queries.newest_staff_matters() if one.kind.startswith("password")]
        told = [one.about for one in staff_queries.notices()]
    assert [(line.kind, line.staff) for line in reversed(lines)] == [
        ("password_blocked", None), ("password_unblocked", ada), ("password_blocked", None),
        ("password_unblocked", admin.id), ("password_blocked", None), ("password_unblocked", None),
    ]  # fmt: skip
    assert told == ["password_blocked"] * 3


def test_a_recovery_opens_it_too(ada):
    list(guess(LIMIT + 1))
    link = operations.recover_by_command(ada, at=datetime.now(UTC))
    operations.recover(link, NewPasskey(b"new", b"", 0), "", at=datetime.now(UTC))
    assert tries.blocked_at(ada) is None


def test_the_owner_s_sign_ins_give_strangers_no_more_tries(ada):
    own = client()
    assert own.post("/staff/sign-in", form(next_code())).status_code == 302
    for _ in range(LIMIT + 1):
        list(guess(1))
        assert own.post("/staff/sign-in", form(next_code())).status_code == 302
    assert tries.blocked_at(ada) is not None


def test_a_device_that_guesses_itself_is_a_stranger_and_its_secret_is_new_each_time(ada):
    own = client()
    own.post("/staff/sign-in", form(next_code()))
    stolen = own.cookies["wayfare_device"].value
    own.post("/staff/sign-in", form(next_code()))
    assert own.cookies["wayfare_device"].value != stolen
    thief = client()
    for _ in range(2 * LIMIT + 2):
        time_goes_by()
        thief.cookies["wayfare_device"] = stolen
        thief.post("/staff/sign-in", form())
    assert tries.blocked_at(ada) is not None
    cookie = own.cookies["wayfare_device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 365 * 24 * 3600)
    owner("update access_device set failures = %s", LIMIT)
    time_goes_by()
    assert own.post("/staff/sign-in", form(next_code())).status_code == 403, "after as many failures of its own"


def test_a_device_is_known_for_each_account_and_not_for_others(ada):
    own = client()
    own.post("/staff/sign-in", form(next_code()))
    secrets = [there(own.cookies.get("wayfare_device")).value]
    assert queries.staff_of(EMAIL) == ada
    ((hash_,),) = owner("select hash from access_device where staff = %s", ada)
    assert secrets[0].encode() not in bytes(hash_)
    session = own.cookies["wayfare_session"].value
    operations.end_other_sessions(ada, session, at=datetime.now(UTC))
    assert owner("select count(*) from access_device") == [(0,)], "ending all others forgets every device"


def test_of_many_tries_at_once_in_many_processes_no_more_are_taken(fresh_database):
    """Each thread has a connection of its own, as each process has."""
    barrier = threading.Barrier(12)

    def one(_):
        try:
            barrier.wait()
            return tries.take("password account", tries.Pace(5, 30), "ada")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(one, range(12)))
    assert sum(wait == 0 for wait in waits) == 5
    assert all(0 < wait <= 30 for wait in waits if wait)
