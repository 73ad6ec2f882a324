"""The toy room through every door, run by `tests/test_toy_room.py` in a session that has it installed."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from django.db import connection
from django.test import Client

from tests.test_append_ways import configure
from tests.toy_room import jobs, projection
from wayfare.access import operations as access
from wayfare.common.rooms import load
from wayfare.ledger import projections, queries, registry
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries.docs import page
from wayfare.ledger.scopes import components
from wayfare.ledger.verify import differences
from wayfare.people.tests.cast import Colleague, browser
from wayfare.site import check
from wayfare.site.api import description
from wayfare.site.cli import COMMANDS, root

pytestmark = pytest.mark.django_db
OTHERS = Path(__file__).parents[2]


def new() -> str:
    return str(uuid.uuid4())


def said(kind: str, **fields: object) -> dict[str, object]:
    return {"entry_id": new(), "kind": kind, "occurred_at": "2026-07-01T10:00:00Z", "source": "toy", **fields}


def boarded(**fields: object) -> dict[str, object]:
    return said("toy_boarded", **{"person": new(), "flight": new(), "seat": "12A", **fields})


def run(*words: str, expected: int = 0) -> str:
    """Run a command of the command line, as it is found there."""
    done = CliRunner().invoke(load(COMMANDS[words[0]][words[1]].target), words[2:])
    assert done.exit_code == expected, done.output
    return done.output


def in_csv(path: Path, entries: list[dict[str, object]]) -> None:
    names = list(entries[0])
    path.write_text("\n".join([",".join(names), *(",".join(map(str, one.values())) for one in entries)]) + "\n")


def test_its_entries_come_in_by_post():
    _, secret = access.issue_token(source="toy", scopes=("ledger:write",), at=datetime.now(UTC))
    sent = [boarded(), boarded(seat=""), said("toy_landed", flight=new())]
    client = Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}")
    answer = client.post("/api/v1/ledger/entries", json.dumps(sent), content_type="application/json").json()
    assert [one["status"] for one in answer] == ["accepted", "rejected", "rejected"]
    assert answer[1]["field"] == "seat"
    assert "one of enrolled, " in answer[2]["reason"]
    assert answer[2]["reason"].endswith("toy_boarded")
    assert projection.flights() == {sent[0]["flight"]: 1}


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_its_entries_are_imported_and_exported_whole(tmp_path, settings, suffix):
    flight, path = new(), tmp_path / f"in.{suffix}"
    sent = [boarded(flight=flight) for _ in range(3)]
    if suffix == "csv":
        in_csv(path, sent)
    else:
        path.write_text("".join(json.dumps(one) + "\n" for one in sent))
    assert json.loads(run("ledger", "import", str(path), "--json").splitlines()[-1])["accepted"] == 3
    assert projection.flights() == {flight: 3}
    for out in (tmp_path / "out.jsonl", tmp_path / "out.parquet"):
        run("ledger", "export", str(out))
        again = json.loads(run("ledger", "import", str(out), "--json").splitlines()[-1])
        assert (again["read"], again["duplicate"]) == (3, 3), "every field came back"
    settings.WAYFARE_HOME = tmp_path  # the columnar copy of this ledger
    assert differences() == (3, [])


def test_a_field_that_is_never_taken_in_refuses_its_file_too(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(boarded() | {"passport_number": "X"}) + "\n")
    assert "passport_number" in run("ledger", "import", str(path), expected=2)
    assert queries.head() == 0


def test_it_may_append_by_the_name_of_its_kind_and_follow_another_room_s():
    fields = {"person": new(), "flight": new()}
    result = intake.append("toy_boarded", fields, source="toy", occurred_at=datetime(2026, 7, 1, tzinfo=UTC))
    assert result.status == "accepted"
    assert registry.projections["departures"].kinds.isdisjoint({"toy_boarded"})


def test_its_projection_is_kept_checked_and_made_anew(tmp_path, settings):
    settings.WAYFARE_HOME = tmp_path
    sent = [boarded() for _ in range(4)]
    intake.record(sent)
    expected = {one["flight"]: 1 for one in sent}
    assert projection.flights() == expected
    assert json.loads(run("ledger", "status", "--json"))["toy"] == {"flights": 4}
    assert check.CHECKS["flights"]() == check.CHECKS["projections"]() == ""
    with connection.cursor() as cursor:
        cursor.execute("update toy_room_flight set seats = 9")
    assert check.CHECKS["flights"]() == "4 on board but 36 seats; run wayfare ledger rebuild"
    assert "4 on board" in check.CHECKS["projections"]()
    assert differences() == (4, ["toy_flights: 4 on board but 36 seats; run wayfare ledger rebuild"])
    assert projections.rebuild() == 4
    assert projection.flights() == expected


def test_five_people_on_one_flight_are_five_components_for_counting_and_one_here():
    configure()
    flight, told = new(), []
    for _ in range(5):
        person, departure = new(), new()
        told += [
            said("enrolled", person=person, programme="paris", nationality="GEO", sex=1, birth_date="1990"),
            said(
                "departure_registered",
                departure=departure,
                person=person,
                programme="paris",
                destination="GEO",
                assistance=[],
            ),
            said("departure_confirmed", departure=departure, evidence="pass_scanned"),
            boarded(person=person, flight=flight),
        ]
    assert {one.status for one in intake.record(told)} == {"accepted"}
    with connection.cursor() as cursor:
        cursor.execute("select count(*), count(distinct cluster) from departures_counted")
        assert cursor.fetchone() == (5, 5)
    assert projection.flights() == {flight: 5}

    def groups(name: str) -> int:
        scope = registry.scope(name)
        return sum(len(some) for some in queries.by_component(len(told), scope))

    assert (groups("departures"), groups("toy_flights")) == (5, 1)
    assert components([], registry.scope("toy_flights")) == ([], {})


def test_its_page_and_its_call_show_what_it_keeps():
    sent = boarded()
    intake.record([sent])
    _, secret = access.issue_token(source="toy", scopes=("statistics:exact",), at=datetime.now(UTC))
    asked = Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}").get("/api/v1/toy/flights")
    assert asked.json() == {sent["flight"]: 1}
    shown = browser(Colleague("paris", "travel_officer")).get("/toy/flights")
    assert f"{sent['flight']}: 1" in shown.content.decode()
    assert '<a href="/toy/flights" aria-current' in shown.content.decode()
    assert "1 flights" in browser(Colleague("paris", "travel_officer")).get("/home").content.decode()
    counsellor = browser(Colleague("paris", "counsellor"))
    assert counsellor.get("/toy/flights").status_code == 404
    assert "1 flights" not in counsellor.get("/home").content.decode()


def test_its_purpose_opens_a_file_to_whom_it_is_for_and_says_so():
    person = Colleague("paris", "counsellor").enrols("Own Office").person
    officer, other = Colleague("paris", "travel_officer"), Colleague("lyon", "travel_officer")
    for colleague, opens in ((officer, True), (other, False), (Colleague("paris", "supervisor"), False)):
        client = browser(colleague, raise_request_exception=False)
        taken = client.post(f"/files/{person}/work", {"purpose": "toy_boarding"})
        shown = client.get(taken.headers["Location"]) if taken.status_code == 302 else taken
        assert (shown.status_code == 200) is opens
        assert ("Own Office" in shown.content.decode()) is opens
    listed = browser(officer).get("/staff/purposes").content.decode()
    assert "Boarding" in listed
    assert (
        "to let the person board"
        in browser(Colleague("paris", "supervisor")).get(f"/files/{person}/looks").content.decode()
    )


def test_its_command_and_its_job_run_and_are_listed():
    sent = boarded()
    intake.record([sent])
    assert run("toy", "seats") == f"{sent['flight']}\t1\n"
    assert "Flights." in CliRunner().invoke(root, ["--help"]).output
    assert jobs.watch in registry.beside_the_logs
    stop = threading.Event()
    running = threading.Thread(target=jobs.watch, args=(stop,))
    running.start()
    while not jobs.SEEN:
        stop.wait(0.01)
    stop.set()
    running.join(5)
    assert not running.is_alive()


def test_it_is_described_where_every_kind_is():
    assert "## toy_boarded" in page(registry.kinds.values())
    assert b'"toy_boarded"' in description()
    assert b'"/api/v1/toy/flights"' in description()


def test_nothing_outside_its_folder_names_it():
    sources = [*OTHERS.glob("src/**/*.py"), *OTHERS.glob("src/**/*.sql"), OTHERS / "pyproject.toml"]
    assert len(sources) > 300
    assert [path for path in sources if "toy_room" in path.read_text()] == []
