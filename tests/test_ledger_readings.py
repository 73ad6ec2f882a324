"""Reading the ledger itself: auditors and the owner only, each reading on the access record before a byte of it is told.

A source reads what it sent, and of what others sent learns nothing.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from django.conf import settings as configured
from django.db import connections
from django.test import Client

from wayfare.access import api as doors
from wayfare.access import operations as access
from wayfare.access import sentences
from wayfare.access.api import address_limiter, token_limiter
from wayfare.access.purposes import ROLES
from wayfare.access.queries import newest_staff_matters
from wayfare.access.rules import SCOPES, Forbidden
from wayfare.access.tests.cast import Colleague, browser
from wayfare.departures import operations
from wayfare.ledger import api as ledger_api
from wayfare.ledger import queries as ledger
from wayfare.ledger import registry
from wayfare.ledger.cli import prove
from wayfare.ledger.entries import cli as files_cli
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.source import LEDGER
from wayfare.tlog import keys
from wayfare.tlog import operations as log

ENTRIES = "/api/v1/ledger/entries"
NOW = datetime.now(UTC)


def entry(source: str = "office", **other) -> dict[str, str]:
    given = {"entry_id": str(uuid.uuid4()), "kind": "returned", "occurred_at": "2026-07-01T12:00:00Z"}
    return given | {"source": source, "person": str(uuid.uuid4())} | other


@pytest.fixture
def ledger_of_two(db):
    """Five entries: of `office` the first, third and fifth, of `airline` the others."""
    token_limiter.cache_clear()
    address_limiter.cache_clear()
    sent = [entry("office" if n % 2 else "airline") for n in range(1, 6)]
    assert {one.status for one in intake.record(sent)} == {"accepted"}
    return sent


def bearer(*scopes: str, source: str = "office") -> Client:
    token, secret = access.issue_token(source=source, scopes=scopes, at=NOW)
    client = Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}", raise_request_exception=False)
    client.token = token
    return client


def record() -> list[dict[str, str]]:
    """Return the lines about readings, oldest first, as they are committed to."""
    with connections["default"].cursor() as cursor:
        watcher = Colleague("paris", "auditor")
        with access.acting(watcher.secret):
            cursor.execute("select body from access_log where kind = 'ledger_read' order by position")
            return [json.loads(body) for (body,) in cursor.fetchall()]


@pytest.fixture
def office(ledger_of_two):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)


def told(line: dict[str, str]) -> dict[str, str]:
    return {name: line[name] for name in ("from", "to", "count", "token", "source", "staff", "how") if name in line}


def positions(client, **query):
    answer = client.get(ENTRIES, query)
    assert answer.status_code == 200, answer.content
    return [one["position"] for one in answer.json()["entries"]]


def test_each_call_of_a_token_that_reads_all_is_a_line(office):
    client = bearer("ledger:read", source="mirror")
    assert positions(client) == [1, 2, 3, 4, 5]
    assert positions(client, after=1, limit=2) == [2, 3]
    assert positions(client, after=5) == []
    who = {"token": client.token.id, "source": "mirror", "how": "api"}
    assert [told(line) for line in record()] == [
        {"from": "1", "to": "5", "count": "5", **who},
        {"from": "2", "to": "3", "count": "2", **who},
        {"from": "6", "to": "5", "count": "0", **who},
    ]


def test_a_source_reads_what_it_sent_and_of_others_nothing(office):
    for source, wanted in (("office", [1, 3, 5]), ("airline", [2, 4]), ("stranger", [])):
        client = bearer("ledger:own", source=source)
        assert positions(client) == wanted
    assert record() == [], "nobody else is concerned"


def test_a_source_with_few_entries_is_led_past_all_others(office, monkeypatch):
    monkeypatch.setattr(ledger_api, "SPAN", 2)
    client = bearer("ledger:own", source="airline")
    after, found, calls = 0, [], 0
    while after is not None:
        page = client.get(ENTRIES, {"after": after}).json()
        found += [one["position"] for one in page["entries"]]
        after, calls = page["next"], calls + 1
    assert (found, calls) == ([2, 4], 3)


@pytest.mark.parametrize("scope", SCOPES)
def test_of_scopes_two_read_entries(office, scope):
    wanted = 200 if scope in ("ledger:own", "ledger:read") else 403
    assert bearer(scope).get(ENTRIES).status_code == wanted


@pytest.mark.parametrize("role", ROLES)
def test_of_staff_only_auditors_read_entries(office, role):
    colleague = Colleague("paris", role)
    answer = browser(colleague, raise_request_exception=False).get(ENTRIES)
    if role != "auditor":
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert record() == []
        return
    assert answer.status_code == 200
    assert [told(line) for line in record()] == [
        {"from": "1", "to": "5", "count": "5", "staff": str(colleague.id), "how": "api"}
    ]
    other_site = browser(colleague, raise_request_exception=False)
    assert other_site.get(ENTRIES, headers={"sec-fetch-site": "cross-site"}).status_code == 401


def test_a_receipt_is_a_reading_of_its_entry(office, tmp_path):
    log.keep_up(LEDGER, keys.opened(tmp_path / "log", "wayfare.example/ledger"))
    receipt = f"{ENTRIES}/2/receipt"
    assert bearer("ledger:own", source="airline").get(receipt).status_code == 200
    hidden, absent = bearer("ledger:own").get(receipt), bearer("ledger:own").get(f"{ENTRIES}/99/receipt")
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert record() == []
    assert bearer("ledger:read").get(receipt).status_code == 200
    assert [(line["from"], line["to"], line["count"]) for line in record()] == [("2", "2", "1")]


def test_what_cannot_be_put_on_record_is_not_told(office, monkeypatch):
    """And the control: with a reader that puts nothing there, the same call tells it."""

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    client = bearer("ledger:read")
    monkeypatch.setattr(access, "note_ledger_read", fail)
    answer = client.get(ENTRIES)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert ledger.entries(0, 1)[0].entry_id.encode() not in answer.content
    monkeypatch.setattr(doors.EveryEntry, "record", lambda *_: None)
    assert positions(client) == [1, 2, 3, 4, 5]


def test_the_database_itself_refuses_to_record_for_a_token_that_may_not_read(office):
    may, own = bearer("ledger:read").token, bearer("ledger:own").token
    assert access.note_ledger_read(1, 5, 5, token=may.id) > 0
    access.revoke_token(may.id, at=NOW)
    for token in (may.id, own.id, "0" * 16):
        with pytest.raises(Forbidden):
            access.note_ledger_read(1, 5, 5, token=token)
    with pytest.raises(Forbidden):
        access.note_ledger_read(1, 5, 5, by=Colleague("paris", "supervisor").secret)


def test_an_export_is_a_line_before_its_first_byte(office, tmp_path, monkeypatch):
    file = tmp_path / "out.jsonl"
    seen: list[int] = []
    export = files_cli.export_entries

    def noting(out, *args, **kwargs):
        seen.append(len(record()))
        return export(out, *args, **kwargs)

    monkeypatch.setattr(files_cli, "export_entries", noting)
    assert CliRunner().invoke(files_cli.export, [str(file), "--from", "2", "--to", "99"]).exit_code == 0
    assert len(file.read_bytes().splitlines()) == 4
    assert seen == [1], "it was there when the writing began"
    assert [told(line) for line in record()] == [{"from": "2", "to": "5", "count": "4", "how": "command"}]


def test_an_export_that_cannot_be_put_on_record_writes_nothing(office, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise Forbidden("not_yours")

    monkeypatch.setattr(registry, "readings", [fail])
    assert CliRunner().invoke(files_cli.export, [str(tmp_path / "out.jsonl")]).exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_a_receipt_by_command_is_a_reading_of_its_entry(office, tmp_path, monkeypatch):
    """And the control: with nobody to put it on record, nothing is there."""
    log.keep_up(LEDGER, keys.opened(tmp_path / "log", "wayfare.example/ledger"))
    assert CliRunner().invoke(prove, ["2"]).exit_code == 0
    assert [told(line) for line in record()] == [{"from": "2", "to": "2", "count": "1", "how": "command"}]
    monkeypatch.setattr(registry, "readings", [])
    assert CliRunner().invoke(prove, ["3"]).exit_code == 0
    assert len(record()) == 1


def test_the_line_is_committed_when_the_answer_goes_out(fresh_database):
    """Read from another connection, as the owner: what was answered is on record, whatever happens next."""
    token_limiter.cache_clear()
    intake.record([entry()])
    assert bearer("ledger:read").get(ENTRIES).status_code == 200
    with connections["owner"].cursor() as cursor:
        cursor.execute("select count(*) from access_log where kind = 'ledger_read'")
        assert cursor.fetchone() == (1,)


def test_readings_are_told_on_the_page_of_what_is_no_file(office):
    client = bearer("ledger:read", source="mirror")
    client.get(ENTRIES)
    client.get(ENTRIES, {"after": 5})
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    operations.set_programme_office("fra", "paris")
    operations.set_programme_office("fra", None)
    auditor = Colleague("paris", "auditor")
    browser(auditor).get(ENTRIES)
    with access.acting(auditor.secret):
        lines = newest_staff_matters(limit=100)
    said = [
        sentences.sentence(one, {auditor.id: "Ada"}, "Europe/Paris")
        for one in lines
        if one.kind in ("ledger_read", "programme")
    ]
    token = f"The token {client.token.id} of mirror"
    assert said == [
        "Ada read entries of the ledger, from position 1 to 5.",
        "A command on the machine left the programme fra without an office.",
        "A command on the machine set the office of the programme fra: paris.",
        f"{token} asked for entries of the ledger from position 6 on; there were none.",
        f"{token} read entries of the ledger, from position 1 to 5.",
    ]
    page = browser(auditor).get("/staff/matters").content.decode()
    assert "read entries of the ledger, from position 1 to 5." in page


# What a conflict tells


def test_a_conflict_tells_another_source_no_place_and_no_name(office, ledger_of_two):
    theirs = ledger_of_two[1]
    ours = entry("office", entry_id=theirs["entry_id"])
    answer = bearer("ledger:write").post(ENTRIES, json.dumps(ours), content_type="application/json")
    (result,) = answer.json()
    assert result == {
        "entry_id": theirs["entry_id"],
        "status": "conflict",
        "position": None,
        "field": "entry_id",
        "reason": "is taken already; send a new entry_id",
    }
    assert b"airline" not in answer.content
    own = entry("office", entry_id=ledger_of_two[2]["entry_id"])
    (result,) = bearer("ledger:write").post(ENTRIES, json.dumps(own), content_type="application/json").json()
    assert (result["status"], result["position"]) == ("conflict", 3)


def test_the_session_cookie_has_the_name_that_is_read():
    assert configured.SESSION_COOKIE_NAME == "wayfare_session"
