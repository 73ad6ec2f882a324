"""One's own account later: password and generator changed, sessions ended; by whom, how fresh, and what else ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from django.core import signing

from tests import test_staff_doors
from tests.test_staff_doors import GENERATOR, PASSWORD, come_in, owner
from wayfare.access import operations as access
from wayfare.access.rules import secret_hash
from wayfare.access.signin import operations, own, queries, rules
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.signin.rules import NotProved
from wayfare.access.words import moment
from wayfare.common.web.formats import moment as public_moment
from wayfare.ledger.rules import Refused

office, committed, stranger, staff, now = (
    test_staff_doors.office, test_staff_doors.committed, test_staff_doors.stranger, test_staff_doors.staff,
    test_staff_doors.now,
)  # fmt: skip
NEW = "eleven herons by the weir"
DOOR = "/staff/me/password"


def early():
    return test_staff_doors.NOW - timedelta(seconds=120)


@pytest.fixture
def ada(committed):
    """A colleague with a password and a code; their client has a fresh session, and there is another session."""
    email = f"{uuid4()}@example.org"
    link = operations.invite("Ada", email, "paris", ("auditor",), by=None, at=early())
    operations.accept_with_password(link, PASSWORD, GENERATOR, pyotp.TOTP(GENERATOR).at(early()), at=early())
    id_ = queries.staff_of(email)
    client = test_staff_doors.Client(HTTP_HOST="localhost", raise_request_exception=False)
    client.cookies["wayfare_session"] = access.begin_session(id_, "totp", at=test_staff_doors.NOW)
    return id_, email, client


def opens(email, password, generator=GENERATOR):
    """Tell whether a password and a present code let somebody in, without leaving a trace of the try."""
    at = test_staff_doors.NOW + timedelta(seconds=60)  # a step that nobody has used
    try:
        operations.sign_in_with_code(email, password, pyotp.TOTP(generator).at(at), at=at)
    except NotProved:
        return False
    return True


def alive(staff):
    return len(queries.sessions(staff, at=test_staff_doors.NOW))


def shown(client):
    """Return the new generator that the page shows: as the form brings it, and as the phone has it."""
    page = client.get(DOOR).content.decode()
    typed = re.search(r'<code class="wf-code" dir="ltr">([A-Z2-7 ]+)</code>', page)[1].replace(" ", "")
    return {"generator": re.search(r'name="generator" value="([^"]+)"', page)[1]}, typed


def test_a_password_is_changed_by_who_knows_it_and_all_other_sessions_end(ada):
    id_, email, client = ada
    assert alive(id_) == 2
    answer = client.post(DOOR, {"do": "password", "old": PASSWORD, "password": NEW})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/me")
    assert alive(id_) == 1
    assert client.get("/staff/me").status_code == 200, "the one here stays"
    assert not opens(email, PASSWORD)
    assert opens(email, NEW)


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_times_of_the_account_are_by_the_clock_of_the_office_and_of_24_hours(ada, language):
    page = ada[2].get("/staff/me", HTTP_ACCEPT_LANGUAGE=language).content.decode()
    assert moment(test_staff_doors.NOW, language, "Europe/Paris") in page
    assert "UTC" not in page
    afternoon = datetime(2026, 11, 27, 15, 4, tzinfo=UTC)
    assert "16:04" in moment(afternoon, language, "Europe/Paris")
    assert "15:04:00 UTC" in public_moment(afternoon, language), "of the public pages, which have no office"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"old": "a wrong one that is long"}, 403),
        ({"old": ""}, 403),
        ({"old": PASSWORD + "x" * 300}, 403),
        ({"password": "short"}, 422),
        ({"password": "correct horse " + "x" * 300}, 422),
        ({"password": "ada wayfare ada"}, 422),
    ],
)
def test_a_change_that_is_refused_changes_and_ends_nothing(ada, given, status):
    id_, email, client = ada
    answer = client.post(DOOR, {"do": "password", "old": PASSWORD, "password": NEW} | given)
    assert answer.status_code == status
    assert "wf-error" in answer.content.decode()
    assert PASSWORD not in answer.content.decode()
    assert alive(id_) == 2
    assert opens(email, PASSWORD)


def test_a_generator_is_replaced_by_who_knows_the_password_and_has_the_new_phone(ada):
    id_, email, client = ada
    form, phone = shown(client)
    wrong = client.post(DOOR, {"do": "generator", "old": PASSWORD, "code": "000000", **form})
    assert wrong.status_code == 422
    assert phone == re.search(r'dir="ltr">([A-Z2-7 ]+)</code>', wrong.content.decode())[1].replace(" ", ""), "the same"
    code = pyotp.TOTP(phone).at(test_staff_doors.NOW)
    assert client.post(DOOR, {"do": "generator", "old": "not it", "code": code, **form}).status_code == 403
    assert client.post(DOOR, {"do": "generator", "old": PASSWORD, "code": code, **form}).status_code == 302
    assert alive(id_) == 1
    assert not opens(email, PASSWORD)
    assert opens(email, PASSWORD, phone)


def test_who_has_a_passkey_alone_sets_a_password_with_a_code_once(office):
    id_, client = come_in("auditor")
    assert "not set" in client.get("/staff/me").content.decode()
    form, phone = shown(client)
    code = pyotp.TOTP(phone).at(test_staff_doors.NOW)
    assert client.post(DOOR, {"do": "set", "password": NEW, "code": code, **form}).status_code == 302
    email = queries.email_of(id_)
    assert opens(email, NEW, phone)
    assert "password set" in client.get("/staff/me").content.decode(), "its owner is told"
    with pytest.raises(Refused):
        own.set_password(id_, "x", PASSWORD, phone, code, "", at=test_staff_doors.NOW)


def test_a_generator_that_was_shown_to_a_colleague_or_that_we_never_made_is_not_taken(ada):
    _, _, client = ada
    _, other = come_in("counsellor")
    theirs, phone = shown(other)
    code = pyotp.TOTP(phone).at(test_staff_doors.NOW)
    forged = {"generator": signing.dumps("00", salt="another")}
    for form in (theirs, forged, {"generator": ""}, {}):
        answer = client.post(DOOR, {"do": "generator", "old": PASSWORD, "code": code, **form})
        assert answer.status_code == 422


@pytest.mark.parametrize("do", ["password", "generator", "set", "", "x"])
def test_a_change_asks_for_a_fresh_sign_in(ada, do):
    id_, email, client = ada
    old = access.begin_session(id_, "totp", at=test_staff_doors.NOW - timedelta(minutes=16))
    owner("update access_session set used_at = %s where hash = %s", [test_staff_doors.NOW, secret_hash(old)])
    client.cookies["wayfare_session"] = old
    for answer in (client.get(DOOR), client.post(DOOR, {"do": do, "old": PASSWORD, "password": NEW})):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/sign-in?next=/staff/me/password")
    assert opens(email, PASSWORD)


@pytest.mark.parametrize("do", ["", "x", "leave"])
def test_a_form_that_the_page_does_not_have_is_not_found(ada, do):
    assert ada[2].post(DOOR, {"do": do}).status_code == 404


def test_the_old_password_is_guessed_here_no_faster_than_at_the_sign_in(ada):
    _, email, client = ada
    wrong = {"do": "password", "old": "a wrong one that is long", "password": NEW}
    assert [client.post(DOOR, wrong).status_code for _ in range(5)] == [403] * 5
    assert client.post(DOOR, wrong | {"old": PASSWORD}).status_code == 429
    sign_in = {"email": email, "password": PASSWORD, "code": "000000"}
    assert client.post("/staff/sign-in", sign_in).status_code == 429, "one count for both doors"


def test_what_is_longer_than_any_password_opens_nothing(ada):
    _, email, _ = ada
    assert not opens(email, PASSWORD + "x" * rules.PASSWORD_MOST)
    longest = (PASSWORD * 20)[: rules.PASSWORD_MOST]
    own.change_password(queries.staff_of(email), "Ada", PASSWORD, longest, "", at=test_staff_doors.NOW)
    assert not opens(email, longest + "x"), "it is compared as it was typed, not cut"
    assert opens(email, longest)


def test_of_two_changes_at_once_the_second_does_not_overwrite_the_first(ada, monkeypatch):
    """The stored password is compared again where it is written."""
    id_, email, _ = ada
    proved = own._proved

    def slowly(staff, old):
        encoded = proved(staff, old)
        monkeypatch.setattr(own, "_proved", proved)
        own.change_password(id_, "Ada", PASSWORD, NEW, "", at=test_staff_doors.NOW)
        return encoded

    monkeypatch.setattr(own, "_proved", slowly)
    with pytest.raises(NotProved):
        own.change_password(id_, "Ada", PASSWORD, "twelve owls over the mill", "", at=test_staff_doors.NOW)
    assert opens(email, NEW)


# Sessions


def test_one_s_own_sessions_are_ended_after_a_fresh_sign_in_alone(committed):
    id_, client = come_in("auditor")
    fresh = client.cookies["wayfare_session"].value
    old = access.begin_session(id_, "passkey", at=test_staff_doors.NOW - timedelta(minutes=16))
    owner("update access_session set used_at = %s where hash = %s", [test_staff_doors.NOW, secret_hash(old)])
    client.cookies["wayfare_session"] = old
    for form in ({"do": "end-others", "sure": "yes"}, {"do": "end", "session": secret_hash(fresh).hex()}):
        assert client.post("/staff/me", form).status_code == 403
    assert alive(id_) == 2
    client.cookies["wayfare_session"] = fresh
    assert client.post("/staff/me", {"do": "end", "session": secret_hash(old).hex()}).status_code == 302
    assert alive(id_) == 1


def test_an_administrator_ends_a_colleague_s_sessions_and_nothing_else_of_theirs(staff):
    _, administrator = staff["administrator"]
    id_, client = staff["counsellor"]
    assert administrator.post(f"/staff/people/{id_}", {"do": "end", "sure": "yes"}).status_code == 302
    assert client.get("/staff/me").status_code == 302
    assert staff["auditor"][1].get("/staff/me").status_code == 200, "nor of anybody else"
    assert queries.colleague(id_, at=test_staff_doors.NOW).state == "active"
    assert len(queries.passkeys(id_)) == 1


def test_an_administrator_ends_everybody_s_sessions_but_their_own(staff):
    assert staff["auditor"][1].post("/staff/people").status_code == 404
    assert staff["counsellor"][1].get("/staff/me").status_code == 200, "nobody else can"
    assert staff["administrator"][1].post("/staff/people", {"sure": "yes"}).status_code == 302
    for role, (_, client) in staff.items():
        assert client.get("/staff/me").status_code == (200 if role == "administrator" else 302), role


def test_signing_out_takes_what_a_browser_kept(office):
    _, client = come_in("auditor")
    assert client.post("/staff/sign-out").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_page_leaves_the_screen_when_its_session_would_end(office):
    from wayfare.access.queries import IDLE

    _, client = come_in("auditor")
    seconds = re.search(r'leave\.js" data-seconds="(\d+)"', client.get("/staff/me").content.decode())[1]
    assert int(seconds) == IDLE.total_seconds()


def test_a_removed_way_in_is_not_the_password_by_accident(ada):
    """With a password the last passkey may go."""
    id_, _, client = ada
    operations.add_passkey(id_, NewPasskey(b"only", b"", 0), "", at=test_staff_doors.NOW)
    assert client.post("/staff/me", {"do": "remove", "sure": "yes", "passkey": b"only".hex()}).status_code == 302
    assert queries.passkeys(id_) == []
