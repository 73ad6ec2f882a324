"""Every door of the staff × every role; forms against forgery; sessions and cookies; how often one may try."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pyotp
import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import URLPattern, get_resolver

from wayfare.access import operations as access
from wayfare.access import queries as staff_queries
from wayfare.access.purposes import ROLES
from wayfare.access.rules import secret_hash
from wayfare.access.signin import operations, queries
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.signin.web import doors
from wayfare.access.tests.cast import there

NOW = datetime.now(UTC)
PASSWORD = "seven lamps along the quay"
GENERATOR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LANGUAGES = ("en", "fr", "es", "ar")


@pytest.fixture(autouse=True)
def now():
    """Doors look at the clock: what is now for a test is when it begins, not when a long run read this file."""
    global NOW
    NOW = datetime.now(UTC)


def come_in(role, office="paris", at=None):
    """Return the id of a new colleague and a client with their session."""
    at = at or NOW
    email = f"{role}-{uuid4()}@example.org"
    invitation = operations.invite(role.title(), email, office, (role,), by=None, at=at)
    secret = operations.accept_with_passkey(invitation, NewPasskey(uuid4().bytes, b"", 0), "", at=at)
    client = Client(HTTP_HOST="localhost", raise_request_exception=False)
    client.cookies["wayfare_session"] = secret
    return queries.colleagues(at=at) and _id(email), client


def _id(email):
    with connection.cursor() as cursor:
        cursor.execute("select id from access_staff where email = %s", [email])
        return cursor.fetchone()[0]


@pytest.fixture
def office(db):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)


@pytest.fixture
def committed(fresh_database):
    """An office in a database of the test's own, of which the owner sees what the application did."""
    access.set_office("paris", "Paris", "Europe/Paris", by=None)


@pytest.fixture
def stranger(office):
    return Client(HTTP_HOST="localhost", raise_request_exception=False)


@pytest.fixture
def staff(office):
    return {role: come_in(role) for role in ROLES}


EVERYBODY = ("staff/me", "staff/me/password", "staff/recoveries", "staff/sign-in", "staff/recover")
ADMINISTRATION = ("staff/people", "staff/people/invite", "staff/people/{}", "staff/offices")


def patterns():
    """Return the addresses of the doors that are sign-in's own; other rooms' are tried in tests of theirs."""
    found = [one for one in get_resolver().url_patterns if isinstance(one, URLPattern)]
    return {str(one.pattern) for one in found if one.callback.__module__.startswith("wayfare.access.signin.")}


def test_the_list_of_doors_is_whole():
    known = {*EVERYBODY, *ADMINISTRATION, "staff/sign-out"}
    found = {one.replace("<uuid:staff>", "{}") for one in patterns()}
    links = {one for one in found if "<str:secret>" in one or one.endswith("/options")}
    assert {one for one in found if one.startswith("staff/")} - links == known


def test_what_each_role_sees(staff):
    somebody = staff["counsellor"][0]
    for role, (_, client) in staff.items():
        for door in EVERYBODY:
            assert client.get(f"/{door}").status_code == 200, (role, door)
        for door in ADMINISTRATION:
            wanted = 200 if role == "administrator" else 404
            assert client.get("/" + door.format(somebody)).status_code == wanted, (role, door)
            posted = client.post("/" + door.format(somebody), {"do": "leave", "sure": "yes"}).status_code
            assert posted in ((302, 422) if role == "administrator" else (404,)), (role, door)
            if role == "counsellor":
                assert queries.colleague(somebody, at=NOW).state == "active"


def bare(response, path):
    return (
        re.sub(r'value="[A-Za-z0-9]{64}"', "", response.content.decode())
        .replace(path, "")
        .replace(path.replace("/", "%2F"), "")
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_forbidden_page_and_an_absent_one_look_alike(staff, language):
    _, client = staff["counsellor"]
    client.cookies["language"] = language
    absent = client.get("/staff/nothing-at-all")
    for door in ADMINISTRATION:
        path = "/" + door.format(staff["auditor"][0])
        forbidden = client.get(path)
        assert (forbidden.status_code, absent.status_code) == (404, 404)
        assert bare(forbidden, path.lstrip("/")) == bare(absent, "staff/nothing-at-all"), path
    _, administrator = staff["administrator"]
    assert administrator.get(f"/staff/people/{uuid4()}").status_code == 404


def test_an_office_is_named_and_not_by_its_key(staff):
    access.set_office("gva-2", "Genève-Centre", "Europe/Zurich", by=None)
    colleague, client = come_in("counsellor", "gva-2")
    _, administrator = staff["administrator"]
    secret = administrator.cookies["wayfare_session"].value
    operations.invite("Bo", "bo@example.org", "gva-2", ("auditor",), "en", by=secret, at=NOW)
    email = next(one.email for one in queries.colleagues(at=NOW) if one.staff == colleague)
    client.post("/staff/recover", {"email": email})
    for path in ("/staff/people", f"/staff/people/{colleague}", "/staff/requests", "/staff/recoveries", "/home"):
        page = administrator.get(path).content.decode()
        assert "Genève-Centre" in page, path
        assert "gva-2" not in page, path
    assert "gva-2" in administrator.get("/staff/offices").content.decode(), "the control: where keys are told"


def test_who_is_not_signed_in_learns_nothing_of_an_object(staff, stranger):
    answers = {stranger.get(f"/staff/people/{one}").status_code for one in (staff["auditor"][0], uuid4())}
    assert answers == {302}
    assert stranger.get("/staff/me").headers["Location"] == "/staff/sign-in?next=%2Fstaff%2Fme"


@pytest.mark.parametrize("secret", ["A" * 43, "x", "%00", "é" * 100, "a b"])
def test_links_that_open_nothing_look_alike(stranger, secret):
    used = operations.invite("Ada", "ada@example.org", "paris", ("auditor",), by=None, at=NOW)
    operations.accept_with_passkey(used, NewPasskey(b"1", b"", 0), "", at=NOW)
    run_out = operations.invite("Bo", "bo@example.org", "paris", ("auditor",), by=None, at=NOW - timedelta(days=8))
    first = stranger.get(f"/staff/sign-up/{used}")
    for other in (run_out, secret):
        answer = stranger.get(f"/staff/sign-up/{other}")
        assert answer.status_code == first.status_code == 404
    assert bare(first, used) == bare(stranger.get(f"/staff/sign-up/{run_out}"), run_out)
    assert stranger.post(f"/staff/sign-up/{used}/options").status_code == 404


# Forms


def test_every_form_is_refused_without_its_token(staff):
    somebody = staff["counsellor"][0]
    secret = operations.invite("Ed", "ed@example.org", "paris", ("auditor",), by=None, at=NOW)
    posts = {
        "/staff/sign-in": {},
        "/staff/sign-in/options": {},
        "/staff/sign-out": {},
        f"/staff/sign-up/{secret}": {},
        f"/staff/sign-up/{secret}/options": {},
        "/staff/me": {"do": "end-others", "sure": "yes"},
        "/staff/me/options": {},
        "/staff/me/password": {"do": "password"},
        "/staff/people": {"sure": "yes"},
        "/staff/recover": {"email": "ada@example.org"},
        f"/staff/recover/{secret}": {},
        f"/staff/recover/{secret}/options": {},
        "/staff/recoveries": {},
        "/staff/people/invite": {"name": "X", "email": "x@example.org", "office": "paris", "roles": "auditor"},
        f"/staff/people/{somebody}": {"do": "leave", "sure": "yes"},
        "/staff/offices": {"id": "rome", "name": "Rome", "timezone": "Europe/Rome"},
    }
    found = {f"/{one}" for one in patterns()}
    asked = {re.sub(secret, "<str:secret>", path).replace(str(somebody), "<uuid:staff>") for path in posts}
    assert found == asked, "a door that takes forms is not tried here"
    strict = Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    strict.cookies["wayfare_session"] = staff["administrator"][1].cookies["wayfare_session"].value
    for path, form in posts.items():
        answer = strict.post(path, form)
        assert answer.status_code == 403, path
        assert b"Send it again" in answer.content, path
    assert queries.colleague(somebody, at=NOW).state == "active"
    assert [one.id for one in queries.offices()] == ["paris"]
    assert strict.get("/staff/me").status_code == 200


def test_with_its_token_a_form_does_what_it_says(staff):
    """The control."""
    strict = Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    strict.cookies["wayfare_session"] = staff["administrator"][1].cookies["wayfare_session"].value
    page = strict.get("/staff/offices").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    form = {"id": "rome", "name": "Rome", "timezone": "Europe/Rome", "csrfmiddlewaretoken": token}
    assert strict.post("/staff/offices", form).status_code == 302
    assert "rome" in {one.id for one in queries.offices()}
    elsewhere = strict.post("/staff/offices", form | {"id": "oslo"}, HTTP_ORIGIN="https://evil.example")
    assert elsewhere.status_code == 403


def test_the_api_and_the_log_need_no_such_token(stranger):
    """A bearer token is sent by no browser on its own, and checking a receipt changes nothing."""
    strict = Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    _, secret = access.issue_token(source="office", scopes=("write",), at=NOW)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
    answer = strict.post("/api/v1/ledger/entries", json.dumps({}), content_type="application/json", **bearer)
    assert answer.status_code == 200
    assert strict.post("/log/", {"text": "x"}).status_code == 200
    assert strict.get("/language?to=fr&back=/").status_code == 302


# Sessions


def aged(client, column, **by):
    secret = client.cookies["wayfare_session"].value
    owner(f"update access_session set {column} = {column} - %s where hash = %s", [timedelta(**by), secret_hash(secret)])


def owner(query, parameters):
    """Change what the application may not, as the tables' owner; return the first column of what it says."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def test_a_session_ends_at_leaving_at_another_role_and_at_sign_out(staff):
    _, administrator = staff["administrator"]
    for role, form in (
        ("counsellor", {"do": "leave", "sure": "yes"}),
        ("auditor", {"do": "roles", "roles": ["verifier"]}),
    ):
        id_, client = staff[role]
        assert client.get("/staff/me").status_code == 200
        assert administrator.post(f"/staff/people/{id_}", form).status_code == 302
        assert client.get("/staff/me").status_code == 302, role
    _, client = staff["verifier"]
    kept = client.cookies["wayfare_session"].value
    assert client.post("/staff/sign-out").status_code == 302
    assert client.cookies["wayfare_session"].value == ""
    client.cookies["wayfare_session"] = kept
    assert client.get("/staff/me").status_code == 302, "the secret itself opens nothing any more"


@pytest.mark.parametrize(("minutes", "status"), [(29, 200), (31, 302)])
def test_a_session_that_is_not_used_ends(committed, minutes, status):
    _, client = come_in("auditor")
    aged(client, "used_at", minutes=minutes)
    assert client.get("/staff/me").status_code == status


@pytest.mark.parametrize(("hours", "status"), [(11.9, 200), (12.1, 302)])
def test_a_session_ends_after_twelve_hours_however_much_it_is_used(committed, hours, status):
    id_, client = come_in("auditor")
    secret = access.begin_session(id_, "passkey", at=NOW - timedelta(hours=hours))
    client.cookies["wayfare_session"] = secret
    owner("update access_session set used_at = %s where hash = %s", [NOW, secret_hash(secret)])
    assert client.get("/staff/me").status_code == status


def test_use_is_noted_at_most_once_a_minute(committed):
    _, client = come_in("auditor")
    hash_ = secret_hash(client.cookies["wayfare_session"].value)

    def used():
        return owner("select used_at from access_session where hash = %s", [hash_])[0]

    client.get("/staff/me")
    assert used() == NOW
    aged(client, "used_at", seconds=61)
    client.get("/staff/me")
    assert used() > NOW - timedelta(seconds=61)


def test_what_changes_how_one_comes_in_asks_for_a_fresh_sign_in(committed):
    id_, client = come_in("auditor")
    operations.add_passkey(id_, NewPasskey(b"second", b"", 0), "second", at=NOW)
    old = access.begin_session(id_, "passkey", at=NOW - timedelta(minutes=16))
    owner("update access_session set used_at = %s where hash = %s", [NOW, secret_hash(old)])
    fresh = client.cookies["wayfare_session"].value
    form = {"do": "remove", "sure": "yes", "passkey": b"second".hex()}
    client.cookies["wayfare_session"] = old
    assert "Sign in again" in client.get("/staff/me").content.decode()
    assert client.post("/staff/me", form).status_code == 403
    assert client.post("/staff/me/options").status_code == 404
    assert len(queries.passkeys(id_)) == 2
    client.cookies["wayfare_session"] = fresh
    assert client.post("/staff/me", form).status_code == 302
    assert len(queries.passkeys(id_)) == 1


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "\x7f", "é"])
def test_a_made_up_session_opens_nothing(stranger, secret):
    stranger.cookies["wayfare_session"] = secret
    assert stranger.get("/staff/me").status_code == 302


def test_staff_pages_are_kept_nowhere(staff, stranger):
    _, client = staff["administrator"]
    for door in (*EVERYBODY, "staff/people", "staff/people/invite", "staff/offices"):
        assert client.get(f"/{door}").headers["Cache-Control"] == "no-store", door
    assert stranger.get("/staff/sign-up/x").headers["Cache-Control"] == "no-store"


# Signing in by a code


def with_code(email="ada@example.org"):
    secret = operations.invite("Ada", email, "paris", ("auditor",), by=None, at=NOW)
    early = NOW - timedelta(seconds=120)
    operations.accept_with_password(secret, PASSWORD, GENERATOR, pyotp.TOTP(GENERATOR).at(early), at=early)


def form(**other):
    return {"email": "ada@example.org", "password": PASSWORD, "code": pyotp.TOTP(GENERATOR).now()} | other


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/staff/recoveries", "/staff/recoveries"),
        ("//evil.example/", "/home"),
        ("https://evil.example/", "/home"),
        ("/\\evil.example", "/home"),
        ("javascript:alert(1)", "/home"),
        ("staff/me", "/home"),
    ],
)
def test_the_cookie_is_shut_to_scripts_and_one_goes_on_only_here(stranger, wanted, location):
    with_code()
    answer = stranger.post(f"/staff/sign-in?{'next=' + wanted}", form())
    assert (answer.status_code, answer.headers["Location"]) == (302, location)
    cookie = answer.cookies["wayfare_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
    assert len(cookie.value) == 43


def test_by_tls_the_cookies_are_for_this_host_and_tls_alone(stranger, settings):
    settings.HTTPS, settings.SESSION_COOKIE_NAME = True, "__Host-wayfare_session"
    with_code()
    cookie = stranger.post("/staff/sign-in", form()).cookies["__Host-wayfare_session"]
    assert cookie["secure"]
    options = stranger.post("/staff/sign-in/options")
    assert options.cookies["__Host-wayfare_ceremony"]["secure"]


def test_the_answer_does_not_tell_whose_address_it_is(stranger):
    with_code()

    def answer(**other):
        response = stranger.post("/staff/sign-in", form(**other))
        headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
        text = bare(response, other.get("email", "ada@example.org"))
        return response.status_code, text, headers

    known = answer(password="a wrong one that is long")
    assert known[0] == 403
    assert known == answer(code="000000")
    assert known == answer(email="nobody@example.org")
    assert "ada@example.org" not in known[1]


def test_asking_for_a_recovery_does_not_tell_whose_address_it_is(stranger):
    with_code()
    answers = []
    for email in ("ada@example.org", "nobody@example.org"):
        there = stranger.post("/staff/recover", {"email": email})
        page = stranger.get(there.headers["Location"])
        text = re.sub(r"<bdi>[A-Z0-9]{3}-[A-Z0-9]{3}</bdi>", "", bare(page, there.headers["Location"].split("/")[-1]))
        answers.append((there.status_code, page.status_code, re.sub(r"\d\d:\d\d:\d\d", "", text)))
    assert answers[0] == answers[1]


def test_tries_are_slowed_for_an_account_and_for_an_address_and_never_for_good(committed):
    stranger = Client(HTTP_HOST="localhost", raise_request_exception=False)
    with_code()
    wrong = form(password="a wrong one that is long")
    assert [stranger.post("/staff/sign-in", wrong).status_code for _ in range(5)] == [403] * 5
    slowed = stranger.post("/staff/sign-in", form())
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["Retry-After"]) <= 31
    assert stranger.post("/staff/sign-in", form(email="ADA@EXAMPLE.ORG ")).status_code == 429, "written otherwise"
    assert stranger.post("/staff/sign-in/options").status_code == 200, "a passkey is not slowed by it"
    other = stranger.post("/staff/sign-in", form(email="nobody@example.org"))
    assert other.status_code == 403, "nor is another account"
    owner("delete from access_pace", [])  # as if the time had gone by
    assert stranger.post("/staff/sign-in", form()).status_code == 302


def test_one_address_is_slowed_whatever_it_tries(stranger):
    answers = [stranger.post("/staff/sign-in/options").status_code for _ in range(40)]
    assert answers[:30] == [200] * 30
    assert set(answers[31:]) == {429}
    stranger.defaults["REMOTE_ADDR"] = "192.0.2.9"
    assert stranger.post("/staff/sign-in/options").status_code == 200


def test_only_our_own_proxy_is_believed_about_who_asks(rf, settings):
    request = rf.get("/", HTTP_X_REAL_IP="192.0.2.1", REMOTE_ADDR="192.0.2.2")
    assert doors.address_of(request) == "192.0.2.2"
    settings.HTTPS = True
    assert doors.address_of(request) == "192.0.2.1"


# Ceremonies


def test_a_ceremony_is_for_what_it_was_begun_for(stranger):
    """A challenge that was given out for signing in does not make a passkey for an invitation."""
    secret = operations.invite("Ada", "ada@example.org", "paris", ("auditor",), by=None, at=NOW)
    stranger.post("/staff/sign-in/options")
    assert stranger.post(f"/staff/sign-up/{secret}", {"credential": "{}"}).status_code == 403
    assert queries.invitation(secret, at=NOW) is not None


@pytest.mark.parametrize("cookie", ["", "x", "e30:1abc:xyz"])
def test_a_ceremony_that_we_did_not_begin_proves_nothing(stranger, cookie):
    stranger.cookies["wayfare_ceremony"] = cookie
    assert stranger.post("/staff/sign-in", {"credential": "{}"}).status_code == 403


# Administration


def test_an_administrator_invites_and_the_link_is_shown_once(staff):
    _, client = staff["administrator"]
    given = {"name": "Ada", "email": "ada@example.org", "office": "paris", "language": "fr", "roles": ["auditor"]}
    page = client.post("/staff/people/invite", given).content.decode()
    link = re.search(r"http://localhost(/staff/sign-up/[A-Za-z0-9_-]{43})<", page)[1]
    assert client.get(link).status_code == 200
    assert link not in client.get("/staff/people").content.decode()
    refused = client.post("/staff/people/invite", given | {"email": "no"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.content.decode()
    (invited,) = (one for one in queries.colleagues(at=NOW) if one.state == "invited")
    assert client.post(f"/staff/people/{invited.staff}", {"do": "withdraw", "sure": "yes"}).status_code == 302
    assert client.get(link).status_code == 404


def test_the_only_administrator_cannot_leave_by_a_page(staff):
    id_, client = staff["administrator"]
    assert client.post(f"/staff/people/{id_}", {"do": "leave", "sure": "yes"}).status_code == 422
    assert client.get("/staff/me").status_code == 200


@pytest.mark.parametrize("given", [{}, {"do": "x"}, {"do": "end", "session": "zz"}, {"do": "not-me", "recovery": "1"}])
def test_a_form_that_no_page_of_ours_has_is_not_found(office, given):
    _, client = come_in("auditor")
    assert client.post("/staff/me", given).status_code == 404


def test_a_colleague_approves_by_a_page_and_only_what_they_may(staff):
    secret = operations.ask_recovery(queries.email_of(staff["auditor"][0]), at=NOW)
    with access.acting(staff["auditor"][1].cookies["wayfare_session"].value):
        (wanted,) = queries.own_recoveries(staff["auditor"][0])
    word = {"recovery": str(wanted.id), "do": "approve"}
    assert staff["auditor"][1].post("/staff/recoveries", word).status_code == 404
    assert staff["counsellor"][1].post("/staff/recoveries", word | {"recovery": str(UUID(int=1))}).status_code == 404
    for role in ("counsellor", "supervisor"):
        assert queries.recovery(secret, at=NOW).usable_at is None
        assert staff[role][1].post("/staff/recoveries", word).status_code == 302
    assert queries.recovery(secret, at=NOW).usable_at > NOW


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_whole_in_each_language(staff, language):
    _, client = staff["administrator"]
    client.cookies["language"] = language
    for door in (*EVERYBODY, "staff/people", "staff/people/invite", "staff/offices"):
        page = client.get(f"/{door}").content
        assert f'lang="{language}"'.encode() in page
        assert len(page) < 16_000, door
        assert b"<script>" not in page
        assert b"style=" not in page


def test_a_role_that_is_taken_while_a_form_is_sent_answers_as_a_page_that_is_not_there(staff, monkeypatch):
    """The database decides anew what the door let in: here the door still knows the role, and the database no more."""
    id_, client = staff["administrator"]
    other, _ = staff["auditor"]
    real = staff_queries.actor

    def taken_meanwhile(secret, *, at):
        found = real(secret, at=at)
        access.change_roles(id_, ["auditor"], by=None, at=at)
        return found

    monkeypatch.setattr(staff_queries, "actor", taken_meanwhile)
    answer = client.post(f"/staff/people/{other}", {"do": "leave", "sure": "yes"})
    assert answer.status_code == 404
    assert there(queries.colleague(other, at=NOW)).state == "active"
