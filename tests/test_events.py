"""Security events: who, when, from where and what, in one form; nothing that is secret or was typed."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pyotp
import pytest
from django.conf import settings

from tests import test_staff_doors
from tests.test_staff_doors import GENERATOR, PASSWORD, come_in, form, with_code
from wayfare.access import events
from wayfare.access import operations as access
from wayfare.access.signin import operations, queries
from wayfare.site.lines import Line

ROOT = Path(__file__).parents[1]
office, stranger, staff, now = (
    test_staff_doors.office, test_staff_doors.stranger, test_staff_doors.staff,
    test_staff_doors.now,
)  # fmt: skip


@pytest.fixture
def told(caplog):
    """Gives a function: the events since it was last asked, as they were written."""
    caplog.set_level(logging.INFO, "wayfare.security")

    def since():
        found = [json.loads(one.getMessage()) for one in caplog.records if one.name == "wayfare.security"]
        caplog.clear()
        return found

    return since


def test_a_line_says_when_what_who_where_and_is_read_by_a_machine(office, told, caplog):
    id_, client = come_in("auditor")
    client.get("/staff/people", REMOTE_ADDR="192.0.2.7")
    (record,) = (one for one in caplog.records if one.name == "wayfare.security")
    said = settings.LOGGING["formatters"]["line"]
    line = Line(said["format"], said["datefmt"]).format(record)
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (WARNING) wayfare\.security: (\{.*\})", line)
    assert json.loads(found[3]) == {
        "address": "192.0.2.7",
        "door": "staff/people",
        "event": "refused",
        "staff": str(id_),
        "why": "role",
    }


def test_the_time_is_utc():
    record = logging.LogRecord("x", logging.INFO, "", 0, "x", (), None)
    record.created = 0
    assert Line("%(asctime)s", "%Y-%m-%dT%H:%M:%SZ").format(record) == "1970-01-01T00:00:00Z"


def test_every_way_in_and_every_refusal_is_told_and_no_secret_is(stranger, told, caplog):
    with_code()
    ada = queries.staff_of("ada@example.org")
    code = pyotp.TOTP(GENERATOR).now()
    wrong = "a wrong one that is long"
    stranger.post("/staff/sign-in", form(password=wrong))
    stranger.post("/staff/sign-in", form(email="nobody@example.org"))
    stranger.post("/staff/sign-in", {"credential": '{"id": "x"}'})
    stranger.post("/staff/sign-in", form())
    stranger.post("/staff/sign-out")
    text = caplog.text
    assert [(one["event"], one.get("why"), one.get("account")) for one in told()] == [
        ("not_signed_in", "password_or_code", str(ada)),
        ("not_signed_in", "password_or_code", None),
        ("not_signed_in", "BadSignature", None),
        ("signed_in", None, None),
        ("signed_out", None, None),
    ]
    for secret in (wrong, PASSWORD, code, "ada@example.org", "nobody@example.org"):
        assert secret not in text
    assert stranger.cookies["wayfare_session"].value == ""


def test_what_an_administrator_does_is_told_with_before_and_after(staff, told):
    admin, client = staff["administrator"]
    id_ = staff["counsellor"][0]
    told()
    client.post(f"/staff/people/{id_}", {"do": "roles", "roles": ["auditor", "verifier"]})
    client.post(f"/staff/people/{id_}", {"do": "end", "sure": "yes"})
    client.post(f"/staff/people/{id_}", {"do": "leave", "sure": "yes"})
    client.post("/staff/people", {"sure": "yes"})
    client.post("/staff/offices", {"id": "rome", "name": "Rome", "timezone": "Europe/Rome"})
    given = {"name": "Bo", "email": "bo@example.org", "office": "rome", "language": "fr", "roles": ["auditor"]}
    client.post("/staff/people/invite", given)
    found = told()
    assert [one["event"] for one in found] == [
        "roles_changed", "sessions_ended", "left", "sessions_ended", "office_set", "invited",
    ]  # fmt: skip
    assert all(one["staff"] == str(admin) for one in found)
    assert (found[0]["whose"], found[0]["before"], found[0]["after"]) == (
        str(id_),
        ["counsellor"],
        ["auditor", "verifier"],
    )
    assert "bo@example.org" not in json.dumps(found)


def test_a_recovery_is_told_at_each_step(staff, told):
    auditor = staff["auditor"][0]
    told()
    staff["verifier"][1].post("/staff/recover", {"email": queries.email_of(auditor)})
    with access.acting(staff["auditor"][1].cookies["wayfare_session"].value):
        (wanted,) = queries.own_recoveries(auditor)
    word = {"recovery": str(wanted.id), "do": "approve"}
    staff["auditor"][1].post("/staff/recoveries", word)
    staff["counsellor"][1].post("/staff/recoveries", word)
    staff["supervisor"][1].post("/staff/recoveries", word | {"do": "stop"})
    found = told()
    assert [(one["event"], one.get("enough")) for one in found] == [
        ("recovery_asked", None), ("refused", None), ("recovery_approved", False), ("recovery_stopped", None),
    ]  # fmt: skip
    assert found[0]["account"] == str(auditor)


def test_tries_that_come_too_fast_and_forged_forms_are_told(stranger, told):
    with_code()
    told()
    for _ in range(6):
        stranger.post("/staff/sign-in", form(password="wrong"))
    assert told()[-1]["event"] == "slowed"
    strict = test_staff_doors.Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    strict.post("/staff/sign-in", form())
    (found,) = told()
    assert (found["event"], found["door"]) == ("form_refused", "staff/sign-in")


def test_the_word_by_which_the_database_refuses_is_told(office, told):
    access.set_office("lyon", "Lyon", "Europe/Paris", by=None)
    id_, client = come_in("data_protection_officer")
    told()
    nothing = "00000000-0000-4000-8000-000000000001"
    assert client.post("/staff/requests", {"approve": nothing}).status_code == 404
    (found,) = told()
    assert (found["event"], found["staff"], found["door"]) == ("refused", str(id_), "staff/requests")
    assert found["why"]


def test_a_token_that_does_not_open_is_told_without_its_secret(client, db, told, caplog):
    _, secret = access.issue_token(source="office", scopes=("write",), at=test_staff_doors.NOW)
    address = "/api/v1/ledger/entries"
    client.get(address, HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_HOST="localhost")
    client.get(address, HTTP_AUTHORIZATION=f"Bearer {secret[:-1]}", HTTP_HOST="localhost")
    text = caplog.text
    assert [(one["event"], one["why"]) for one in told()] == [("token_refused", "scope"), ("token_refused", "unknown")]
    assert secret[-43:] not in text


def test_a_request_s_context_ends_with_it(office, told):
    come_in("auditor")[1].get("/staff/people")
    told()
    events.note("office_set", office="x")
    assert told() == [{"event": "office_set", "office": "x"}]


def test_an_event_that_nobody_described_is_refused():
    with pytest.raises(ValueError, match="is no event"):
        events.note("coffee_made")


def test_every_event_is_written_somewhere_and_documented():
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py") if "tests" not in path.parts)
    guide = (ROOT / "docs" / "operating.md").read_text()
    for name in events.EVENTS:
        assert source.count(f'"{name}"') >= 2, f"{name} is described and never written"
        assert f"`{name}`" in guide, name


def test_what_is_typed_makes_up_no_line(stranger, told):
    link = operations.invite("Ada", "ada@example.org", "paris", ("auditor",), by=None, at=test_staff_doors.NOW)
    stranger.post(f"/staff/sign-up/{link}", {"password": '"}\n{"event":"signed_in"', "code": "x\ny", "generator": "z"})
    (found,) = told()
    assert link not in json.dumps(found)
    assert (found["event"], found["door"]) == ("not_signed_in", "staff/sign-up/<str:secret>")
