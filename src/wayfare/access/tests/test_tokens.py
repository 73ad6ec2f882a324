"""Tokens in the database, and the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import Error, connection, transaction

from wayfare.access import cli, operations, queries
from wayfare.access.door import door
from wayfare.access.rules import SCOPES, secret_hash, write_secret
from wayfare.access.statements import rows
from wayfare.access.tests.cast import Colleague, browser
from wayfare.ledger.rules import Refused

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def issue(**other: Any):
    return operations.issue_token(**{"source": "office", "scopes": ["write"], "at": NOW, **other})


def test_the_secret_opens_and_is_not_kept():
    token, secret = issue()
    assert queries.token_presented(secret, now=NOW) == token
    with connection.cursor() as cursor:
        cursor.execute("select * from access_token")
        row = cursor.fetchone()
    assert secret.split("_", 2)[2] not in repr(row)
    assert len({issue()[1] for _ in range(100)}) == 100


def test_a_wrong_secret_does_not_open():
    token, _ = issue()
    assert queries.token_presented(write_secret(token.id, "A" * 43), now=NOW) is None
    assert queries.token_presented(write_secret("0" * 16, "A" * 43), now=NOW) is None


def test_expiry_and_revocation_close_at_once():
    token, secret = issue(days=1)
    assert queries.token_presented(secret, now=NOW + timedelta(hours=23)) is not None
    assert queries.token_presented(secret, now=NOW + timedelta(days=1)) is None
    assert operations.revoke_token(token.id, at=NOW)
    assert not operations.revoke_token(token.id, at=NOW)
    assert queries.token_presented(secret, now=NOW) is None


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"source": "two words"}, "source"),
        ({"source": ""}, "source"),
        ({"scopes": []}, "scope"),
        ({"scopes": ["admin"]}, "scope"),
        ({"days": 0}, "expires"),
        ({"days": 40_000}, "expires"),
    ],
)
def test_refusals(other, field):
    with pytest.raises(Refused) as refusal:
        issue(**other)
    assert refusal.value.field == field


def test_revoking_what_is_not_there():
    with pytest.raises(Refused):
        operations.revoke_token("0" * 16, at=NOW)


def test_use_is_noted_to_the_minute():
    token, secret = issue()
    operations.note_use(token, at=NOW)
    used = queries.token_presented(secret, now=NOW)
    assert used is not None
    assert used.last_used_at == NOW
    operations.note_use(used, at=NOW + timedelta(seconds=30))
    assert queries.tokens()[0].last_used_at == NOW
    operations.note_use(used, at=NOW + timedelta(seconds=60))
    assert queries.tokens()[0].last_used_at == NOW + timedelta(seconds=60)


MAKES = "select access_make_token('ab', sha256('known'), 'x', 'ledger:read', now(), null)"


@pytest.mark.parametrize(
    "statement",
    [
        "insert into access_token values ('ab', sha256('known'), 'x', 'ledger:read', now())",
        "update access_token set revoked_at = null",
        "update access_token set secret_hash = sha256('known')",
        "update access_token set source = 'other'",
        "update access_token set scopes = 'ledger:own ledger:read'",
        "update access_token set expires_at = null",
        "delete from access_token",
    ],
)
def test_the_application_cannot_widen_a_token(statement):
    issue()
    with pytest.raises(Error, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_application_makes_and_ends_no_token_without_the_sign_in_key():
    """Whoever has the application's password and an administrator's session, in SQL. The control: a command does."""
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    administrator, (token, _) = Colleague("paris", "administrator"), issue()
    for secret in ("", administrator.secret):
        for statement in (MAKES, f"select access_revoke_token('{token.id}', now())"):
            acts = operations.acting(secret) if secret else transaction.atomic()
            with pytest.raises(Error, match="no_door"), acts:
                rows(statement)
    with door():
        assert rows(MAKES)
    assert {one.id for one in queries.tokens()} == {token.id, "ab"}


def test_making_and_ending_a_token_are_lines_of_the_access_record_without_the_secret():
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    auditor = Colleague("paris", "auditor")
    token, secret = issue(scopes=["ledger:own", "ledger:read"], days=30)
    operations.revoke_token(token.id, at=NOW)
    operations.revoke_token(token.id, at=NOW)
    with operations.acting(auditor.secret):
        ended, made = queries.newest_staff_matters()[:2]
    assert (made.kind, made.staff, made.body["token"], made.body["source"]) == ("token_made", None, token.id, "office")
    assert (made.body["scopes"], made.body["expires"]) == ("ledger:own ledger:read", "2026-07-31T12:00:00.000000Z")
    assert (ended.kind, ended.body["token"], ended.body["source"]) == ("token_revoked", token.id, "office")
    kept = secret.split("_", 2)[2]
    for line in (made, ended):
        assert kept not in repr(line)
        assert secret_hash(kept).hex() not in repr(line)
    page = browser(auditor).get("/staff/matters").content.decode()
    assert f"made the API token {token.id} of office, which may: ledger:own, ledger:read." in page
    assert f"A command on the machine revoked the API token {token.id} of office." in page


def run(command, *arguments):
    return CliRunner().invoke(command, arguments)


def test_commands():
    added = run(cli.add, "--source", "scanner-1", "--scope", "write", "--scope", "read", "--expires", "30", "--json")
    assert added.exit_code == 0
    told = json.loads(added.stdout.splitlines()[-1])
    assert told["scopes"] == ["ledger:write", "ledger:own"], "names that scopes had mean what they mean now"
    assert told["source"] == "scanner-1"
    found = queries.token_presented(told["token"], now=datetime.now(UTC))
    assert found is not None
    assert found.id == told["id"]
    listed = run(cli.list_, "--json")
    assert told["token"].split("_", 2)[2] not in listed.output
    assert [row["state"] for row in json.loads(listed.stdout)["tokens"]] == ["valid"]
    assert run(cli.revoke, told["id"]).exit_code == 0
    assert "revoked" in run(cli.list_).stdout
    assert run(cli.revoke, "0" * 16).exit_code == 2
    assert run(cli.add, "--source", "a b", "--scope", "read").exit_code == 2
    assert run(cli.add, "--source", "plain", "--scope", "statistics:exact").stdout.startswith("wayfare_")


def test_the_database_holds_the_same_closed_list_of_scopes():
    """Each scope is taken, alone and with all others; one more is not, nor none."""
    for scopes in (*((scope,) for scope in SCOPES), tuple(SCOPES)):
        token, secret = issue(scopes=scopes)
        assert queries.token_presented(secret, now=NOW) == token
    for wrong in ("ledger:all", "", "read", "ledger:own ledger:all"):
        with pytest.raises(Error, match="access_token_scopes"), door():
            rows("select access_make_token(%s, sha256(''), 'x', %s, now(), null)", ["0" * 16, wrong])


@pytest.mark.parametrize("scopes", [(), ("",), ("ledger:all",), ("write", "ledger:all"), ("ledger:read ledger:own",)])
def test_an_unknown_scope_is_refused_by_name(scopes):
    with pytest.raises(Refused, match="one or more of ledger:write"):
        issue(scopes=scopes)
