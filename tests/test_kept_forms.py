"""A form that is sent after the session has ended is kept past the sign-in, for its colleague alone, and never done."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID, uuid4

import psycopg
import pyotp
import pytest
from django.http import HttpRequest, QueryDict
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access.signin import keys, operations, queries
from wayfare.access.signin.web import doors, kept
from wayfare.people.tests.cast import Colleague, asked_erasure, browser

PASSWORD, GENERATOR = "seven lamps along the quay", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TYPED = {"name": "Suharto", "document_name": "SUHARTO H. M.", "year": "1971", "phone": "+62 21 555 0101", "once": "f1"}
NEW = "/files/new"
SIGN_IN = "/staff/sign-in"


class Member:
    """A colleague who signs in on the page; each code works once, so each sign-in takes the next."""

    def __init__(self, *roles: str) -> None:
        access.set_office("paris", "Paris", "Europe/Paris", by=None)
        early = datetime.now(UTC) - timedelta(seconds=120)
        self.email, self.step = f"{uuid4()}@example.org", 0
        link = operations.invite(roles[0].title(), self.email, "paris", roles, by=None, at=early)
        operations.accept_with_password(link, PASSWORD, GENERATOR, pyotp.TOTP(GENERATOR).at(early), at=early)
        self.id = queries.staff_of(self.email)

    def signs_in(self, client, box=""):
        code = pyotp.TOTP(GENERATOR).at(datetime.now(UTC) + timedelta(seconds=30 * self.step))
        self.step += 1
        form = {"email": self.email, "password": PASSWORD, "code": code, **({"kept": box} if box else {})}
        return client.post(SIGN_IN, form | token(client, SIGN_IN))


@pytest.fixture
def vault(fresh_database, tmp_path, settings):
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    return fresh_database


@pytest.fixture
def client():
    return Client(HTTP_HOST="localhost", enforce_csrf_checks=True)


def token(client, page):
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(page).content.decode())
    return {"csrfmiddlewaretoken": found[1]}


def box_in(answer):
    found = re.findall(r'name="kept" value="([^"]+)"', answer.content.decode())
    return found[0] if found else ""


def files(vault):
    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute("select count(*) from people_person").fetchone()[0]


def sign_out(vault, client):
    assert client.post("/staff/sign-out", token(client, "/home")).status_code == 302


def run_out(vault, client):
    with psycopg.connect(vault("wayfare_owner")) as owner:
        owner.execute("update access_session set used_at = used_at - interval '31 minutes', ends_at = now()")


def values(answer):
    """Return what the fields of a page's form hold."""
    found = re.findall(r'<input[^>]* name="([a-z_]+)"[^>]* value="([^"]*)"', answer.content.decode())
    return {name: unescape(value) for name, value in found}


@pytest.mark.parametrize("ends", [sign_out, run_out])
def test_a_registration_is_kept_shown_again_and_saved_only_when_it_is_sent_again(vault, client, ends, caplog):
    ada = Member("counsellor")
    ada.signs_in(client)
    form = TYPED | token(client, NEW)
    ends(vault, client)
    answer = client.post(NEW, form)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (403, "no-store")
    assert box_in(answer)
    for text in TYPED.values():
        assert text not in answer.content.decode().replace(box_in(answer), ""), "sealed"
    answer = ada.signs_in(client, box_in(answer))
    assert answer.status_code == 200
    assert f'action="{NEW}"' in answer.content.decode()
    answer = client.post(NEW, {"kept": box_in(answer), "csrfmiddlewaretoken": values(answer)["csrfmiddlewaretoken"]})
    assert answer.status_code == 200
    assert values(answer).items() >= TYPED.items()
    assert files(vault) == 0, "nothing is done by itself"
    assert client.post(NEW, TYPED | token(client, NEW)).status_code == 200
    assert files(vault) == 1, "the control: sent again, it is saved"
    assert not any(text in caplog.text for text in TYPED.values() if len(text) > 4)


def test_a_wrong_password_does_not_lose_it(vault, client):
    ada = Member("counsellor")
    ada.signs_in(client)
    form = TYPED | token(client, NEW)
    sign_out(vault, client)
    box = box_in(client.post(NEW, form))
    wrong = {"email": ada.email, "password": "wrong", "code": "000000", "kept": box} | token(client, SIGN_IN)
    answer = client.post(SIGN_IN, wrong)
    assert (answer.status_code, box_in(answer)) == (403, box)


def test_a_second_sign_in_page_still_leads_to_its_form_when_one_signed_in_on_another(vault, client):
    ada = Member("counsellor")
    ada.signs_in(client)
    form = TYPED | token(client, NEW)
    sign_out(vault, client)
    box, stale = box_in(client.post(NEW, form)), token(client, SIGN_IN)
    ada.signs_in(client)
    answer = client.post(SIGN_IN, {"email": ada.email, "password": PASSWORD, "code": "1", "kept": box} | stale)
    assert (answer.status_code, box_in(answer)) == (403, box), "the form of before the sign-in is refused"
    answer = client.post(SIGN_IN, {"kept": box} | token(client, NEW))
    assert (answer.status_code, f'action="{NEW}"' in answer.content.decode()) == (200, True)
    sign_out(vault, client)
    answer = client.post(SIGN_IN, {"kept": box} | token(client, SIGN_IN))
    assert "With your passkey" in answer.content.decode(), "the control: nobody is signed in"
    assert box_in(answer) == box


def test_another_account_that_signs_in_there_sees_nothing_of_it(vault, client):
    ada, bo = Member("counsellor"), Member("counsellor")
    ada.signs_in(client)
    form = TYPED | token(client, NEW)
    sign_out(vault, client)
    box = box_in(client.post(NEW, form))
    answer = bo.signs_in(client, box)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/home")
    answer = client.post(NEW, {"kept": box} | token(client, NEW))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/home")
    sign_out(vault, client)
    assert ada.signs_in(client, box).status_code == 200, "the control: it opens for who typed it"


def test_what_one_left_in_a_tab_is_not_kept_for_who_signed_in_after_them(vault, client):
    ada, bo = Member("counsellor"), Member("counsellor")
    ada.signs_in(client)
    form = TYPED | token(client, NEW)
    bo.signs_in(client)
    own = TYPED | token(client, NEW)
    sign_out(vault, client)
    answer = client.post(NEW, form)
    assert (answer.status_code, box_in(answer)) == (403, "")
    client.handler.enforce_csrf_checks = False
    answer = client.post(NEW, own)
    assert kept.opened(box_in(answer), bo.id, at=datetime.now(UTC)).form["name"] == "Suharto", "the control"
    client.cookies["wayfare_form"] = "a" * 32  # the forms of another sign-in
    answer = client.post(NEW, form)
    assert (answer.status_code, box_in(answer)) == (302, "")


def test_it_opens_only_at_its_own_address(vault, client):
    ada = Member("counsellor")
    ada.signs_in(client)
    box = kept.sealed(ada.id, NEW, QueryDict("text=Suharto&name=Suharto"), at=datetime.now(UTC))
    assert "Suharto" not in client.post("/files/", {"kept": box} | token(client, NEW), follow=True).content.decode()
    assert "Suharto" in client.post(NEW, {"kept": box} | token(client, NEW)).content.decode(), "the control"


def test_a_page_that_leaves_the_screen_sends_its_form_and_nothing_is_done(vault, client):
    ada = Member("counsellor")
    ada.signs_in(client)
    answer = client.post(NEW, TYPED | {"leaving": "yes"} | token(client, NEW))
    assert (answer.status_code, files(vault)) == (403, 0)
    assert kept.opened(box_in(answer), ada.id, at=datetime.now(UTC)).form.dict() == TYPED
    answer = client.post("/staff/notices", {"seen": "1", "leaving": "yes"} | token(client, NEW))
    assert (answer.status_code, answer.headers["Location"]) == (302, SIGN_IN)


def test_a_password_is_never_kept(vault, client):
    ada = Member("counsellor")
    ada.signs_in(client)
    form = {"do": "password", "old": PASSWORD, "password": "eleven herons by the weir"} | token(client, NEW)
    sign_out(vault, client)
    answer = client.post("/staff/me/password", form)
    assert (answer.status_code, box_in(answer), answer.headers["Location"]) == (302, "", SIGN_IN)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), st.lists(st.text(st.characters(codec="utf-8"), max_size=50), min_size=1)))  # fmt: skip
@settings(max_examples=50)
def test_what_is_opened_is_what_was_typed(monkeypatched_key, fields):
    form = QueryDict(mutable=True)
    for name, texts in fields.items():
        form.setlist(name, texts)
    ada, now = uuid4(), datetime.now(UTC)
    box = kept.sealed(ada, "/files/new?a=b", form, at=now)
    found = kept.opened(box, ada, at=now + kept.KEPT_FOR)
    left_out = {"csrfmiddlewaretoken", "kept", "leaving"}
    assert found.address == "/files/new?a=b"
    assert dict(found.form.lists()) == {name: texts for name, texts in form.lists() if name not in left_out}
    assert kept.opened(box, uuid4(), at=now) is None
    assert kept.opened(box, ada, at=now + kept.KEPT_FOR + timedelta(seconds=1)) is None
    assert kept.opened(box, ada, at=now - timedelta(seconds=1)) is None
    for n in {0, len(box) // 2, len(box) - 5}:
        changed = box[:n] + ("A" if box[n] != "A" else "B") + box[n + 1 :]
        assert kept.opened(changed, ada, at=now) is None


@pytest.fixture(scope="module")
def monkeypatched_key():
    """A key without a database, for the property alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "of_this_home", lambda: b"k" * 32)
        yield


def test_the_key_of_forms_opens_no_code_generator(monkeypatched_key):
    owner = uuid4().bytes
    box = keys.sealed(keys.of_this_home(), owner, b"a secret")
    assert keys.unsealed(keys.for_forms(keys.of_this_home()), owner, box) is None
    assert keys.unsealed(keys.of_this_home(), owner, box) == b"a secret"


def test_a_form_that_is_too_long_is_not_kept(monkeypatched_key):
    now, ada = datetime.now(UTC), uuid4()
    assert kept.sealed(ada, NEW, QueryDict("text=" + "a" * kept.MOST), at=now) == ""
    note = QueryDict(mutable=True)
    note["text"] = "😀" * 4000
    assert kept.opened(kept.sealed(ada, NEW, note, at=now), ada, at=now).form["text"] == "😀" * 4000


SHOWN = {"file-enrol", "file-correct", "file-take-up", "file-team", "file-erase", "file-erasure", "files"}
SHOWN |= {"staff-requests", "staff-invite", "staff-offices"}
WITHOUT_TEXT = {"staff-me", "staff-me-options", "staff-password", "staff-recoveries", "staff-people", "staff-colleague"}
WITHOUT_TEXT |= {"staff-notices", "file-work", "file-programme", "file-seal"}
"""Pages whose forms hold only choices, or passwords, or the name of a passkey."""


def test_every_staff_page_that_takes_a_form_is_one_or_the_other(vault):
    client = Client(HTTP_HOST="localhost")
    found = {}
    for one in get_resolver().url_patterns:
        if isinstance(one, URLPattern):
            known = {"uuid": uuid4(), "str": "x", "slug": "x", "path": "x"}
            parts = {name: known[kind] for kind, name in re.findall(r"<(\w+):(\w+)>", str(one.pattern))}
            answer = client.post(reverse(one.name, kwargs=parts))
            if answer.headers.get("Location", "") == SIGN_IN and one.name != "staff-sign-out":
                found[one.name] = kept.is_shown_by(one.callback)
    assert {name for name, shown in found.items() if shown} == SHOWN
    assert {name for name, shown in found.items() if not shown} == WITHOUT_TEXT


def shown(colleague, address, typed):
    """Return the page at an address that gets back what its colleague typed."""
    form = QueryDict(mutable=True)
    form.update(typed)
    box = kept.sealed(colleague.id, address, form, at=datetime.now(UTC))
    answer = browser(colleague).post(address, {"kept": box})
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


def test_each_page_shows_what_was_typed_and_does_nothing(vault):
    told = "because she asked on Monday"
    counsellor, supervisor = Colleague("paris", "counsellor"), Colleague("paris", "supervisor")
    officer, administrator = Colleague("paris", "data_protection_officer"), Colleague("paris", "administrator")
    person = supervisor.enrols("Suharto").person
    task = supervisor.task(person)
    erasure = asked_erasure(person, officer)
    emergency = counsellor.task(person, "break_glass")
    pages = [
        (supervisor, f"/files/work/{task}/correct/notes", {"text": told}),
        (supervisor, f"/files/work/{task}/correct/names", {"names.0.use": "used", "address": told, "version": "1"}),
        (counsellor, f"/files/{person}/work", {"purpose": "break_glass", "asked": "yes", "reason": told}),
        (counsellor, f"/files/{person}/team", {"reason": told}),
        (supervisor, f"/files/erasure/{erasure.id}", {"do": "refuse", "why": told}),
        (supervisor, "/staff/requests", {"decline": str(emergency), "why": told}),
        (administrator, "/staff/people/invite", {"name": told, "email": "x@example.org", "roles": "auditor"}),
        (administrator, "/staff/offices", {"id": "lyon", "name": told, "timezone": "Europe/Paris"}),
        (counsellor, "/files/", {"text": told}),
    ]
    for colleague, address, typed in pages:
        assert told in shown(colleague, address, typed), address
        elsewhere = {name: "" if text == told else text for name, text in typed.items()} | {"unknown": told}
        assert told not in shown(colleague, address, elsewhere), "the control"
    other = supervisor.enrols("Sukarno").person
    assert told in shown(officer, f"/files/{other}/erase", {"ground": "asked", "why": told})
    with supervisor.acting():
        assert staff.erasure(erasure.id).state == "waits"
        assert [one.task for one in staff.waiting_for_approval()] == [emergency]
        assert counsellor.id not in staff.team(person)


def test_who_typed_is_known_by_the_last_sign_in_alone():
    ada = UUID(int=7)

    def at(secret):
        request = HttpRequest()
        request.META["CSRF_COOKIE"] = secret
        return request

    cookie = kept.mark(at("a" * 32), ada)
    assert kept.who_typed(at("a" * 32), cookie) == ada
    assert kept.who_typed(at("b" * 32), cookie) is None
    assert kept.who_typed(at("a" * 32), cookie[:-1] + ("x" if cookie[-1] != "x" else "y")) is None
    assert kept.who_typed(at("a" * 32), "") is None
    assert doors._last_cookie() == "wayfare_last"
