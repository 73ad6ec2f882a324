"""Who reads exact and live figures: staff of the programme's office, tokens for it, everybody in a demo; nobody else.

Each kind of caller at each address that shows an exact figure. What may not be read answers as what is not there.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from django.conf import settings as configured
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests import test_live_page
from wayfare.access import operations as access
from wayfare.access import readers
from wayfare.access.api import address_limiter, token_limiter
from wayfare.access.purposes import FIGURE_READERS, ROLES
from wayfare.access.rules import EVERYTHING, NOTHING, SCOPES, Reader, reader
from wayfare.access.tests.cast import Colleague, browser
from wayfare.common.web.problems import Problem
from wayfare.departures import live, operations, public, queries
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.rules import Refused
from wayfare.site import asgi
from wayfare.statistics import queries as statistics

NOW = datetime.now(UTC)
OFFICES = ("paris", "lyon")


def leave(programme: str, at: datetime, number: int = 1) -> None:
    """Record departures that count, at an instant."""
    entries = []
    for _ in range(number):
        person, departure = str(uuid.uuid4()), str(uuid.uuid4())

        def entry(kind: str, when: datetime, **fields):
            given = {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": when.isoformat(), "source": "desk"}
            return given | fields

        told = {"person": person, "programme": programme}
        entries += [
            entry("enrolled", at - timedelta(days=30), **told, nationality="GEO", sex=1, birth_date=None),
            entry("departure_registered", at - timedelta(days=3), **told, departure=departure, destination="GEO",
                  assistance=[]),
            entry("departure_confirmed", at, departure=departure, evidence="pass_scanned"),
        ]  # fmt: skip
    assert {r.status for r in intake.record(entries)} == {"accepted"}


@pytest.fixture
def world(db):
    """Two offices with a programme each, a third programme that no office has, and one departure in each today."""
    token_limiter.cache_clear()
    address_limiter.cache_clear()
    for office in OFFICES:
        access.set_office(office, office.title(), "Europe/Paris", by=None)
        operations.add_programme(f"of-{office}", f"Return, {office.title()}", "FRA", "Europe/Paris")
        operations.set_programme_office(f"of-{office}", office)
    operations.add_programme("of-nobody", "Return, nobody's", "FRA", "Europe/Paris")
    for key in ("of-paris", "of-lyon", "of-nobody"):
        leave(key, NOW)


@pytest.fixture
def cast(world):
    return {(office, role): Colleague(office, role) for office in OFFICES for role in ROLES}


ADDRESSES = (
    "/departures/{}/",
    "/departures/{}/?month=2025-06",
    "/api/v1/programmes/{}/table",
    "/api/v1/programmes/{}/table?by=day&as_of=1",
)
STREAMS = ("/departures/{}/live", "/api/v1/programmes/{}/live")


def bare(answer, key):
    """Return what an answer says, without the key that was asked for and what is new in each."""
    text = re.sub(r'value="[A-Za-z0-9]{64}"', "", answer.content.decode()).replace(key, "")
    location = answer.headers.get("Location", "").replace(key, "")
    return answer.status_code, location, text, answer.headers.get("Vary"), answer.headers.get("Cache-Control")


def stream(path, **headers):
    """Open a stream as granian would hand it on; return its status, headers, and body until its first event."""
    sent: list[dict] = []

    async def work():
        begun = asyncio.Event()

        async def receive():
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if b"data:" in message.get("body", b""):
                begun.set()

        scope = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "client": ("192.0.2.1", 1),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        await asgi.application(scope, receive, send)
        if asgi.hub is not None and asgi.hub.listening is not None:  # a server drops no database that one connects to
            async with asgi.hub.news:
                await asyncio.wait_for(asgi.hub.news.wait_for(lambda: asgi.hub.count > 0), 20)
            asgi.hub.listening.cancel()
            await asyncio.wait({asgi.hub.listening})

    asgi.hub = None
    asyncio.run(work())
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), body


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_role_of_each_office_reads_its_own_programme_or_as_if_there_were_none(cast, address):
    for (office, role), colleague in cast.items():
        client = browser(colleague, raise_request_exception=False)
        absent = bare(client.get(address.format("of-rome")), "of-rome")
        assert absent[0] == 404
        for key in ("of-paris", "of-lyon", "of-nobody"):
            answer = client.get(address.format(key))
            if role in FIGURE_READERS and key == f"of-{office}":
                assert answer.status_code == 200, (office, role, key)
                assert answer.headers["Cache-Control"] == "no-store"
                assert "Cookie" in answer.headers["Vary"]
            else:
                assert bare(answer, key) == absent, (office, role, key)


@pytest.mark.parametrize("address", ADDRESSES)
def test_whoever_is_not_signed_in_learns_nothing_of_any_programme(world, address):
    client = Client(HTTP_HOST="localhost", raise_request_exception=False)
    answers = {key: bare(client.get(address.format(key)), key) for key in ("of-paris", "of-nobody", "of-rome")}
    assert len(set(answers.values())) == 1
    status, location, *_ = answers["of-paris"]
    assert (status, location) in ((401, ""), (302, f"/staff/sign-in?next={address.format('').replace('/', '%2F')}"
                                                   .replace("?month=", "%3Fmonth%3D"))) or status == 302  # fmt: skip


@pytest.mark.parametrize("scope", SCOPES)
def test_of_tokens_only_those_for_exact_figures_read_a_table(world, scope):
    _, secret = access.issue_token(source="desk", scopes=(scope,), at=NOW)
    client = Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}")
    answers = [client.get(f"/api/v1/programmes/{key}/table") for key in ("of-nobody", "of-rome")]
    wanted = [200, 404] if scope == "statistics:exact" else [403, 403]
    assert [one.status_code for one in answers] == wanted
    assert client.get("/departures/of-paris/").status_code == 302, "a token opens no page"


def test_the_sum_over_all_is_that_of_the_office_alone(cast):
    found = live.cells(live.EVERYTHING, NOW, reader=Reader(office="paris"))
    assert (found.today, found.findings) == (1, {})
    assert live.cells(live.EVERYTHING, NOW, reader=EVERYTHING).today == 3
    assert live.cells(live.EVERYTHING, NOW, reader=NOTHING).today == 0
    assert statistics.table(reader=Reader(office="paris")).rows == [(1,)]
    assert statistics.table(reader=NOTHING).rows == []
    text = browser(cast["paris", "statistician"]).get("/departures/").content.decode()
    assert "All programmes of your office" in text
    assert "Return, Lyon" not in text


def test_a_statistician_whose_office_has_no_programme_is_led_to_no_figures(cast):
    access.set_office("nice", "Nice", "Europe/Paris", by=None)
    alone = browser(Colleague("nice", "statistician"))
    for address in ("/", "/staff/me"):
        assert 'href="/departures/"' not in alone.get(address).content.decode(), address
        assert 'href="/departures/"' in browser(cast["paris", "statistician"]).get(address).content.decode(), "control"


def test_what_waits_and_names_no_programme_is_told_to_nobody_of_one_office(world):
    scan = {"entry_id": str(uuid.uuid4()), "kind": "departure_confirmed", "occurred_at": NOW.isoformat(),
            "source": "desk", "departure": str(uuid.uuid4()), "evidence": "pass_scanned"}  # fmt: skip
    intake.record([scan])
    assert live.cells(live.EVERYTHING, NOW, reader=EVERYTHING).findings == {"waits_for_registration": 1}
    assert live.cells(live.EVERYTHING, NOW, reader=Reader(office="paris")).findings == {}


def test_a_query_that_is_given_no_reader_is_no_query():
    """The control of all above: nothing reads figures without saying for whom."""
    for call in (lambda: live.cells("of-paris"), lambda: live.overview(NOW), lambda: statistics.table()):
        with pytest.raises(TypeError, match="reader"):
            call()


def test_without_the_queries_own_decision_the_attack_succeeds(cast, monkeypatch):
    """The control: were readers not asked for, a counsellor of another office would see the programme."""
    client = browser(cast["lyon", "supervisor"], raise_request_exception=False)
    assert client.get("/departures/of-paris/").status_code == 404
    monkeypatch.setattr(queries, "readable", lambda reader: queries.programmes_and_ids())
    assert client.get("/departures/of-paris/").status_code == 200


def test_another_site_s_page_asks_for_no_table_with_somebody_s_session(cast):
    client = browser(cast["paris", "statistician"])
    address = "/api/v1/programmes/of-paris/table"
    assert client.get(address, headers={"sec-fetch-site": "cross-site"}).status_code == 401
    assert client.get(address, headers={"sec-fetch-site": "same-origin"}).status_code == 200


# The stream


@pytest.fixture
def streaming(fresh_database):
    token_limiter.cache_clear()
    address_limiter.cache_clear()
    for office in OFFICES:
        access.set_office(office, office.title(), "Europe/Paris", by=None)
        operations.add_programme(f"of-{office}", "Return", "FRA", "Europe/Paris")
        operations.set_programme_office(f"of-{office}", office)
    return {role: Colleague("paris", role) for role in ("statistician", "counsellor")}


def cookie(colleague):
    return f"{configured.SESSION_COOKIE_NAME}={colleague.secret}"


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_is_opened_as_a_page_or_a_table_is(streaming, path):
    api = path.startswith("/api/")
    paris, lyon, rome = (path.format(key) for key in ("of-paris", "of-lyon", "of-rome"))
    status, headers, body = stream(paris, cookie=cookie(streaming["statistician"]))
    assert (status, headers[b"cache-control"], headers[b"vary"]) == (200, b"no-store", b"Authorization, Cookie")
    assert b"data:" in body
    for caller, wanted in ((streaming["statistician"], 404), (streaming["counsellor"], 404)):
        hidden, absent = (stream(where, cookie=cookie(caller)) for where in (lyon, rome))
        assert hidden == absent
        assert hidden[0] == wanted
    strangers = [stream(where) for where in (paris, rome)]
    assert strangers[0] == strangers[1]
    assert strangers[0][0] == (401 if api else 404)
    assert json.loads(strangers[0][2])["code"] == ("token_missing" if api else "not_found")


def test_a_token_opens_the_stream_of_the_api_and_no_page_s(streaming):
    secrets = {s: access.issue_token(source="desk", scopes=(s,), at=datetime.now(UTC))[1] for s in SCOPES}
    for scope, secret in secrets.items():
        status, _headers, _ = stream(STREAMS[1].format("of-paris"), authorization=f"Bearer {secret}")
        assert status == (200 if scope == "statistics:exact" else 403), scope
        assert stream(STREAMS[0].format("of-paris"), authorization=f"Bearer {secret}")[0] == 404
    _, headers, body = stream(STREAMS[1].format("of-rome"), authorization=f"Bearer {secrets['statistics:exact']}")
    known = Problem("not_found", "Nothing is here, or nothing for this token.").response()
    assert (headers[b"content-type"], body) == (known.headers["Content-Type"].encode(), known.content)
    assert stream(STREAMS[1].format("of-paris"), authorization="Bearer x")[0] == 401


def test_a_stream_ends_with_the_session_that_it_was_opened_by(streaming, monkeypatch):
    """Without asking again it would go on: with a longer time between questions it does."""
    monkeypatch.setattr(asgi, "HEARTBEAT_SECONDS", 0.1)
    secret = streaming["statistician"].secret

    def lasts(ask_again: float, end: bool) -> float:
        monkeypatch.setattr(asgi, "ASK_AGAIN_SECONDS", ask_again)

        async def work():
            gone, sent = asyncio.Event(), asyncio.Event()

            async def receive():
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message):
                if b"data:" in message.get("body", b""):
                    sent.set()

            scope = {"type": "http", "method": "GET", "path": STREAMS[0].format("of-paris"), "query_string": b"",
                     "client": ("192.0.2.1", 1), "headers": [(b"cookie", cookie(streaming["statistician"]).encode())]}  # fmt: skip
            running = asyncio.create_task(asgi.application(scope, receive, send))
            await asyncio.wait_for(sent.wait(), 20)
            if end:
                await asyncio.get_running_loop().run_in_executor(None, end_session)
            begun = time.monotonic()
            await asyncio.wait({running}, timeout=3)
            lasted = time.monotonic() - begun
            gone.set()
            await running
            return lasted

        asgi.hub = None
        return asyncio.run(work())

    def end_session():
        from django.db import connection

        access.end_session(secret, at=datetime.now(UTC))
        connection.close()

    assert lasts(0.2, end=False) >= 3
    assert lasts(60, end=True) >= 3, "the control"
    streaming["statistician"] = Colleague("paris", "statistician")
    secret = streaming["statistician"].secret
    assert lasts(0.2, end=True) < 3


# A demo, and no other home


def test_a_demo_is_open_to_everybody_and_says_that_its_people_are_invented(world, settings):
    client = Client(HTTP_HOST="localhost")
    settings.DEMO = True
    for address in ("/", "/departures/", "/departures/of-nobody/"):
        text = client.get(address).content.decode()
        assert "invented people" in text, address
    for address in ("/api/", "/staff/sign-in", "/nothing"):
        assert 'href="/departures/"' in client.get(address).content.decode(), address
    assert client.get("/api/v1/programmes/of-nobody/table").json()["rows"] == [{"departures": 1}]
    settings.DEMO = False
    assert "invented" not in client.get("/").content.decode()
    assert 'href="/departures/"' not in client.get("/api/").content.decode()


def test_a_home_of_real_people_is_no_demo_whatever_is_set(tmp_path, monkeypatch):
    from wayfare.site import settings
    from wayfare.site.demo import command

    monkeypatch.setenv("WAYFARE_DEMO", "yes")
    with pytest.raises(settings.SettingError, match="WAYFARE_DEMO"):
        settings._demo(tmp_path)
    (tmp_path / "keys").mkdir()
    with pytest.raises(command.click.UsageError, match="is not a home of `wayfare demo`"):
        command.make_home(tmp_path)
    command.make_home(tmp_path / "new")
    assert settings._demo(tmp_path / "new")
    monkeypatch.setenv("WAYFARE_DEMO", "no")
    assert not settings._demo(tmp_path / "new")


@pytest.mark.django_db(databases=["default", "owner"])
def test_up_never_answers_as_a_demo(monkeypatch):
    """Also in a home that `wayfare demo` made: who puts people into it starts it by `up`."""
    from click.testing import CliRunner

    from wayfare.site import up

    monkeypatch.setenv("WAYFARE_DEMO", "yes")
    handed: list[str] = []
    monkeypatch.setattr(up, "free", lambda *_: None)
    monkeypatch.setattr(up, "_master_keys_can_be_used", lambda: None)
    monkeypatch.setattr(up, "supervise", lambda *_: handed.append(up.os.environ["WAYFARE_DEMO"]))
    assert CliRunner().invoke(up.up, ["--port", "8999"]).exit_code == 0
    assert handed == ["no"]


# What everybody may read


@given(st.integers(0, 10**9))
def test_a_public_figure_is_the_nearest_five_or_none_below_ten(exact):
    shown = public.rounded(exact)
    assert (shown is None) == (exact < 10)
    if shown is not None:
        assert shown % 5 == 0
        assert abs(shown - exact) <= 2


@given(st.dates(date(2001, 1, 1), date(2999, 12, 31)))
def test_a_closed_period_has_ended_and_waited_and_month_and_year_share_no_departure(today):
    month, year = public.closed_month(today), public.closed_year(today)
    after = live.month_before(month, -1)
    assert after + timedelta(days=7) <= today
    assert live.month_before(after, -1) + timedelta(days=7) > today, "the last one"
    assert date(year.year + 1, 4, 1) <= today < date(year.year + 2, 4, 1)
    assert month.year > year.year


def test_the_front_page_shows_closed_periods_rounded_and_nothing_exact(world):
    month, year = public.closed_month(NOW.date()), public.closed_year(NOW.date())
    noon = datetime(month.year, month.month, 14, 12, tzinfo=UTC)
    leave("of-paris", noon, 13)
    leave("of-lyon", noon, 9)
    leave("of-paris", datetime(year.year, 5, 14, 12, tzinfo=UTC), 37)
    lines = {line.programme.key: (line.month.figure, line.year.figure) for line in public.closed(NOW)}
    assert lines == {"of-paris": (15, 35), "of-lyon": (None, None), "of-nobody": (None, None)}
    answer = Client(HTTP_HOST="localhost").get("/")
    text = answer.content.decode()
    rows = {
        re.search("Return, [a-zA-Z']+", row.replace("&#x27;", "'"))[0]: re.findall(r'wf-num">\s*([^<]+?)<br', row)
        for row in text.split("<tr>")[2:]
    }
    few = "fewer than 10"
    assert rows == {"Return, Paris": ["15", "35"], "Return, Lyon": [few, few], "Return, nobody's": [few, few]}
    assert "rounded to the nearest 5" in text
    assert "nor whether it is zero" in text
    assert "entry" not in re.sub("<[^>]*>", "", text), "the ledger's position moves with each departure"
    assert "/departures/of-paris" not in text
    assert {"Cookie", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))
    assert answer.headers["Cache-Control"].startswith("private")


def test_the_front_page_stands_still_while_people_leave(world):
    client = Client(HTTP_HOST="localhost")
    before = client.get("/").content
    leave("of-paris", NOW, 20)
    assert client.get("/").content == before


def test_a_closed_month_is_that_of_the_programme_s_zone(db):
    operations.add_programme("syd", "Return, Sydney", "AUS", "Australia/Sydney")
    operations.add_programme("hnl", "Return, Honolulu", "USA", "Pacific/Honolulu")
    at = datetime(2026, 3, 7, 18, tzinfo=UTC)  # 8 March in Sydney, 7 March in Honolulu
    assert {line.programme.key: line.month.first.month for line in public.closed(at)} == {"syd": 2, "hnl": 1}


def test_staff_see_their_own_programmes_exactly_on_the_front_page_and_others_as_everybody(cast):
    text = browser(cast["paris", "auditor"]).get("/").content.decode()
    assert 'href="/departures/of-paris/"' in text
    assert 'href="/departures/of-lyon/"' not in text
    assert text.count("fewer than 10") == 6
    plain = browser(cast["paris", "counsellor"]).get("/").content.decode()
    assert "/departures/" not in plain.replace("/departures/choose", "")


@pytest.mark.parametrize(("who", "location"), [(None, "/?q=of-paris"), ("statistician", "/departures/of-paris/")])
def test_the_search_leads_to_a_page_only_whoever_may_read_it(cast, who, location):
    client = browser(cast["paris", who] if who else None)
    assert client.get("/departures/choose", {"programme": "of-paris"}).headers["Location"] == location


# A programme's office


def test_a_programme_names_its_office_and_another_later(world):
    operations.set_programme_office("of-nobody", "paris")
    assert list(queries.readable(Reader(office="paris"))[0]) == ["of-nobody", "of-paris"]
    operations.set_programme_office("of-nobody", "lyon")
    operations.set_programme_office("of-paris", None)
    assert queries.readable(Reader(office="paris")) == ({}, {})
    assert queries.offices() == {"of-lyon": "lyon", "of-nobody": "lyon"}
    for key, office, field in (("of-rome", "paris", "programme"), ("of-paris", "rome", "office")):
        with pytest.raises(Refused) as refusal:
            operations.set_programme_office(key, office)
        assert refusal.value.field == field


def test_a_reader_is_what_their_role_and_office_say(cast):
    for (office, role), colleague in cast.items():
        actor = readers.queries.actor(colleague.secret, at=datetime.now(UTC))
        assert reader(actor) == (Reader(office=office) if role in FIGURE_READERS else NOTHING)
    assert reader(None) == NOTHING
    assert queries.readable(NOTHING) == ({}, {})


def test_commands_name_the_office(world, tmp_path):
    from click.testing import CliRunner

    from wayfare.departures import cli

    run = CliRunner().invoke
    assert run(cli.office, ["of-nobody", "paris"]).exit_code == 0
    told = json.loads(run(cli.list_, ["--json"]).stdout)["programmes"]
    assert {one["key"]: one["office"] for one in told} == {"of-lyon": "lyon", "of-nobody": "paris", "of-paris": "paris"}
    assert run(cli.office, ["of-nobody", "-"]).exit_code == 0
    assert run(cli.office, ["of-nobody", "rome"]).exit_code == 2
    more = ["--key", "new", "--title", "New", "--country", "FRA", "--timezone", "Europe/Paris", "--office"]
    assert run(cli.add, [*more, "rome"]).exit_code == 2
    assert "new" not in queries.programmes(), "all of it or nothing"
    assert run(cli.add, [*more, "lyon"]).exit_code == 0
    file = tmp_path / "programmes.json"
    file.write_text(json.dumps([{"key": "b", "title": "B", "country": "FRA", "timezone": "Europe/Paris",
                                 "office": "lyon"}]))  # fmt: skip
    assert run(cli.import_, [str(file)]).exit_code == 0
    assert queries.offices()["b"] == queries.offices()["new"] == "lyon"


# In a browser


@pytest.fixture
def installation(fresh_database):
    """A real installation with two offices' programmes; gives its address and a statistician's session."""
    for office in OFFICES:
        access.set_office(office, office.title(), "Europe/Paris", by=None)
        operations.add_programme(f"of-{office}", f"Return, {office.title()}", "FRA", "Europe/Paris")
        operations.set_programme_office(f"of-{office}", office)
    month = public.closed_month(NOW.date())
    leave("of-paris", datetime(month.year, month.month, 14, 12, tzinfo=UTC), 13)
    leave("of-paris", NOW)
    secret = Colleague("paris", "statistician").secret
    with test_live_page.serving("no") as base:
        yield base, secret


@pytest.mark.browser
class TestInABrowser(test_live_page.TestInABrowser):
    """What the public and staff see, on a phone and a desk, in a script from either side."""

    test_numbers_move_by_themselves = test_first_load_is_light = test_axe_finds_nothing = None
    test_a_reload_is_enough_without_javascript = test_a_lost_connection_is_said_and_found_again = None
    test_a_connection_that_hangs_is_told_and_begun_anew = None
    test_the_keyboard_reaches_everything_and_keeps_its_place = None

    def test_axe_finds_nothing_and_nothing_overflows(self, installation, browser):
        from axe_playwright_python.sync_playwright import Axe

        base, secret = installation
        for language, scheme, width in product(("en", "ar"), ("light", "dark"), (390, 1280)):
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            page = context.new_page()
            page.goto(f"{base}/language?to={language}&back=/")
            for who in ("public", "staff"):
                if who == "staff":
                    context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": secret, "url": base}])
                pages = ["/", "/departures/", "/departures/of-paris/"]
                if who == "staff":
                    pages += ["/tables/", "/tables/?measure=persons&rows=destination&columns=sex&since=13"]
                for address in pages:
                    page.goto(f"{base}{address}")
                    found = Axe().run(page)
                    assert found.violations_count == 0, (who, language, width, address, found.generate_report())
                    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                    assert fits, (who, language, width, address)
                    if folder := os.environ.get("WAYFARE_TEST_PICTURES"):
                        name = f"{who}{re.sub('[^a-z]+', '-', address)}{language}-{width}-{scheme}.png"
                        page.screenshot(path=f"{folder}/{name}", full_page=True)
            context.close()

    def test_figures_move_for_staff_and_stand_still_when_they_have_signed_out(self, installation, browser):
        from playwright.sync_api import expect

        base, secret = installation
        context = browser.new_context()
        context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": secret, "url": base}])
        page = context.new_page()
        page.goto(f"{base}/departures/of-paris/")
        expect(page.locator('[data-link="open"]')).to_be_visible(timeout=15_000)
        context.clear_cookies()
        page.reload()
        assert "/staff/sign-in" in page.url
