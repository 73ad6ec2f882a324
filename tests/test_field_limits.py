"""Every field of every form and address has a limit, and a page never sees more than that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import wayfare
from wayfare.access import operations as access
from wayfare.access.signin import operations as signin
from wayfare.departures import operations as departures
from wayfare.ledger.rules import Refused
from wayfare.people.rules import SEARCH_LIMIT
from wayfare.people.tests.cast import NOW, Colleague, browser
from wayfare.site import limits

DIGITS = "9" * limits.ANY
HOSTILE: tuple[str, ...] = (
    DIGITS,
    "-" + DIGITS[1:],
    "a\u0316\u0301" * 100,
    "ﷺ" * limits.ANY,
    "[" * limits.ANY,
    "%" * limits.ANY,
    "\x00",
)
ADDRESSES = (
    "/?q={}",
    "/departures/?month={}",
    "/departures/choose?programme={}",
    "/tables/?measure={}&rows={}&columns={}&programme={}&since={}&until={}&as_of={}",
    "/tables/table.csv?measure=departures&rows=month&since={}&until={}&as_of={}",
    "/language?to={}&back={}",
    "/looks/?as_of={}&period={}",
    "/looks/table.csv?as_of={}&period={}",
    "/staff/looks?person={}&staff={}&before={}",
    "/staff/matters?before={}",
    "/staff/sign-in?next={}",
    "/staff/log?before={}",
    "/api/v1/ledger/entries?after={}&limit={}",
    "/api/v1/programmes/nosuch/table?by={}&as_of={}&measure={}",
)
FORMS = {
    "/files/": ("text", "year"),
    "/files/new": ("name", "latin", "document_name", "address", "day", "month", "year", "calendar", "phone", "speaks"),
    "/staff/requests": ("approve", "confirm", "refuse", "seen", "roles"),
    "/staff/sign-in": ("email", "password", "code", "credential"),
    "/staff/recover": ("email",),
    "/log/": ("text", "key"),
}


@pytest.fixture
def counsellor(client):
    return Colleague("paris", "counsellor")


@pytest.fixture
def client(fresh_database, tmp_path, settings):
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    client = browser(Colleague("paris", "counsellor", "supervisor", "auditor"))
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    client.raise_request_exception = False
    return client


def test_a_field_that_is_too_long_is_named_with_its_limit(client):
    answer = client.post("/files/", {"text": "a" * (SEARCH_LIMIT + 1)})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "This has 201 characters. Write at most 200." in page
    assert "a" * 201 in page, "what was typed stays"
    assert client.post("/files/", {"text": "a" * SEARCH_LIMIT}).status_code == 200


def test_a_field_that_no_page_reads_is_named_with_its_limit(client):
    answer = client.post("/files/", {"text": "a" * (limits.PAGE_READS + 1)})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Name or case number" in page
    assert "this field has 10,001 characters. It can have 200 at most." in page


@pytest.mark.parametrize(("page", "field"), [("work", "reason"), ("team", "reason")])
def test_reasons_that_are_too_long_are_told_beside_their_field(client, counsellor, page, field):
    person = counsellor.enrols("Maryam Karimi").person
    more = {"purpose": "break_glass", "asked": "yes"}
    answer = client.post(f"/files/{person}/{page}", {field: "a" * (access.WORDS_LIMIT + 1)} | more)
    assert answer.status_code == 422
    assert "This has 1,001 characters. Write at most 1,000." in answer.content.decode()


def test_an_address_that_is_too_long_is_named_with_its_limit(client):
    assert client.get("/", {"q": "a" * limits.ANY}).status_code == 200
    assert "300" in client.get("/", {"q": "a" * (limits.ANY + 1)}).content.decode()
    answer = client.get("/api/v1/ledger/entries", {"after": "9" * (limits.ANY + 1)})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "after: has 301 characters; 300 at most."
    assert client.get("/", {"q" * 101: "a"}).status_code == 422


@pytest.mark.parametrize("page", ["work", "team"])
def test_a_nul_is_refused_by_the_name_of_its_field(client, counsellor, page, settings):
    person = counsellor.enrols("Maryam Karimi").person
    given = {"purpose": "break_glass", "asked": "yes", "reason": "she asked us by telephone\0to read it to her"}
    answer = client.post(f"/files/{person}/{page}", given)
    assert answer.status_code == 422
    assert "Reason" in answer.content.decode()
    assert "NUL, U+0000" in answer.content.decode()
    answer = client.get("/api/v1/ledger/entries", {"after": "1\0"})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "`after` holds a NUL character (U+0000); leave it out.",
    )
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("FieldLimits")]
    client.handler.load_middleware()
    assert client.post(f"/files/{person}/{page}", given).status_code == 500, "the control"


def test_without_the_limits_the_page_sees_it_all(client, settings):
    """The control: the middleware is what answers."""
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("FieldLimits")]
    client.handler.load_middleware()
    assert client.get("/", {"q": "a" * (limits.ANY + 1)}).status_code == 200


@pytest.mark.parametrize("value", HOSTILE)
def test_no_page_fails_for_a_value_within_its_limit(client, value):
    for address in ADDRESSES:
        path, _, names = address.partition("?")
        answer = client.get(path, dict.fromkeys(re.findall(r"(\w+)=", names), value))
        assert answer.status_code < 500, (address, value)
    token = access.issue_token(source="office", scopes=["read", "write"], at=NOW)[1]
    for path in (
        "/api/v1/ledger/entries?after={}",
        "/api/v1/programmes/fra/table?as_of={}",
        "/api/v1/programmes/fra/table?by={}",
    ):
        name = path.rpartition("?")[2][:-3]
        answer = client.get(path.partition("?")[0], {name: value}, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert answer.status_code < 500, (path, value)
    for path, fields in FORMS.items():
        answer = client.post(path, {name: value[: limits.limit_of(path, name)] for name in fields})
        assert answer.status_code < 500, (path, value)


def test_what_a_form_allows_is_no_more_than_the_limit():
    """The `maxlength` of each field in the templates."""
    for path in Path(wayfare.__file__).parent.rglob("*.html"):
        for name, most in re.findall(r'name="([a-z_]+)"[^>]*maxlength="([0-9]+)"', path.read_text()):
            known = [limit for (_, field), limit in limits.FIELDS.items() if field == name]
            assert int(most) <= max([limits.ANY, *known]) or path.name == "log.html", (path, name)


@pytest.mark.parametrize("name", ["\u200b", "\u2800\u2800", "\u3164", "\u115f\u1160", "\uffa0 ", "\u0301", ""])
def test_a_name_of_nothing_visible_is_refused_for_people_staff_offices_and_programmes(client, name):
    assert client.post("/files/new", {"name": name}).status_code == 422
    with pytest.raises(Refused, match="name"):
        signin.invite(name, "ada@example.org", "paris", ["auditor"], by=None, at=NOW)
    with pytest.raises(Refused, match="name"):
        access.set_office("lyon", name, "Europe/Paris", by=None)
    with pytest.raises(Refused, match="title"):
        departures.add_programme("deu", name, "DEU", "Europe/Berlin")


def test_a_rare_han_name_is_kept_for_people_staff_offices_and_programmes(client):
    name = "王\U000323af"
    assert client.post("/files/new", {"name": name, "programme": "fra"}).status_code == 200
    assert signin.invite(name, "ada@example.org", "paris", ["auditor"], by=None, at=NOW)
    access.set_office("lyon", name, "Europe/Paris", by=None)
    assert departures.add_programme("deu", name, "DEU", "Europe/Berlin")
