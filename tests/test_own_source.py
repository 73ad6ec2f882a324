"""Each installation has a source of its own: its pages and commands write under it, and nothing from outside does."""

from __future__ import annotations

import io
import json
import re
import uuid

import pytest
from click.testing import CliRunner
from django.db import connection
from django.test import Client

from wayfare.access import operations as access
from wayfare.access.rules import EVERYTHING
from wayfare.departures import operations as departures
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import own
from wayfare.ledger.entries.cli import import_
from wayfare.ledger.entries.files import export_entries
from wayfare.ledger.entries.operations import append_own, record
from wayfare.ledger.rules import Refused
from wayfare.people.tests.cast import NOW
from wayfare.statistics import queries as statistics

pytestmark = pytest.mark.django_db
ENTRIES = "/api/v1/ledger/entries"
OTHER = "wayfare-0a1b2c3d"
"""That of another installation."""


@pytest.fixture(autouse=True)
def programme(db, tmp_path, monkeypatch):
    monkeypatch.setattr(statistics, "columns_folder", lambda: tmp_path / "columns")
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    assert own.source() != OTHER


def enrolled(source, **more):
    common = {"entry_id": str(uuid.uuid4()), "kind": "enrolled", "occurred_at": "2026-03-01T10:00:00+01:00"}
    facts = {"nationality": "AFG", "sex": 2, "birth_date": "1990-05"}
    return {**common, "source": source, "person": str(uuid.uuid4()), "programme": "fra", **facts, **more}


def written():
    """Have the installation write an entry; return it as an export has it."""
    fields = enrolled("-")
    person = {name: fields[name] for name in ("person", "programme", "nationality", "sex", "birth_date")}
    append_own("enrolled", [person], occurred_at=NOW)
    (entry,) = ledger.entries(ledger.head() - 1)
    assert json.loads(entry.body)["source"] == own.source()
    return json.loads(entry.body)


def imported(tmp_path, entries):
    """Import entries; return what the command says of them, and the refusals."""
    file, rejects = tmp_path / "in.jsonl", tmp_path / "rejects"
    file.write_text("".join(json.dumps(one) + "\n" for one in entries))
    done = CliRunner().invoke(import_, [str(file), "--rejects", str(rejects), "--json"])
    return json.loads(done.stdout.splitlines()[-1]), [json.loads(line) for line in rejects.read_text().splitlines()]


def test_it_has_the_form_that_ledger_verify_knows():
    assert re.fullmatch(r"wayfare-[0-9a-f]{8}", own.source())
    assert own.is_own(own.source())
    assert own.is_own(f"{own.source()}-reported")
    assert not own.is_own(OTHER)
    assert not own.is_own(f"{own.source()}-else")


def test_it_stays_the_same_and_the_application_cannot_change_it():
    assert own.source() == own.source()
    with connection.cursor() as cursor:
        cursor.execute("select has_table_privilege('ledger_own', 'insert, update, delete, truncate')")
        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("suffix", ["", "-reported"])
def test_no_token_is_made_for_it(suffix):
    with pytest.raises(Refused, match="this installation's own"):
        access.issue_token(source=own.source() + suffix, scopes=["ledger:write"], at=NOW)
    assert access.issue_token(source=OTHER, scopes=["ledger:write"], at=NOW), "control"


@pytest.mark.parametrize("suffix", ["", "-reported"])
def test_what_is_posted_under_it_is_refused_beside_what_is_not(suffix):
    _, secret = access.issue_token(source=OTHER, scopes=["ledger:write"], at=NOW)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    entries = [enrolled(OTHER), enrolled(own.source() + suffix), enrolled(OTHER)]
    results = client.post(ENTRIES, json.dumps(entries), content_type="application/json").json()
    assert [one["status"] for one in results] == ["accepted", "rejected", "accepted"]
    assert results[1]["field"] == "source"


@pytest.mark.parametrize("suffix", ["", "-reported"])
def test_the_verb_behind_every_door_refuses_it(suffix):
    """Whatever lets somebody write as any source, such as a door to come: that of the installation is not among them."""
    source = own.source() + suffix
    refused, accepted = record([enrolled(source), enrolled(f"{source}-x")])
    assert (refused.status, refused.field, accepted.status) == ("rejected", "source", "accepted")
    assert source in refused.reason
    assert ledger.head() == 1


def test_an_exact_duplicate_is_one_wherever_it_comes_from(tmp_path):
    entry = written()
    again = entry | {"occurred_at": entry["occurred_at"].replace("+00:00", "Z")}
    assert [one.status for one in record([entry, again, entry | {"sex": 1}])] == ["duplicate", "duplicate", "conflict"]
    said, _ = imported(tmp_path, [entry, again])
    assert (said["read"], said["duplicate"], said["position"]) == (2, 2, 1)


@pytest.mark.parametrize("suffix", ["", "-reported"])
def test_an_import_refuses_what_is_forged_and_counts_the_rest(tmp_path, suffix):
    """The forged entry belongs to a departure that counts without it: what was worked out ahead must not stay."""
    genuine = written()
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())
    forged = enrolled(own.source() + suffix, person=person, nationality="SYR")
    registered = {
        "entry_id": str(uuid.uuid4()), "kind": "departure_registered", "occurred_at": "2026-03-02T10:00:00Z",
        "source": "office", "person": person, "departure": departure, "programme": "fra", "destination": "AFG",
        "assistance": [],
    }  # fmt: skip
    confirmed = {
        "entry_id": str(uuid.uuid4()), "kind": "departure_confirmed", "occurred_at": "2026-03-05T10:00:00Z",
        "source": "carrier", "departure": departure, "evidence": "exit_stamp",
    }  # fmt: skip
    said, refused = imported(tmp_path, [genuine, forged, registered, confirmed, enrolled(OTHER)])
    assert [said[name] for name in ("accepted", "duplicate", "rejected")] == [3, 1, 1]
    assert [(one["line"], one["status"], one["field"]) for one in refused] == [(2, "rejected", "source")]
    assert refused[0]["entry"]["nationality"] == "SYR"
    table = statistics.table(by=["nationality"], measure="departures", reader=EVERYTHING)
    assert table.rows == [("UNK", 1)]
    recounted = statistics.recounted(ledger.head())
    assert statistics.tabulate(recounted.engine.keep(recounted.counted), ["fra"], ["nationality"], "departures") == [
        ("UNK", 1)
    ]


def test_what_another_installation_wrote_itself_is_taken(tmp_path):
    written()
    out = io.BytesIO()
    export_entries(out, "jsonl")
    theirs = [json.loads(line) for line in out.getvalue().decode().replace(own.source(), OTHER).splitlines()]
    for one in theirs:
        one["entry_id"] = str(uuid.uuid4())
    said, _ = imported(tmp_path, theirs)
    assert (said["accepted"], said["rejected"]) == (1, 0)
    assert json.loads(ledger.entries(1)[0].body)["source"] == OTHER
