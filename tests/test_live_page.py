"""The live page: what it says, in four languages, and that it moves by itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from django.db import connections
from django.test import Client

from wayfare.access.rules import EVERYTHING
from wayfare.common.tests.homes import of_the_sessions_database
from wayfare.departures import live, operations
from wayfare.ledger.entries import operations as intake
from wayfare.site import asgi
from wayfare.site.translations import LOCALE

NOW = datetime.now(UTC)


def depart(
    programme: str = "paris", evidence: str = "pass_scanned", destination: str = "GEO", now: datetime = NOW
) -> None:
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())

    def entry(kind: str, at: datetime, **fields):
        return {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": at.isoformat(), "source": "desk", **fields}

    results = intake.record(
        [
            entry(
                "enrolled",
                now - timedelta(days=9),
                person=person,
                programme=programme,
                nationality="GEO",
                sex=1,
                birth_date=None,
            ),
            entry(
                "departure_registered",
                now - timedelta(days=3),
                departure=departure,
                person=person,
                programme=programme,
                destination=destination,
                assistance=[],
            ),
            entry("departure_confirmed", now, departure=departure, evidence=evidence),
        ]
    )
    assert {r.status for r in results} == {"accepted"}


def depart_meanwhile(evidence: str = "pass_scanned") -> None:
    """Record a departure from another thread: Playwright runs an event loop in this one."""

    def work() -> None:
        depart(evidence=evidence)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@pytest.fixture
def programme(db, settings) -> None:
    """Programmes of a demo, in which everybody reads exact figures; `test_exact_figures.py` has who reads them else."""
    settings.DEMO = True
    operations.add_programme("paris", "Return, France", "FRA", "Europe/Paris")
    operations.add_programme("berlin", "Return, Germany", "DEU", "Europe/Berlin")


def test_cells_are_of_one_programme_or_of_all(programme):
    noon = NOW.replace(hour=12) - timedelta(days=1)  # the same day in Paris and in UTC
    depart(now=noon)
    depart(destination="TUN", evidence="carrier_flown", now=noon)
    depart(evidence="self_reported", now=noon)
    depart("berlin", now=noon)
    found = live.cells("paris", noon, reader=EVERYTHING)
    assert (found.today, found.month, found.year) == (2, 2, 2)
    assert found.by_destination == [("GEO", 1), ("TUN", 1)]
    assert found.by_evidence == [("pass_scanned", 1), ("carrier_flown", 1)]
    assert found.findings == {"word_only": 1}
    assert found.position == 12
    assert live.cells(live.EVERYTHING, noon, reader=EVERYTHING).today == 3
    with pytest.raises(live.NoSuchProgramme):
        live.cells("rome", noon, reader=EVERYTHING)


def test_today_is_that_of_the_programmes_zone_for_one_and_for_all(programme):
    late = NOW.replace(hour=23, minute=30) - timedelta(days=1)  # tomorrow has begun in Paris
    depart(now=late)
    assert live.cells("paris", late, reader=EVERYTHING).today == 1
    assert live.cells(live.EVERYTHING, late, reader=EVERYTHING).today == 1
    assert live.cells(live.EVERYTHING, late + timedelta(hours=1), reader=EVERYTHING).today == 1


@pytest.mark.parametrize(
    ("language", "direction", "words"),
    [
        ("en", "ltr", ["Departures", "Georgia", "in Paris <a", "as of entry 3"]),
        ("fr", "ltr", ["Départs", "Géorgie", "Rien n’est en attente"]),
        ("es", "ltr", ["Salidas", "Georgia", "Nada está en espera"]),
        ("ar", "rtl", ["حالات المغادرة", "جورجيا", "لا شيء قيد الانتظار"]),
    ],
)
def test_the_page_in_each_language(programme, language, direction, words):
    depart()
    client = Client(HTTP_HOST="localhost")
    client.cookies["language"] = language
    response = client.get("/departures/paris/")
    text = response.content.decode()
    assert f'lang="{language}" dir="{direction}"' in text
    for word in words:
        assert word in text
    assert len(response.content) < 16_000
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_doors_of_the_page(programme):
    client = Client(HTTP_HOST="localhost")
    assert client.get("/").status_code == 200
    assert client.get("/departures/").status_code == 200
    assert client.get("/departures/rome/").status_code == 404
    assert client.get("/departures/choose?programme=paris").headers["Location"] == "/departures/paris/"
    there = client.get("/language?to=ar&back=/departures/paris/")
    assert (there.headers["Location"], there.cookies["language"].value) == ("/departures/paris/", "ar")
    assert client.get("/language?to=ar&back=//evil.example/").headers["Location"] == "/"
    assert "language" not in client.get("/language?to=xx&back=/").cookies


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_no_string_is_left_and_placeholders_match(language):
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file)
    messages = [m for m in catalogue if m.id]
    assert len(messages) > 55
    for message in messages:
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = set(re.findall(r"%\(\w+\)s", sources[-1]))
        for form in forms:
            assert form
            told = set(re.findall(r"%\(\w+\)s", form))
            assert told <= wanted if len(forms) > 1 else told == wanted, (
                "of none, one or two, a form may leave some out"
            )


@pytest.fixture
def server(fresh_database) -> Iterator[str]:
    """The real web process of a demo, on a database of its own, reached as the application."""
    operations.add_programme("paris", "Return, France", "FRA", "Europe/Paris")
    with serving("yes") as base:
        yield base


@contextmanager
def serving(demo: str) -> Iterator[str]:
    """Run the web process on the test's own database; `demo`: yes, for a demo, or no."""
    here = connections["default"].settings_dict
    owner = connections["owner"].settings_dict
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"postgresql://wayfare_owner:{owner['PASSWORD']}@/{here['NAME']}?host={here['HOST']}"
    home = Path(os.environ["WAYFARE_HOME"]) / "web"
    of_the_sessions_database(home)
    (home / "demo-home").touch()
    environment = {**os.environ, "DATABASE_URL": url, "WAYFARE_HOME": str(home), "WAYFARE_DEMO": demo}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "--no-ws"]
    process = subprocess.Popen([*command, "wayfare.site.asgi:application"], env=environment)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{base}/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(20)


def events(stream) -> Iterator[dict]:
    for line in stream:
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


def test_a_commit_is_told_within_a_second(server):
    with urllib.request.urlopen(f"{server}/api/v1/programmes/paris/live", timeout=10) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        told = events(stream)
        assert next(told)["today"] == 0
        for number in (1, 2):
            depart()
            committed = time.monotonic()
            found = next(told)
            while found["position"] < 3 * number:
                found = next(told)
            assert found["today"] == number
            assert time.monotonic() - committed < 5  # a second is the promise; a shared machine may pause


def test_live_of_nothing_is_not_found(server):
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"{server}/api/v1/programmes/rome/live", timeout=10)
    assert answer.value.code == 404
    assert answer.value.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("asked", "told"), [("fr", "Aujourd"), ("xx", "Today"), ("fr%0A", "Today"), ("", "Today")])
def test_pieces_come_in_a_language_we_have_or_in_english(server, asked, told):
    with urllib.request.urlopen(f"{server}/departures/paris/live?language={asked}", timeout=10) as stream:
        page = b""
        while told.encode() not in page:
            line = stream.readline()
            assert line, page
            assert not line.startswith(b"event: still"), page
            page += line


def test_a_page_hears_that_nothing_is_new_and_other_programs_are_told_in_a_comment(server):
    for address, said in (("departures/paris", b"event: still"), ("api/v1/programmes/paris", b": still here")):
        with urllib.request.urlopen(f"{server}/{address}/live", timeout=40) as stream:
            assert any(line.strip() == said for line in stream), address


def test_what_is_shown_is_made_anew_once_a_minute_so_that_today_ends(fresh_database, monkeypatch):
    """Without any news, the day that an event stands for is looked at again; within the minute it is kept."""
    operations.add_programme("paris", "Return, France", "FRA", "Europe/Paris")

    async def two_a_minute_apart():
        hub = asgi.Hub()
        first, again = await hub.event("paris", None, EVERYTHING), await hub.event("paris", None, EVERYTHING)
        later = time.time() + 61
        monkeypatch.setattr(asgi.time, "time", lambda: later)
        return first, again, await hub.event("paris", None, EVERYTHING)

    first, again, later = asyncio.run(two_a_minute_apart())
    today = datetime.now(ZoneInfo("Europe/Paris")).date().isoformat()
    assert first[1] == again[1] == f"0 on {today}"
    assert first[0] is again[0]
    assert later[0] is not first[0]


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
class TestInABrowser:
    @pytest.fixture
    def browser(self):
        from playwright.sync_api import sync_playwright

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            yield browser
            browser.close()

    def test_numbers_move_by_themselves(self, server, browser):
        from playwright.sync_api import expect

        page = browser.new_page()
        page.goto(f"{server}/departures/paris/")
        figure = page.locator(".wf-figure__n").first
        assert figure.inner_text() == "0"
        depart_meanwhile()
        expect(figure).to_have_text("1", timeout=15_000)

    def test_a_connection_that_hangs_is_told_and_begun_anew(self, server, browser):
        """A sleeping laptop's, which the browser takes for one without news: figures of before stood under "live"."""
        from playwright.sync_api import expect

        page = browser.new_page()
        page.clock.install()
        asked: list[str] = []
        page.route("**/live?*", lambda route: asked.append(route.request.url))  # neither answered nor ended
        page.goto(f"{server}/departures/paris/")
        page.clock.run_for(44_000)
        assert len(asked) == 1
        expect(page.locator("[data-link=lost]")).to_be_hidden()
        page.clock.run_for(2_000)
        expect(page.locator("[data-link=lost]")).to_be_visible()
        until = time.monotonic() + 15
        while len(asked) < 2 and time.monotonic() < until:  # the request may reach us a little later than the sign
            page.wait_for_timeout(20)
        assert len(asked) == 2
        depart_meanwhile()
        page.unroute("**/live?*")
        page.clock.run_for(46_000)
        expect(page.locator("[data-link=open]")).to_be_visible()
        expect(page.locator(".wf-figure__n").first).to_have_text("1", timeout=15_000)

    def test_first_load_is_light(self, server, browser):
        page = browser.new_page()
        sizes: list[int] = []
        page.on("response", lambda response: sizes.append(int(response.headers.get("content-length", "0"))))
        page.goto(f"{server}/departures/")
        page.wait_for_timeout(800)
        assert len(sizes) <= 6
        assert sum(sizes) <= 50_000

    def test_a_reload_is_enough_without_javascript(self, server, browser):
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"{server}/departures/paris/")
        depart_meanwhile()
        page.reload()
        assert page.locator(".wf-figure__n").first.inner_text() == "1"

    def test_axe_finds_nothing(self, server, browser):
        """The live page on a phone and a desk, light and dark, and beside it the other pages in turn; none overflows."""
        from axe_playwright_python.sync_playwright import Axe

        depart_meanwhile()
        depart_meanwhile("self_reported")
        others = ["/", "/departures/paris/?month=2025-06", "/departures/rome/"]
        for language, scheme, width in product(("en", "fr", "es", "ar"), ("light", "dark"), (390, 1280)):
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            page = context.new_page()
            page.goto(f"{server}/language?to={language}&back=/")
            for address in ["/departures/paris/", *others[:1]]:
                page.goto(f"{server}{address}")
                found = Axe().run(page)
                assert found.violations_count == 0, (language, scheme, width, address, found.generate_report())
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (language, width, address)
            others = others[1:] + others[:1]
            context.close()

    def test_the_keyboard_reaches_everything_and_keeps_its_place(self, server, browser):
        from playwright.sync_api import expect

        page = browser.new_page()
        page.goto(f"{server}/departures/paris/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "wf-skip-link"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        summary = page.locator('[data-piece="days"] summary')
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator('[data-piece="days"] details').get_attribute("open") is not None
        depart_meanwhile()
        expect(page.locator(".wf-figure__n").first).to_have_text("1", timeout=15_000)
        assert page.locator('[data-piece="days"] details').get_attribute("open") is not None
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"

    def test_a_lost_connection_is_said_and_found_again(self, server, browser):
        from playwright.sync_api import expect

        page = browser.new_page()
        refused = []
        page.goto(f"{server}/departures/paris/")
        expect(page.locator('[data-link="open"]')).to_be_visible(timeout=15_000)
        expect(page.locator('[data-link="lost"]')).to_be_hidden()
        page.route("**/live?*", lambda route: (refused.append(1), route.fulfill(status=503)))
        page.reload()
        expect(page.locator('[data-link="lost"]')).to_be_visible(timeout=15_000)
        page.unroute("**/live?*")
        expect(page.locator('[data-link="open"]')).to_be_visible(timeout=15_000)
        expect(page.locator('[data-link="lost"]')).to_be_hidden()
        assert refused
