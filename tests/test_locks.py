"""One session that holds a lock stops neither reading nor the others for longer than the limits say."""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from tests.load import command, prepare
from tests.test_api_race import ask, batch
from tests.test_doors import address
from wayfare.access import gate
from wayfare.common import trouble
from wayfare.common.postgres import sql
from wayfare.departures import operations as departures
from wayfare.ledger import operations, registry
from wayfare.ledger.entries import operations as intake
from wayfare.people.tests.cast import Colleague
from wayfare.site import asgi
from wayfare.site.postgresql import session
from wayfare.site.tests.test_up import Installation
from wayfare.site.urls import PAGES

ENTRIES = "/api/v1/ledger/entries"
HOLD = f"select pg_advisory_xact_lock({operations.LOCK})"
FORMERLY = "select pg_advisory_xact_lock(1464156239)"
"""What writers of the access record waited for, and any session of the application's role could take."""


@pytest.fixture
def impatient():
    """Limits of a tenth of a second for this test's connection."""
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '100ms'")
    yield
    connection.close()


@pytest.fixture
def held(fresh_database):
    """Gives a function that takes locks in another session of the application's role, until the test ends."""
    links = []

    def hold(*statements):
        links.append(psycopg.connect(fresh_database("wayfare_app")))
        for statement in statements:
            links[-1].execute(statement)
        return links[-1]

    yield hold
    for link in links:
        link.close()


def test_connections_have_the_limits_of_what_they_serve(fresh_database):
    def found():
        with connection.cursor() as cursor:
            cursor.execute("select name, setting from pg_settings where name = any(%s)", [list(session.LIMITS)])
            return dict(cursor.fetchall())

    assert found() == {
        "lock_timeout": "600000", "statement_timeout": "0", "idle_in_transaction_session_timeout": "600000",
    }  # fmt: skip
    with psycopg.connect(fresh_database("wayfare_app")) as link:
        bare = dict(link.execute("select name, setting from pg_settings where name = any(%s)", [list(session.LIMITS)]))
    assert bare == {
        "lock_timeout": "5000",
        "statement_timeout": "60000",
        "idle_in_transaction_session_timeout": "60000",
    }
    with psycopg.connect(fresh_database("wayfare_owner")) as link:
        assert link.execute("show lock_timeout").fetchone()[0] == "0", "control: who migrates has none"


def test_an_append_that_waits_in_vain_is_refused_by_name_and_leaves_nothing(fresh_database, held, impatient):
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    link = held(HOLD)
    with pytest.raises(OperationalError) as refused:
        intake.record(batch(1))
    assert trouble.code_of(refused.value) == "busy"
    link.rollback()
    assert intake.record(batch(1))[0].status == "accepted", "control: without the lock it is taken"


def test_writers_that_share_a_commit_are_refused_together(fresh_database, held, monkeypatch):
    """They do not wait one after the other."""
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    held(HOLD)
    requests = [operations._Request([]) for _ in range(20)]
    tried = []

    def busy(entries):
        tried.append(entries)
        raise OperationalError from psycopg.errors.LockNotAvailable()

    monkeypatch.setattr(operations, "append", busy)
    operations._serve(requests)
    assert len(tried) == 1
    assert {trouble.code_of(request.error) for request in requests} == {"busy"}


def test_the_applications_role_cannot_take_the_lock_of_the_access_record(fresh_database, held, impatient):
    paris = Colleague("paris", "counsellor")
    for mode in ("access share", "row exclusive", "exclusive"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            held(f"lock table access_gate in {mode} mode")
    held(FORMERLY)
    assert paris.enrols("Maryam Karimi"), "the lock that anybody could take stops nobody any more"
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:
        owner.execute("lock table access_gate in exclusive mode")
        with pytest.raises(OperationalError) as refused:
            paris.enrols("Helena Kovalenko")
    assert trouble.code_of(refused.value) == "busy", "control: its own lock does"


def test_who_holds_the_gate_of_the_access_record_for_too_long_is_ended(fresh_database, held, impatient):
    """The application's role lifts its own limits, looks, and never commits. Others of its sessions go on."""
    paris = Colleague("paris", "counsellor")
    task, watch = paris.task(paris.enrols("Maryam Karimi").person), gate.Watch(30)
    bystander = held("select 1")
    thief = held(
        "set statement_timeout = 0",
        "set idle_in_transaction_session_timeout = 0",
        f"select set_config('app.session', '{paris.secret}', true)",
        f"select access_look('{task}', '{{names}}', 'page')",
    )
    with pytest.raises(OperationalError) as refused:
        paris.enrols("Helena Kovalenko")
    assert trouble.code_of(refused.value) == "busy", "control: it stops others"
    assert watch.look(100) == watch.look(129) == [], "not at once"
    assert watch.look(130) == [thief.info.backend_pid]
    with pytest.raises(psycopg.OperationalError):
        thief.execute("select 1")
    bystander.execute("select 1")
    connection.close()
    assert paris.enrols("Helena Kovalenko")
    assert watch.look(200) == []
    assert gate.watch in registry.beside_the_logs, "it runs in the process of the logs"


def test_the_gate_is_counted_anew_for_each_transaction(fresh_database, held):
    paris = Colleague("paris", "counsellor")
    person, watch = paris.enrols("Maryam Karimi").person, gate.Watch(30)
    link = held()
    for now in (100, 120, 140):
        link.execute("select set_config('app.session', %s, true)", [paris.secret])
        link.execute("select access_look(%s, '{names}', 'page')", [paris.task(person)])
        assert watch.look(now) == []
        link.commit()
    link.execute("select 1")


def test_no_function_takes_the_lock_that_anybody_could():
    texts = [file.read_text() for file in sql.files()]
    assert not [text for text in texts if "1464156239" in text]
    assert sum(text.count("lock table access_gate in exclusive mode") for text in texts) >= 3


@pytest.mark.parametrize(
    ("problem", "code"),
    [(psycopg.errors.LockNotAvailable(), "busy"), (psycopg.errors.QueryCanceled(), "busy"),
     (psycopg.errors.DiskFull(), "storage_full"), (OSError(28, "full"), "storage_full"),
     (psycopg.OperationalError(), "unavailable"), (ValueError(), None), (OSError(13, "no"), None)],
)  # fmt: skip
def test_each_trouble_has_a_name_and_a_page(db, monkeypatch, settings, problem, code):
    assert trouble.code_of(problem) == code
    if code is None:
        return

    def fail(*_, **__):
        raise problem

    settings.DEMO = True  # where everybody reads the page
    monkeypatch.setattr("wayfare.departures.live.cells", fail)
    words = {"busy": "Try again in a moment", "storage_full": "reading goes on", "unavailable": "Back in a moment"}
    page = Client(raise_request_exception=False).get("/departures/", headers={"host": "localhost"})
    assert (page.status_code, words[code] in page.content.decode()) == (503, True)
    assert page.headers["Retry-After"]


def test_public_pages_staff_and_writers_have_threads_of_their_own():
    kinds = [asgi.threads_for(*one) for one in (("GET", "/"), ("GET", "/staff/looks"), ("POST", ENTRIES))]
    assert len(set(map(id, kinds))) == 3
    assert asgi.threads_for("GET", "/api/v1/health") is kinds[0]
    assert asgi.threads_for("POST", "/staff/sign-in") is kinds[1]
    assert asgi.threads_for("GET", reverse("file-work", args=[uuid4()])) is kinds[1], "which writes a look"
    assert asgi.threads_for("POST", reverse("files")) is kinds[1], "which writes a search"
    pool = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    assert sum(one._max_workers for one in (*kinds, asgi.LIVE_THREADS)) < pool


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.route or "front")
def test_the_pages_of_staff_are_on_the_threads_of_staff_and_no_others(page):
    """Whatever their address: a room's pages are where its lines say who may come in."""
    for_staff = page.roles is not None or page.route.startswith("staff/")
    assert (asgi.threads_for("GET", address(page.route)) is asgi.STAFF_THREADS) is for_staff


@pytest.mark.slow
def test_a_lock_that_is_held_stops_no_page_and_refuses_writers_in_time():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        installation = Installation(folder, WAYFARE_TOKEN_RATE="100000", WAYFARE_OPEN_RATE="100000")
        try:
            token = prepare(installation.environment)

            def post(_=0):
                began = time.monotonic()
                status, answer = ask(installation.port, token, "POST", ENTRIES, json.dumps(batch(1)))
                return status, json.loads(answer).get("code") if status != 200 else None, time.monotonic() - began

            assert post()[0] == 200, "control"
            with psycopg.connect(installation.home.conninfo()) as holder:
                holder.execute("set idle_in_transaction_session_timeout = 0")
                holder.execute(HOLD)
                holder.execute(FORMERLY)
                with ThreadPoolExecutor(40) as clients:
                    posts = [clients.submit(post) for _ in range(40)]
                    slowest = 0.0
                    until = time.monotonic() + 6
                    while time.monotonic() < until:
                        for path in ("/api/v1/health", "/log/", "/"):
                            began = time.monotonic()
                            assert ask(installation.port, token, "GET", path, accept="*/*")[0] == 200
                            slowest = max(slowest, time.monotonic() - began)
                    answers = [one.result(timeout=60) for one in posts]
            assert slowest < 2
            assert {(status, code) for status, code, _ in answers} == {(503, "busy")}
            assert min(seconds for *_, seconds in answers) < 8
            assert post()[0] == 200, "control: without the lock they are taken"
            assert command(installation.environment, "ledger", "verify")[0] == 0
        finally:
            installation.stop()
