"""The pages of files and looks in a real browser: read by axe, never wider than a phone, whole without JavaScript."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import test_live_page
from tests.test_signin_browser import browser, meanwhile  # noqa: F401 - a fixture
from wayfare.access import operations as access
from wayfare.access.purposes import PURPOSES
from wayfare.people import operations as people
from wayfare.people.tests.cast import WORDS, Colleague

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium")]
server = test_live_page.server
SHOTS = os.environ.get("WAYFARE_TEST_SHOTS")
"""A folder to put a picture of each page in, for people to look at."""
PERSON = {
    "names": {
        "names": [
            {
                "use": "used",
                "written": [
                    {"script": "Arab", "parts": [{"kind": "whole", "text": "مريم كريمي"}]},
                    {"script": "Latn", "parts": [{"kind": "whole", "text": "Maryam Karimi"}], "transliterated": True},
                ],
            },
            {"use": "document", "written": [{"script": "Latn", "parts": [{"kind": "whole", "text": "KARIMI MARIAM"}]}]},
        ],
        "address": "Ms Maryam",
    },
    "birth": {"told": {"calendar": "persian", "year": 1373, "month": 2}, "estimated": True},
    "contact": {
        "channels": [{"kind": "phone", "value": "+33 1 23 45 67 89", "allowed": False, "note": "after six"}],
        "languages": ["fa", "fr"],
        "interpreter": True,
    },
    "documents": {"documents": [{"kind": "passport", "seen": "copy", "number": "XK-4711-22", "country": "AFG"}]},
    "notes": {"notes": [{"on": "2026-05-17", "text": "Asked for a map."}]},
}


@pytest.fixture
def world(server, settings):
    """Three colleagues, a file with looks into it, an emergency that waits; the paths of the pages, by who sees them."""
    settings.PEOPLE_KEYS = (
        Path(os.environ["WAYFARE_HOME"]) / "web" / settings.PEOPLE_KEYS.relative_to(settings.WAYFARE_HOME)
    )

    def work():
        supervisor, counsellor = Colleague("paris", "supervisor"), Colleague("paris", "counsellor")
        officer = Colleague("lyon", "data_protection_officer")
        now = datetime.now(UTC)
        with counsellor.acting():
            made = people.enrol(PERSON, at=now)
            access.join_team(made.person, counsellor.id)
        with counsellor.looks(made.person, "names", "birth"):
            pass
        with counsellor.looks(made.person, "names", "contact", purpose="support_at_request"):
            pass
        with officer.acting():
            approved = access.take_up(officer.id, made.person, "break_glass", reason=WORDS, at=now)
        with supervisor.acting():
            access.approve(approved)
            waits = access.take_up(supervisor.id, made.person, "break_glass", reason=WORDS, at=now)
        task = counsellor.task(made.person)
        return {
            "files": (counsellor, "/files/"),
            "new": (counsellor, "/files/new"),
            "file": (counsellor, f"/files/work/{task}?also=contact&also=documents"),
            "looks": (supervisor, "/staff/looks"),
            "waits": (supervisor, f"/files/work/{waits}"),
            "requests": (officer, "/staff/requests"),
            "found": (counsellor, "/files/", {"text": "Karimi Maryam"}),
            "why": (counsellor, f"/files/{made.person}/work", {"purpose": "legal_duty"}),
        }

    return meanwhile(work)


def shown(browser, server, page, *, language="en", width=1280, script=True, scheme="light"):  # noqa: F811
    """Show a page to who may see it; what has no address of its own is come to by its form."""
    colleague, path, *form = page
    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale=language, java_script_enabled=script, color_scheme=scheme
    )
    context.add_cookies([{"name": "wayfare_session", "value": colleague.secret, "url": server}])
    found = context.new_page()
    found.goto(server + (path if not form or path == "/files/" else "/files/"))
    if form and path == "/files/":
        found.fill("#text", form[0]["text"])
        found.click("form[action='/files/'] button")
    return found


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [("ar", 390, "light"), ("en", 1280, "light"), ("en", 390, "dark")]
    + [pytest.param(*rest, marks=pytest.mark.slow) for rest in (("ar", 1280, "light"), ("en", 390, "light"))],
)
def test_axe_finds_nothing_and_nothing_is_cut_off(world, browser, server, language, width, scheme):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    for name in ("files", "new", "file", "looks", "waits", "requests", "found"):
        page = shown(browser, server, world[name], language=language, width=width, scheme=scheme)
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{language}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, language, width)
        found = Axe().run(page).response["violations"]
        assert found == [], [(name, one["id"], [node["html"] for node in one["nodes"]]) for one in found]
        page.context.close()


def test_from_search_to_seal_without_javascript(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["found"], script=False)
    assert "Maryam" not in page.inner_text("#results")
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page.inner_text("#results"))
    page.click("#results summary")
    page.click("#results button[value=case_work]")
    page.wait_for_url("**/files/work/*")
    assert page.inner_text("h1") == "مريم كريمي"
    page.click("text=Ways to reach the person")
    assert "Not to be used" in page.inner_text("#contact")
    page.click("text=Seal it now")
    page.wait_for_url("**/files/")
    page.go_back()
    page.reload()
    assert "مريم" not in page.content(), "what was sealed does not come back"


def test_an_unusual_purpose_is_asked_about_in_the_browser(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["found"])
    page.click("#results summary")
    page.click("#results button[value=support_at_request]")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "why-en-1280.png", full_page=True)
    page.click("text=Open the file")
    assert "Say in a sentence" in page.inner_text(".wf-error-summary")
    page.fill("#words", WORDS)
    page.click("text=Open the file")
    page.wait_for_url("**/files/work/*")
    assert PURPOSES["support_at_request"].groups == ("names", "contact")
    assert page.locator("#birth").count() == 0
