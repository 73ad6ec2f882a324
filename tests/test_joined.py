"""The vault and the ledger joined: what our pages do with people is in the ledger, coded, under our own source."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection, connections

from wayfare.access.purposes import ROLES
from wayfare.access.rules import EVERYTHING, Forbidden
from wayfare.departures import operations as departures
from wayfare.ledger import operations as appending
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as writing
from wayfare.ledger.entries import own
from wayfare.ledger.entries.operations import record
from wayfare.ledger.rules import Refused
from wayfare.ledger.verify import differences
from wayfare.people import operations as people
from wayfare.people.tests.cast import NOW, Colleague, browser, erased, file_data
from wayfare.statistics import queries as statistics

FORM = {"name": "Rahel Haile", "year": "1991", "month": "5", "day": "20", "nationality": "Eritrea", "sex": "female"}
SOURCE = re.compile(r"wayfare-[0-9a-f]{8}")
LEFT = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def vault(fresh_database, settings, tmp_path, monkeypatch):
    """A vault and a ledger of the test's own, and a columnar copy of its own beside them."""
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    monkeypatch.setattr(statistics, "columns_folder", lambda: tmp_path / "columns")
    return fresh_database


@pytest.fixture
def counsellor(vault):
    return Colleague("paris", "counsellor")


@pytest.fixture
def programme(counsellor):
    """Two programmes, of which the second is of the office paris."""
    for key in ("aaa", "fra"):
        departures.add_programme(key, f"Return {key}", "FRA", "Europe/Paris")
    departures.set_programme_office("fra", "paris")
    return "fra"


def entries():
    return [orjson.loads(one.body) for one in ledger.entries(0)]


def fields(entry):
    """Return an entry without its id, instant and source."""
    assert entry["source"] == own.source()
    return {name: value for name, value in entry.items() if name not in ("entry_id", "occurred_at", "source")}


def files(vault):
    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute("select count(*) from people_person").fetchone()[0]


def registered(colleague, **given):
    """Register somebody through the form; return their id."""
    answer = browser(colleague).post("/files/new", given)
    page = answer.content.decode()
    assert answer.status_code == 200, page
    found = re.search(r"/files/([0-9a-f-]{36})/work", page)
    assert found is not None, page
    return found[1]


def departed(person, at=LEFT, programme="fra"):
    """Have another system register and confirm a departure of a person."""
    common = {"source": "carrier", "departure": str(uuid4())}
    registered = {"kind": "departure_registered", "person": person, "programme": programme, "destination": "ERI"}
    registered |= {"assistance": [], "occurred_at": (at - timedelta(days=3)).isoformat()}
    confirmed = {"kind": "departure_confirmed", "evidence": "exit_stamp", "occurred_at": at.isoformat()}
    results = record([{"entry_id": str(uuid4()), **common, **one} for one in (registered, confirmed)])
    assert [one.status for one in results] == ["accepted", "accepted"]


def table(*by, **more):
    return statistics.table(by=by, measure="departures", reader=EVERYTHING, **more).rows


def correcting(colleague, person, status=302, **birth):
    """Correct the group `birth` of a person's file through its form, to what stands there with some other fields."""
    client = browser(colleague)
    at = client.post(f"/files/{person}/work", {"purpose": "case_work"}).headers["Location"]
    page = f"{at.rstrip('/')}/correct/birth"
    text = client.get(page).content.decode()
    version = re.search(r'name="version" value="(\d+)"', text)
    assert version is not None
    given = {f"told.{name}": FORM[name] for name in ("year", "month", "day")}
    given |= {"told.calendar": "gregorian", "nationality": FORM["nationality"], "sex": FORM["sex"]}
    answer = client.post(page, given | birth | {"version": version[1]})
    assert answer.status_code == status, answer.content.decode()


# From the form to the table -------------------------------------------------------------------------------------------


def test_a_person_is_followed_from_the_form_to_the_table(counsellor, programme):
    person = registered(counsellor, **FORM, programme="fra")
    (entry,) = entries()
    assert SOURCE.fullmatch(entry["source"])
    assert fields(entry) == {
        "kind": "enrolled", "person": person, "programme": "fra",
        "nationality": "ERI", "sex": 2, "birth_date": "1991-05",
    }  # fmt: skip
    departed(person)
    assert table("month", "nationality", "sex", "age") == [("2026-09", "ERI", "2", "Y35-64", 1)]
    assert differences() == (3, [])
    departed(str(uuid4()))
    assert ("2026-09", "UNK", "0", "UNK", 1) in table("month", "nationality", "sex", "age"), "control: nobody's facts"


SAID = {
    "Stateless": "XXA", "not known": "UNK", "Prefer not to say": "UNK", "": "UNK", "Kosovo": "XKX", "afg": "AFG",
    "Afganistán": "AFG", "Préfère ne pas le dire": "UNK",
}  # fmt: skip


@pytest.mark.parametrize(("said", "code"), SAID.items())
def test_a_nationality_is_written_as_its_code(counsellor, programme, said, code):
    registered(counsellor, **FORM | {"nationality": said})
    assert [one["nationality"] for one in entries()] == [code]


@pytest.mark.parametrize(
    ("said", "digit"), {"female": 2, "male": 1, "other": 9, "not_known": 0, "prefer_not_to_say": 0, "": 0}.items()
)
def test_a_sex_is_written_as_its_digit(counsellor, programme, said, digit):
    registered(counsellor, **FORM | {"sex": said})
    assert [one["sex"] for one in entries()] == [digit]


def test_what_is_not_known_and_what_is_not_said_stay_apart_in_the_file(counsellor, programme):
    for said in ("Not known", "Prefer not to say"):
        code = said.lower().replace(" ", "_")
        person = UUID(registered(counsellor, **FORM | {"nationality": said, "sex": code, "name": f"Nur {said}"}))
        with counsellor.looks(person, "birth") as opened:
            assert opened.groups["birth"][-2:] == (code, code)


def test_only_a_name_is_asked_for(counsellor, programme):
    person = registered(counsellor, name="Nur")
    assert [fields(one) for one in entries()] == [
        {"kind": "enrolled", "person": person, "programme": "fra", "nationality": "UNK", "sex": 0, "birth_date": None}
    ]


@pytest.mark.parametrize("wrong", [{"nationality": "Eritraea"}, {"sex": "F"}, {"programme": "bbb"}, {"programme": ""}])
def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_written(vault, counsellor, programme, wrong):
    answer = browser(counsellor).post("/files/new", FORM | wrong)
    (field,) = wrong
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.content.decode()
    assert (files(vault), entries()) == (0, [])
    registered(counsellor, **FORM)
    assert (files(vault), len(entries())) == (1, 1), "control"


def test_nothing_of_an_identity_is_in_the_ledger(counsellor, programme):
    person = registered(counsellor, **FORM, phone="+33 1 23 45 67 89", document_name="HAILE, RAHEL T.")
    correcting(counsellor, person, nationality="Ethiopia", **{"told.month": "6"})
    text = orjson.dumps(entries()).decode().lower()
    assert not re.search(r"rahel|haile|91-05-20|91-06-20|23 45 67", text)
    assert re.search(r"1991-05.*1991-06", text), "control: what the ledger has is looked through"


# The programme --------------------------------------------------------------------------------------------------------


def options(colleague):
    page = browser(colleague).get("/files/new").content.decode()
    found = re.search(r'<select[^>]*id="programme".*?</select>', page, re.DOTALL)
    return re.findall(r'<option value="(\w*)"( selected)?>', found[0]) if found else None


def test_the_office_s_programme_stands_first_and_is_chosen(counsellor, programme):
    assert options(counsellor) == [("fra", " selected"), ("aaa", "")]
    registered(counsellor, **FORM)
    registered(counsellor, **FORM, programme="aaa", do="someone_else")
    assert [one["programme"] for one in entries()] == ["fra", "aaa"]


def test_an_office_without_a_programme_chooses_one(counsellor, programme):
    lyon = Colleague("lyon", "counsellor")
    assert [key for key, _ in options(lyon)] == ["", "aaa", "fra"]
    assert browser(lyon).post("/files/new", FORM).status_code == 422
    registered(lyon, **FORM, programme="aaa")
    assert [one["programme"] for one in entries()] == ["aaa"]


def test_where_there_is_no_programme_people_are_registered_and_the_ledger_learns_nothing(vault, counsellor):
    assert options(counsellor) is None
    person = registered(counsellor, **FORM)
    correcting(counsellor, person, sex="other")
    assert (files(vault), entries()) == (1, [])


def work_on(colleague, person, purpose="case_work"):
    """Take up work on a file; return the address of its page."""
    return browser(colleague).post(f"/files/{person}/work", {"purpose": purpose}).headers["Location"]


def test_somebody_who_was_registered_before_there_was_a_programme_is_enrolled_from_the_file(counsellor):
    person = registered(counsellor, **FORM)
    client, page = browser(counsellor), work_on(counsellor, person)
    form = 'action="' + page + '/programme"'
    assert form not in client.get(page).content.decode(), "there is nothing to choose"
    departures.add_programme("fra", "Return fra", "FRA", "Europe/Paris")
    correcting(counsellor, person, nationality="Ethiopia")
    assert entries() == []
    departed(person)
    assert table("nationality", "sex") == [("UNK", "0", 1)]
    assert form in client.get(page).content.decode()
    for chosen in ("", "bbb"):
        assert client.post(f"{page}/programme", {"programme": chosen}).headers["Location"] == page
    assert ledger.head() == 2
    assert client.post(f"{page}/programme", {"programme": "fra"}).status_code == 302
    assert fields(entries()[-1]) == {
        "kind": "enrolled", "person": person, "programme": "fra",
        "nationality": "ETH", "sex": 2, "birth_date": "1991-05",
    }  # fmt: skip
    assert table("nationality", "sex") == [("ETH", "2", 1)]
    client.post(f"{page}/programme", {"programme": "fra"})
    assert ledger.head() == 3, "once"
    assert form not in client.get(page).content.decode()


def test_who_may_not_register_people_enrols_nobody(counsellor):
    person = registered(counsellor, **FORM)
    departures.add_programme("fra", "Return fra", "FRA", "Europe/Paris")
    officer = Colleague("paris", "travel_officer")
    page = work_on(officer, person, "travel_booking")
    assert browser(officer).post(f"{page}/programme", {"programme": "fra"}).status_code == 404
    review = work_on(counsellor, person, "duplicate_review")
    assert browser(counsellor).post(f"{review}/programme", {"programme": "fra"}).status_code == 404
    lyon = Colleague("lyon", "counsellor")
    page = work_on(counsellor, person)
    assert browser(lyon).post(f"{page}/programme", {"programme": "fra"}).status_code == 404, "another's task"
    assert entries() == []
    assert browser(counsellor).post(f"{page}/programme", {"programme": "fra"}).status_code == 302, "control"
    assert len(entries()) == 1


# Correcting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ({"nationality": "Ethiopia"}, {"nationality": "ETH"}),
        ({"sex": "prefer_not_to_say"}, {"sex": 0}),
        ({"told.month": "6", "sex": "male"}, {"birth_date": "1991-06", "sex": 1}),
        ({"told.day": "21"}, None),
        ({"nationality": "Stateless", "place": "Keren"}, {"nationality": "XXA"}),
        ({"place": "Keren"}, None),
        ({"told.year": "", "told.month": "", "told.day": ""}, {"birth_date": None}),
    ],
)
def test_a_correction_tells_what_is_otherwise_and_nothing_else(counsellor, programme, given, facts):
    person = registered(counsellor, **FORM)
    correcting(counsellor, person, **given)
    told = [] if facts is None else [{"kind": "facts_corrected", "person": person, "facts": facts}]
    assert [fields(one) for one in entries()[1:]] == told


def test_a_correction_moves_the_cell_and_leaves_the_older_table(counsellor, programme):
    person = registered(counsellor, **FORM)
    departed(person)
    correcting(counsellor, person, nationality="Ethiopia", sex="other")
    assert table("nationality", "sex") == [("ETH", "9", 1)]
    assert table("nationality", "sex", as_of=3) == [("ERI", "2", 1)]
    assert differences() == (4, [])


def test_what_comes_from_outside_does_not_make_a_correction(counsellor, programme):
    """A correction of the file is told by what the file said before, whoever else has told something meanwhile."""
    person = registered(counsellor, **FORM)
    facts = {"kind": "facts_corrected", "person": person, "facts": {"sex": 1}, "source": "office"}
    record([{**facts, "entry_id": str(uuid4()), "occurred_at": "2026-01-01T00:00:00Z"}])
    correcting(counsellor, person, nationality="Ethiopia")
    assert entries()[-1]["facts"] == {"nationality": "ETH"}


# Erasing --------------------------------------------------------------------------------------------------------------


def test_erasing_appends_nothing_and_the_receipt_says_what_stays(counsellor, programme):
    person = UUID(registered(counsellor, **FORM))
    departed(str(person))
    before, counted = ledger.head(), table("nationality", "sex", "age")
    supervisor = Colleague("paris", "supervisor")
    request = erased(person, by=supervisor, asker=counsellor)
    assert ledger.head() == before
    assert table("nationality", "sex", "age") == counted == [("ERI", "2", "Y35-64", 1)]
    page = browser(supervisor).get(f"/files/erasure/{request.id}").content.decode()
    assert "Coded facts in the ledger: programme, nationality, sex, month of birth and departures" in page
    assert "the erasure adds nothing to them" in page


# One transaction ------------------------------------------------------------------------------------------------------


def test_what_the_ledger_refuses_leaves_no_file(vault, counsellor, programme):
    with pytest.raises(Refused, match="programme"), counsellor.acting():
        people.enrol(file_data("Nur"), at=NOW, programme="bbb")
    assert (files(vault), entries()) == (0, [])


def test_what_the_vault_refuses_leaves_no_entry(vault, counsellor, programme):
    for role in sorted({*ROLES} - {"counsellor", "supervisor"}):
        with pytest.raises(Forbidden), Colleague("paris", role).acting():
            people.enrol(file_data("Nur"), at=NOW, programme="fra")
    assert (files(vault), entries()) == (0, [])


def test_one_form_sent_twice_enrols_once(vault, counsellor, programme):
    def send(_):
        try:
            return registered(counsellor, **FORM, once="the same", do="someone_else")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        assert len({*threads.map(send, range(4))}) == 1
    assert (files(vault), len(entries())) == (1, 1)


KILLED = """
import sys
from wayfare.site import runtime
runtime.set_up_django()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from wayfare.access.operations import acting
from wayfare.ledger import operations as ledger
from wayfare.people import operations
from wayfare.people.tests.cast import NOW, file_data
def stop(where):
    print(where, flush=True)
    sys.stdin.readline()
append = ledger.append
def between(entries, **more):
    if sys.argv[3] == "between":
        stop("between")
    found = append(entries, **more)
    if sys.argv[3] == "before the commit":
        stop("before the commit")
    return found
ledger.append = between
with acting(sys.argv[2]):
    operations.enrol(file_data("Nur"), at=NOW, programme="fra")
stop("after the commit")
"""


@pytest.mark.parametrize(
    ("where", "there"), [("between", 0), ("before the commit", 0), ("after the commit", 1)]
)  # the last is the control
def test_a_process_that_is_killed_leaves_both_or_neither(vault, counsellor, programme, where, there):
    environment = {"WAYFARE_HOME": django_settings.WAYFARE_HOME, "WAYFARE_PEOPLE_KEYS": django_settings.PEOPLE_KEYS}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, connection.settings_dict["NAME"], counsellor.secret, where],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == where
        process.send_signal(signal.SIGKILL)
    assert (files(vault), len(entries())) == (there, there)
    registered(counsellor, **FORM)
    assert (files(vault), len(entries())) == (there + 1, there + 1), "and the next goes in"


def test_a_correction_that_the_ledger_refuses_changes_no_file(counsellor, programme, monkeypatch):
    person = UUID(registered(counsellor, **FORM))

    def full(*_, **__):
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "append_all", full)
        correcting(counsellor, str(person), status=503, sex="other")
    with counsellor.looks(person, "birth") as opened:
        assert opened.groups["birth"].sex == "female"
    assert len(entries()) == 1
    correcting(counsellor, str(person), sex="other")
    assert len(entries()) == 2, "control"


def test_registering_correcting_and_posting_at_once_wait_for_each_other_in_one_order(counsellor, programme):
    """Each takes the ledger's lock before the others: taken the other way round, two would wait for each other."""
    known = [counsellor.enrols(f"Nur {letter}").person for letter in "ABCD"]

    def work(n):
        try:
            for turn in range(4):
                if n % 3 == 0:
                    registered(counsellor, **FORM | {"name": f"Omar {'abcdefghijkl'[n]}{turn}"}, do="someone_else")
                elif n % 3 == 1:
                    task = counsellor.task(known[n // 3])
                    with counsellor.acting():
                        version = people.opened(task, ["names"]).versions["names"]
                    with counsellor.acting():
                        names = file_data(f"Nur {'abcdefghijkl'[n]}{turn}")["names"]
                        people.correct(task, "names", names, version=version, at=NOW)
                else:
                    departed(str(uuid4()))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(9) as threads:
        list(threads.map(work, range(9)))
    assert differences() == (12 + 24, [])


def test_who_writes_both_holds_the_ledger_s_lock_before_the_record_s(vault, counsellor, programme):
    """Waiting for the ledger, a registration and a correction hold nothing for which somebody else could wait."""
    person = counsellor.enrols("Nur").person
    task = counsellor.task(person)

    def register():
        with counsellor.acting():
            people.enrol(file_data("Omar"), at=NOW, programme="fra")

    def correct():
        with counsellor.acting():
            people.correct(task, "birth", {"sex": "male"}, version=1, at=NOW)

    for verb in (register, correct):
        with psycopg.connect(vault("wayfare_app")) as other, psycopg.connect(vault("wayfare_owner")) as owner:
            other.execute("select pg_advisory_xact_lock(%s)", [appending.LOCK])
            with ThreadPoolExecutor(1) as thread:
                running = thread.submit(lambda verb=verb: (verb(), connections.close_all()))
                while not owner.execute(_WAITS).fetchone()[0]:
                    owner.rollback()
                held = owner.execute(_HELD).fetchall()
                other.rollback()
                running.result(60)
            assert held == [], verb.__name__


_WAITS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
_HELD = """select l.relation::regclass::text, l.mode from pg_locks l
where l.pid in (select pid from pg_locks where locktype = 'advisory' and not granted) and l.granted
  and (l.locktype = 'advisory' or l.relation = 'access_gate'::regclass)"""
