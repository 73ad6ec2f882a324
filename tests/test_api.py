"""The API from outside: every status and refusal, a row each."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client

from wayfare.access import operations as access
from wayfare.access.api import address_limiter, token_limiter
from wayfare.access.rules import SCOPES, Limiter, write_secret
from wayfare.common.web.problems import REFUSALS, Problem
from wayfare.departures import operations
from wayfare.ledger import registry, zones
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries.api import decode
from wayfare.ledger.entries.types import fields
from wayfare.ledger.rules import Refused
from wayfare.ledger.source import LEDGER
from wayfare.site.api import api, description
from wayfare.statistics import api as statistics_api
from wayfare.tlog import keys
from wayfare.tlog import operations as log

ENTRIES = "/api/v1/ledger/entries"
TABLE = "/api/v1/programmes/fra/table"
NOW = datetime.now(UTC)


def secret(*scopes, source="office", at=NOW, **other):
    return access.issue_token(source=source, scopes=scopes, at=at, **other)[1]


@pytest.fixture
def client(db):
    token_limiter.cache_clear()
    address_limiter.cache_clear()
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    return Client(raise_request_exception=False)


@pytest.fixture
def office(client):
    """A client with a token for everything."""
    client.defaults["HTTP_AUTHORIZATION"] = "Bearer " + secret(*SCOPES)
    return client


def enrolled(**other):
    entry = {
        "entry_id": str(uuid.uuid4()),
        "kind": "enrolled",
        "occurred_at": "2026-07-01T12:00:00.25+02:00",
        "source": "office",
        "person": str(uuid.uuid4()),
        "programme": "fra",
        "nationality": "GIN",
        "sex": 1,
        "birth_date": "1990-05",
    }
    return {name: value for name, value in {**entry, **other}.items() if value is not ...}


def departed():
    """Return the entries of one departure that counts."""
    first = enrolled()
    departure = str(uuid.uuid4())
    registered = {
        **{name: first[name] for name in ("source", "person", "programme")},
        "entry_id": str(uuid.uuid4()),
        "kind": "departure_registered",
        "occurred_at": "2026-07-02T12:00:00Z",
        "departure": departure,
        "destination": "GIN",
        "assistance": ["cash"],
    }
    confirmed = {
        "entry_id": str(uuid.uuid4()),
        "kind": "departure_confirmed",
        "occurred_at": "2026-07-03T12:00:00Z",
        "source": "office",
        "departure": departure,
        "evidence": "pass_scanned",
    }
    return [first, registered, confirmed]


def post(client, value, **other):
    body = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"))
    return client.post(ENTRIES, body, **{"content_type": "application/json", **other})


def refused(response, code):
    """Check that an answer is the problem details of a refusal."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    body = response.json()
    assert body["code"] == code, body
    assert response.status_code == body["status"] == REFUSALS[code].status
    assert {"type", "title", "detail"} <= body.keys()
    assert b"<" not in response.content
    assert b"Traceback" not in response.content
    return body


def test_entries_go_in_in_order_and_come_out_in_utc(office):
    entries = [enrolled() for _ in range(3)]
    results = post(office, entries).json()
    assert [(r["status"], r["entry_id"]) for r in results] == [("accepted", e["entry_id"]) for e in entries]
    positions = [result["position"] for result in results]
    assert positions == list(range(positions[0], positions[0] + 3))
    page = office.get(ENTRIES, {"after": positions[0] - 1, "limit": 2}).json()
    assert [entry["position"] for entry in page["entries"]] == positions[:2]
    assert page["next"] == positions[1]
    assert page["entries"][0]["occurred_at"] == "2026-07-01T10:00:00.250000Z"
    assert page["entries"][0]["recorded_at"].endswith("Z")
    assert page["entries"][0]["person"] == entries[0]["person"]
    assert office.get(ENTRIES, {"after": positions[1]}).json()["next"] is None
    assert office.get(ENTRIES, {"after": 2**63 - 1}).json() == {"entries": [], "next": None}
    read_out = [{k: v for k, v in e.items() if k not in ("position", "recorded_at")} for e in page["entries"]]
    assert [result["status"] for result in post(office, read_out).json()] == ["duplicate"] * 2


def test_one_entry_may_come_alone(office):
    (result,) = post(office, enrolled()).json()
    assert result["status"] == "accepted"
    assert post(office, []).json() == []


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"source": "airline"}, "source"),
        ({"kind": "vanished"}, "kind"),
        ({"sex": "1"}, "sex"),
        ({"sex": True}, "sex"),
        ({"birth_date": ...}, "birth_date"),
        ({"name": "Ada"}, "name"),
        ({"fingerprint": "x"}, "fingerprint"),
        ({"occurred_at": "2026-07-01T12:00:00"}, "occurred_at"),
        ({"occurred_at": (NOW + timedelta(hours=25)).isoformat()}, "occurred_at"),
        ({"programme": "nowhere"}, "programme"),
    ],
)
def test_a_bad_entry_is_rejected_in_its_place(office, other, field):
    results = post(office, [enrolled(), enrolled(**other), enrolled()]).json()
    assert [result["status"] for result in results] == ["accepted", "rejected", "accepted"]
    assert results[1]["field"] == field
    assert results[1]["reason"]
    assert results[1]["position"] is None


def test_what_is_no_object_is_rejected_in_its_place(office):
    results = post(office, [1, None, "x", [], enrolled()]).json()
    assert [result["status"] for result in results] == ["rejected"] * 4 + ["accepted"]


@pytest.mark.parametrize(
    "again",
    [', "person" :"%s"', ', "person"\n:"%s"', ', "pers\\u006fn":"%s"', ', "per\\u0073on"\t: "%s"'],
)
def test_a_field_named_twice_is_rejected_however_it_is_written(office, again):
    other = "11111111-2222-4333-8444-555555555555"
    twice = json.dumps(enrolled())[:-1] + again % other + "}"
    assert json.loads(twice)["person"] == other, "the control: the last one would win"
    first, second = post(office, f"[{twice}, {json.dumps(enrolled())}]".encode()).json()
    assert (first["status"], first["field"], second["status"]) == ("rejected", "person", "accepted")
    assert "twice" in first["reason"]


def test_a_field_named_twice_within_facts_or_a_list_is_rejected(office):
    facts = '"kind":"facts_corrected","facts":{"sex":1,"sex" :2}'
    persons = '"kind":"persons_linked","persons":[[{"a":1,"a":2}]]'
    start = json.dumps({name: enrolled()[name] for name in ("entry_id", "occurred_at", "source", "person")})[:-1]
    answers = post(office, f"[{start},{facts}}}, {start},{persons}}}]".encode()).json()
    assert [(one["status"], one["field"]) for one in answers] == [
        ("rejected", "facts.sex"),
        ("rejected", "persons.a"),
    ]


@pytest.mark.parametrize("nobody", ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"])
def test_nil_and_max_are_nobodys_id(office, nobody):
    for field in ("person", "entry_id"):
        (result,) = post(office, enrolled(**{field: nobody})).json()
        assert (result["status"], result["field"]) == ("rejected", field)
        assert "identifies nothing" in result["reason"]


def test_a_field_named_twice_is_rejected_in_its_place(office):
    twice = json.dumps(enrolled())[:-1] + ', "sex": 2}'
    body = f"[{json.dumps(enrolled())}, {twice}, {json.dumps(enrolled(), indent=1)}]"
    results = post(office, body.encode()).json()
    assert [result["status"] for result in results] == ["accepted", "rejected", "accepted"]
    assert results[1]["field"] == "sex"
    assert results[1]["entry_id"]


def test_duplicate_and_conflict(office):
    entry = enrolled()
    results = post(office, [entry, entry, {**entry, "sex": 2}, {**entry, "entry_id": entry["entry_id"].upper()}]).json()
    assert [result["status"] for result in results] == ["accepted", "duplicate", "conflict", "duplicate"]
    assert len({result["position"] for result in results}) == 1


@pytest.mark.parametrize(
    ("body", "other", "code"),
    [
        (b" ", {}, "malformed_json"),
        (b"{", {}, "malformed_json"),
        (b"[NaN]", {}, "malformed_json"),
        ("[]".encode("utf-16"), {}, "malformed_json"),
        (b'{"a":"\xff"}', {}, "malformed_json"),
        (b'{"a":"\\ud800"}', {}, "malformed_json"),
        (b"[" * 100_000, {}, "malformed_json"),
        (b"1", {}, "invalid"),
        (b"null", {}, "invalid"),
        (b"[" + b"1," * 10_000 + b"1]", {}, "too_many_entries"),
        (b" " * (16 * 1024 * 1024 + 1), {}, "body_too_large"),
        (b" " * (33 * 1024 * 1024), {}, "body_too_large"),
        (b"{}", {"content_type": "text/plain"}, "media_type_unsupported"),
        (b"{}", {"content_type": "application/x-www-form-urlencoded"}, "media_type_unsupported"),
        (b"{}", {"content_type": "multipart/form-data"}, "media_type_unsupported"),
        (b"{}", {"content_type": ""}, "media_type_unsupported"),
        (b"{}", {"HTTP_CONTENT_ENCODING": "gzip"}, "media_type_unsupported"),
    ],
)
def test_a_bad_body(office, body, other, code):
    refused(post(office, body, **other), code)


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        (f"{ENTRIES}?after=-1", "invalid", 422),
        (f"{ENTRIES}?after=x", "invalid", 422),
        (f"{ENTRIES}?after={2**63}", "invalid", 422),
        (f"{ENTRIES}?limit=0", "invalid", 422),
        (f"{ENTRIES}?limit=10001", "invalid", 422),
        (f"{ENTRIES}?limti=10", "invalid", 422),
        (f"{ENTRIES}?limit=1&limit=2", "invalid", 422),
        (f"{TABLE}?by=colour", "invalid", 422),
        (f"{TABLE}?by=month,month", "invalid", 422),
        (f"{TABLE}?measure=tears", "invalid", 422),
        (f"{TABLE}?as_of=x", "invalid", 422),
        (f"{TABLE}?as_of=999999999", "invalid", 422),
        ("/api/v1/programmes/nowhere/table", "not_found", 404),
        ("/api/v1/programmes/a%20b/table", "not_found", 404),
        ("/api/v1/nothing", "not_found", 404),
        ("/api/v1/", "not_found", 404),
        ("/api/v2/health", "not_found", 404),
        ("/api/v1/health/", "not_found", 404),
        ("/api/v1/ledger/entries/1", "not_found", 404),
    ],
)
def test_a_bad_address(office, path, code, status):
    response = office.get(path)
    body = refused(response, code)
    assert response.status_code == status
    if code == "invalid":
        assert all(error["field"] and error["reason"] for error in body["errors"])


@pytest.mark.parametrize("path", [ENTRIES, TABLE, "/api/v1/health", "/api/v1/openapi.json"])
def test_a_verb_that_is_not_done(office, path):
    response = office.delete(path)
    refused(response, "method_not_allowed")
    assert {"GET", "HEAD"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", [ENTRIES, TABLE, "/api/v1/health", "/api/v1/openapi.json", f"{TABLE}?by=colour"])
def test_head_is_get_without_its_body(office, path):
    whole, head = office.get(path), office.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert int(head.headers["Content-Length"]) == len(whole.content) > 0
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    assert office.head(path, headers={"authorization": "Bearer x"}).status_code in (401, whole.status_code)


def test_an_unknown_host(office):
    refused(office.get("/api/v1/health", headers={"host": "evil.example"}), "bad_request")


SDMX = "application/vnd.sdmx.data+csv"


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, text/csv;q=0.5, */*;q=0.1", "text/csv"),
        (SDMX, f"{SDMX}; version=2.0.0"),
        (f"{SDMX};version=2.0.0", f"{SDMX}; version=2.0.0"),
        (f"{SDMX}; version=1.0.0", f"{SDMX}; version=1.0.0"),
        (f'{SDMX};version="1.0.0";labels=id', f"{SDMX}; version=1.0.0"),
        (f"{SDMX};version=1.0.0;q=0.5, {SDMX};version=2.0.0;q=0.4", f"{SDMX}; version=1.0.0"),
        (f"{SDMX};version=1.0.0, {SDMX};q=0.9", f"{SDMX}; version=1.0.0"),
        (f"{SDMX};version=3.0.0, text/csv;q=0.1", "text/csv"),
        (f"{SDMX};version=3.0.0", None),
        (f"{SDMX};labels=both", None),
        ("application/json;q=0, */*", "text/csv"),
        ("text/html", None),
        ("text/csv;q=0", None),
        ("nonsense", None),
    ],
)
def test_a_table_as_accept_wants_it(office, accept, sent):
    post(office, departed())
    response = office.get(TABLE, {"by": "month,nationality"}, headers={"accept": accept})
    if sent is None:
        detail = refused(response, "not_acceptable")["detail"]
        assert f"{SDMX}; version=2.0.0" in detail
        assert f"{SDMX}; version=1.0.0" in detail
        return
    assert response.status_code == 200
    assert response.headers["Content-Type"].removesuffix("; charset=utf-8") == sent
    position = response.content.split(b",")[-1].strip().decode()
    expected = {
        "text/csv": "month,nationality,departures\n2026-07,GIN,1\n",
        f"{SDMX}; version=2.0.0": "STRUCTURE,STRUCTURE_ID,ACTION,MONTH,NATIONALITY,OBS_VALUE,LEDGER_POSITION\n"
        f"dataflow,WAYFARE:DEPARTURES(1.0),R,2026-07,GIN,1,{position}\n",
        f"{SDMX}; version=1.0.0": "DATAFLOW,MONTH,NATIONALITY,OBS_VALUE,LEDGER_POSITION\n"
        f"WAYFARE:DEPARTURES(1.0),2026-07,GIN,1,{position}\n",
    }
    if sent in expected:
        assert response.content.decode() == expected[sent]
    assert response.headers["Wayfare-Time-Zones"] == zones.INSTALLED
    assert "Wayfare-Time-Zones-Then" not in response.headers
    if sent == "application/json":
        assert response.json()["zones"] == zones.INSTALLED


def test_health_and_description_are_open(client):
    assert client.get("/api/v1/health").json()["status"] == "ok"
    assert client.get("/api/v1/openapi.json").json()["openapi"].startswith("3.1")


def test_the_committed_description_is_current():
    committed = Path(__file__).parents[1] / "docs" / "openapi.json"
    assert committed.read_bytes() == description(), "write docs/openapi.json anew; docs/api.md says how"


def test_every_dimension_is_described():
    from wayfare.statistics import queries

    assert all(name in statistics_api._BY for name in queries.DIMENSIONS)


def test_every_field_of_every_kind_is_described():
    described = json.loads(description())["paths"][ENTRIES]["post"]["requestBody"]["content"]["application/json"]
    forms = {form["title"]: form for form in described["schema"]["anyOf"][0]["oneOf"]}
    assert forms.keys() == registry.kinds.keys()
    for name, type_ in registry.kinds.items():
        common = {"entry_id", "kind", "occurred_at", "source"}
        assert set(forms[name]["properties"]) == common | {one.name for one in fields(type_)}
        assert set(forms[name]["required"]) == common | {one.name for one in fields(type_) if one.required}


# Who may do what: each operation of the description with each kind of caller.

OPEN = {"health", "openapi"}
NEEDS = {
    "list_entries": {"ledger:own", "ledger:read"},
    "get_receipt": {"ledger:own", "ledger:read"},
    "get_table": {"statistics:exact"},
    "append_entries": {"ledger:write"},
}
CALLERS = {
    "nobody": None,
    "basic": "Basic dXNlcjpwYXNz",
    "empty": "Bearer ",
    "garbage": "Bearer x",
    "unknown": "Bearer " + write_secret("0" * 16, "A" * 43),
    "wrong_secret": tuple(SCOPES),
    "revoked": tuple(SCOPES),
    "expired": tuple(SCOPES),
    **{scope: (scope,) for scope in SCOPES},
    "other_source": tuple(SCOPES),
    "full": tuple(SCOPES),
}
OPERATIONS = [
    (operation["operationId"], method, path.replace("{key}", "fra").replace("{position}", "1"))
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method, operation in methods.items()
    if operation["operationId"] != "live"  # the server's, not Django's
]


def authorization(caller):
    given = CALLERS[caller]
    if given is None or isinstance(given, str):
        return given
    at = NOW - timedelta(days=2) if caller == "expired" else NOW
    source = "airline" if caller == "other_source" else "office"
    token, text = access.issue_token(source=source, scopes=given, at=at, days=1 if caller == "expired" else None)
    if caller == "revoked":
        access.revoke_token(token.id, at=NOW)
    if caller == "wrong_secret":
        text = write_secret(token.id, "A" * 43)
    return f"Bearer {text}"


def expected(operation, caller):
    if operation in OPEN:
        return 200
    if caller in ("nobody", "basic", "empty"):
        return "token_missing"
    if caller in ("garbage", "unknown", "wrong_secret", "revoked", "expired"):
        return "token_refused"
    if not NEEDS[operation] & set(CALLERS[caller]):
        return "scope_missing"
    return 200


def test_every_operation_is_either_open_or_needs_a_scope():
    assert {operation for operation, _, _ in OPERATIONS} == OPEN | NEEDS.keys()


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("operation", "method", "path"), OPERATIONS, ids=[o[0] for o in OPERATIONS])
def test_who_may(client, tmp_path, operation, method, path, caller):
    given = authorization(caller)
    if operation == "get_receipt":
        intake.record([enrolled()])
        log.keep_up(LEDGER, keys.opened(tmp_path / "log", "wayfare.example/ledger"))
    headers = {} if given is None else {"authorization": given}
    entry = enrolled()
    body = {"data": json.dumps(entry), "content_type": "application/json"} if method == "post" else {}
    response = getattr(client, method)(path, headers=headers, **body)
    wanted = expected(operation, caller)
    if isinstance(wanted, str):
        refused(response, wanted)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        return
    assert response.status_code == 200
    if operation == "append_entries":
        (result,) = response.json()
        assert result["entry_id"] == entry["entry_id"]
        assert (result["status"], result["field"]) == (
            ("rejected", "source") if caller == "other_source" else ("accepted", None)
        )


def test_wrong_revoked_and_expired_look_the_same(client):
    answers = {
        client.get(ENTRIES, headers={"authorization": authorization(caller)}).content
        for caller in ("unknown", "wrong_secret", "revoked", "expired")
    }
    assert len(answers) == 1


def test_the_rate_limit_of_a_token_and_of_an_address(office, monkeypatch):
    limiters = {"token_limiter": Limiter(0.5, 2), "address_limiter": Limiter(0.5, 2)}
    for name, limiter in limiters.items():
        monkeypatch.setattr(f"wayfare.access.api.{name}", lambda limiter=limiter: limiter)
    for path, headers in ((ENTRIES, {}), ("/api/v1/health", {}), (ENTRIES, {"authorization": "Bearer x"})):
        answers = [office.get(path, headers=headers) for _ in range(4)]
        refused(answers[-1], "too_many_requests")
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2
    assert office.get(ENTRIES, headers={"authorization": "Bearer " + secret("ledger:own")}).status_code == 200


@pytest.mark.parametrize(("https", "wanted"), [(True, [401, 401]), (False, [401, 429])])
def test_behind_our_own_proxy_each_address_has_its_own_limit(client, monkeypatch, settings, https, wanted):
    """And without it nobody gets a limit of their own by writing a header."""
    settings.HTTPS = https
    limiter = Limiter(0.5, 1)
    monkeypatch.setattr("wayfare.access.api.address_limiter", lambda: limiter)
    asks = [client.get(ENTRIES, headers={"x-real-ip": f"192.0.2.{n}"}).status_code for n in (1, 2)]
    assert asks == wanted
    forwarded = {"x-real-ip": "192.0.2.1", "x-forwarded-for": "192.0.2.77"}
    assert client.get(ENTRIES, headers=forwarded).status_code == 429, "that header is nobody's word"


def test_secrets_do_not_reach_the_log(office, caplog, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("for the test")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("wayfare.ledger.queries.entries", fail)
    refused(office.get(ENTRIES), "internal")
    assert "for the test" in caplog.text
    assert office.defaults["HTTP_AUTHORIZATION"].split("_", 2)[-1] not in caplog.text


@pytest.fixture
def full_disk(django_db_setup, django_db_blocker):
    """Make the database say that the disk is full whenever an entry is written."""
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        cursor.execute(
            "create function full_disk() returns trigger language plpgsql as"
            " $$ begin raise exception 'no space left' using errcode = '53100'; end $$"
        )
        cursor.execute(
            "create trigger full_disk before insert on ledger_entry for each row execute function full_disk()"
        )
    yield
    with django_db_blocker.unblock(), connections["owner"].cursor() as cursor:
        cursor.execute("drop function full_disk() cascade")
    with django_db_blocker.unblock():
        connections["owner"].close()


def test_a_full_disk(full_disk, office):
    response = post(office, departed())
    refused(response, "storage_full")
    assert response.headers["Retry-After"]


AWAY = """
import json
from wayfare.site import runtime, settings
for database in settings.DATABASES.values():
    database["OPTIONS"] = {}
runtime.set_up_django()
from django.test import Client
for path in ("/api/v1/health", "/api/v1/ledger/entries"):
    headers = {"authorization": "Bearer wayfare_" + "0" * 16 + "_" + "A" * 43, "host": "localhost"}
    answer = Client(raise_request_exception=False).get(path, headers=headers)
    print(json.dumps([answer.status_code, answer.headers["Content-Type"], answer.headers["Retry-After"], answer.json()]))
"""


def test_the_database_away(tmp_path):
    there = {"WAYFARE_HOME": str(tmp_path), "DATABASE_URL": f"postgresql://u:secretly@/gone?host={tmp_path}"}
    done = subprocess.run([sys.executable, "-c", AWAY], env={**os.environ, **there}, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 2, done.stderr
    for status, kind, retry, body in answers:
        assert (status, kind, body["code"]) == (503, "application/problem+json", "unavailable")
        assert int(retry) > 0
    assert "secretly" not in done.stdout + done.stderr


def test_only_its_own_source_is_recorded(db):
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    refusal = Refused("sex", "stands twice")
    mine, theirs = intake.record([enrolled(), enrolled(source="airline")], writer="office")
    assert (mine.status, theirs.status, theirs.field) == ("accepted", "rejected", "source")
    assert intake.record([refusal])[0].reason == "stands twice"


# docs/api.md: its examples are run and its tables are held to the code.

DOCS = Path(__file__).parents[1] / "docs" / "api.md"


def curls():
    """Return the curl examples as (headers, data, address)."""
    for block in re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL):
        for command in re.findall(r"^curl .*", block, re.DOTALL | re.MULTILINE):
            words = iter(shlex.split(command.replace("\\\n", " "))[1:])
            headers, data, address = {}, None, ""
            for word in words:
                if word == "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name.lower()] = value
                elif word == "-d":
                    data = next(words)
                elif not word.startswith("-"):
                    address = word
            yield headers, data, address.removeprefix("http://localhost:8000")


def test_the_examples_of_the_guide_work(client):
    examples = list(curls())
    assert len(examples) == 3
    text = secret(*SCOPES, source="scanner-1")
    operations.add_programme("che", "Switzerland", "CHE", "Europe/Zurich")
    for headers, data, address in examples:
        headers["authorization"] = headers["authorization"].replace("$TOKEN", text)
        if data:
            response = client.post(address, data, content_type=headers.pop("content-type"), headers=headers)
            assert [result["status"] for result in response.json()] == ["accepted"]
        else:
            response = client.get(address, headers=headers)
        assert response.status_code == 200, response.content


def test_the_guide_names_every_refusal():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", DOCS.read_text(), re.MULTILINE)
    assert {code: int(status) for code, status in rows} == {c: r.status for c, r in REFUSALS.items()}


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-16", "is UTF-16"), ("utf-16-le", "is UTF-16"), ("utf-16-be", "is UTF-16"), ("utf-32", "is UTF-32"),
        ("utf-32-be", "is UTF-32"), ("utf-8-sig", "begins with a byte order mark"), ("latin-1", "is not UTF-8 (byte 3)"),
    ],
)  # fmt: skip
def test_a_body_in_another_encoding_is_told_as_such(encoding, said):
    with pytest.raises(Problem) as refused:
        decode('["é"]'.encode(encoding))
    detail = refused.value.detail
    assert said in detail
    assert "Send JSON as UTF-8 without a byte order mark" in detail


def test_what_is_utf_8_is_told_by_where_it_breaks():
    """The control."""
    with pytest.raises(Problem, match="line 1 column"):
        decode('["é"'.encode())
