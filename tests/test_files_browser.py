"""The pages of files and looks in a real browser: read by axe, never wider than a phone, whole without JavaScript."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connections

from tests import test_live_page
from tests.test_signin_browser import browser, meanwhile  # noqa: F401 - a fixture
from wayfare.access import operations as access
from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.access.tests import past
from wayfare.people import operations as people
from wayfare.people.tests.cast import WORDS, Colleague, asked_erasure, erased

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


HISTORY = {
    "2025-11": {"case_work": 812, "travel_booking": 97, "duplicate_review": 3, "break_glass": 6, "approved": 5},
    "2025-12": {"case_work": 640, "travel_booking": 81, "support_at_request": 22, "break_glass": 9, "approved": 7},
    "2026-09": {"case_work": 1204, "travel_booking": 140, "correction_review": 31, "break_glass": 2, "approved": 1},
    "2026-10": {"case_work": 1377, "travel_booking": 166, "duplicate_review": 12, "break_glass": 5, "approved": 5},
}
PAGES = ("files", "new", "file", "looks", "waits", "requests", "names", "birth", "contact", "documents", "notes")
PAGES += tuple(f"home {role}" for role in ROLES)
PAGES += ("shown", "published", "log", "purposes", "waiting", "told", "erase", "erasure", "receipt", "matters")


@pytest.fixture
def world(server, settings):
    """Three colleagues, a file with looks into it, an emergency that waits; the paths of the pages, by who sees them."""
    settings.PEOPLE_KEYS = (
        Path(os.environ["WAYFARE_HOME"]) / "web" / settings.PEOPLE_KEYS.relative_to(settings.WAYFARE_HOME)
    )

    def work():
        past.write(HISTORY)
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
        with counsellor.acting():
            people.correct(task, "names", PERSON["names"], version=1, at=now)
        gone = erased(counsellor.enrols("Gone Away").person, supervisor, counsellor)
        asked = asked_erasure(counsellor.enrols("Wants To Go").person, counsellor)
        homes = {role: Colleague("paris", role) for role in ROLES}
        homes |= {"counsellor": counsellor, "supervisor": supervisor, "data_protection_officer": officer}
        return {f"home {role}": (one, "/home") for role, one in homes.items()} | {
            "waiting": (supervisor, "/files/"),
            "told": (officer, "/files/"),
            "erase": (counsellor, f"/files/{made.person}/erase"),
            "erasure": (supervisor, f"/files/erasure/{asked.id}"),
            "receipt": (counsellor, f"/files/erasure/{gone.id}"),
            "matters": (officer, "/staff/matters"),
            "files": (counsellor, "/files/"),
            "new": (counsellor, "/files/new"),
            "wrong": (counsellor, "/files/new", {"name": "Nobody", "phone": "abc"}),
            "same": (counsellor, "/files/new", {"name": "Karimi Mariam"}),
            "unopened": (counsellor, f"/files/{made.person}"),
            "sure": (counsellor, f"/files/{made.person}/team", {"leave": ""}),
            "file": (counsellor, f"/files/work/{task}", {"also": ("contact", "documents")}),
            "looks": (supervisor, "/staff/looks"),
            "waits": (supervisor, f"/files/work/{waits}"),
            "requests": (officer, "/staff/requests"),
            "found": (counsellor, "/files/", {"text": "Karimi Maryam"}),
            "year": (counsellor, "/files/", {"text": "Karimi", "year": "abcd"}),
            "gone": (officer, f"/staff/looks?person={gone.person}"),
            "stopped": (counsellor, "/staff/me?done=stopped"),
            "names": (counsellor, f"/files/work/{task}/correct/names"),
            "birth": (counsellor, f"/files/work/{task}/correct/birth"),
            "contact": (counsellor, f"/files/work/{task}/correct/contact"),
            "documents": (counsellor, f"/files/work/{task}/correct/documents"),
            "notes": (counsellor, f"/files/work/{task}/correct/notes"),
            "shown": (counsellor, f"/files/{made.person}/looks"),
            "published": (counsellor, "/looks/"),
            "log": (officer, "/staff/log"),
            "purposes": (counsellor, "/staff/purposes"),
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
    found.goto(
        server
        + (path if not form or path in ("/files/", "/files/new") or {"also", "leave"} & form[0].keys() else "/files/")
    )
    if form and path == "/files/new":
        for name, text in form[0].items():
            found.fill(f"#{name}", text)
        found.click("form[method=post] button.wf-button:not([name])")
    if form and "leave" in form[0]:
        found.click("button[name=staff]")
    for group in form[0].get("also", ()) if form else ():
        found.click(f"button[name=also][value={group}]")
        found.wait_for_selector(f"#{group}")
    if form and path == "/files/":
        for name, text in form[0].items():
            found.fill(f"#{name}", text)
        found.click("main form[action='/files/'] button")
    return found


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [("ar", 390, "light"), ("en", 1280, "light"), ("en", 390, "dark")]
    + [pytest.param(*rest, marks=pytest.mark.slow) for rest in (("ar", 1280, "light"), ("en", 390, "light"))],
)
def test_axe_finds_nothing_and_nothing_is_cut_off(world, browser, server, language, width, scheme):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    for name in (*PAGES, "found", "wrong", "same", "unopened", "sure", "year", "gone", "stopped"):
        page = shown(browser, server, world[name], language=language, width=width, scheme=scheme)
        if SHOTS:
            page.screenshot(
                path=Path(SHOTS) / f"{name.replace(' ', '-')}-{language}-{width}-{scheme}.png", full_page=True
            )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, language, width)
        if name.startswith("home"):
            assert page.locator(".wf-strip [aria-current=page]").count() == 1, (name, "it is no page of an error")
        found = Axe().run(page).response["violations"]
        assert found == [], [(name, one["id"], [node["html"] for node in one["nodes"]]) for one in found]
        page.context.close()


def again(page, address):
    """Return what the same browser shows at an address now."""
    found = page.context.new_page()
    found.goto(address)
    return found.content()


def test_from_search_to_seal_without_javascript(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["found"], script=False)
    assert "Maryam" not in page.inner_text("#results")
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page.inner_text("#results"))
    page.click("#results summary")
    page.click("#results button[value=case_work]")
    page.wait_for_url("**/files/work/*")
    assert page.inner_text("h1") == "مريم كريمي"
    page.click("text=Contact details")
    assert "Do not use" in page.inner_text("#contact")
    address = page.url
    page.click("text=Close file")
    page.wait_for_url("**/files/")
    assert "مريم" not in again(page, address), "what was sealed does not come back"


def test_an_unusual_purpose_is_asked_about_in_the_browser(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["found"])
    page.click("#results summary")
    page.click("#results button[value=support_at_request]")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "why-en-1280.png", full_page=True)
    page.click("text=Open file")
    assert "Say in a sentence" in page.inner_text(".wf-error-summary")
    page.fill("#words", WORDS)
    page.click("text=Open file")
    page.wait_for_url("**/files/work/*")
    assert PURPOSES["support_at_request"].groups == ("names", "contact")
    assert page.locator("#birth").count() == 0


def test_a_name_is_corrected_and_another_added_without_javascript(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["names"], script=False)
    page.fill("[id='names.1.written.0.parts.0.text']", "KARIMI MARYAM")
    page.click("button[value=names]")
    page.fill("[id='names.2.written.0.parts.0.text']", "Марьям")
    page.select_option("[id='names.2.use']", "earlier")
    page.press("[id='names.2.written.0.parts.0.text']", "Enter")
    page.wait_for_url("**/files/work/*corrected=names*")
    assert "Saved and sealed again" in page.inner_text("main")
    names = page.inner_text("#names")
    assert all(one in names for one in ("KARIMI MARYAM", "Марьям", "An earlier name"))
    page.click("#names >> text=Correct")
    page.fill("[id='names.0.written.1.parts.0.text']", "")
    page.select_option("[id='names.0.written.0.script']", "Cyrl")
    page.click("button[value='names.0.written']")
    page.fill("[id='names.0.written.2.parts.0.text']", "Мариам")
    page.click("button:has-text('Save the correction'):visible >> nth=-1")
    assert "One script stands there twice" in page.inner_text(".wf-error-summary")
    assert page.input_value("[id='names.0.written.1.parts.0.text']") == "Мариам"
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / "wrong-en-1280.png", full_page=True)


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ar", 390)])
def test_two_who_correct_at_once_are_shown_both_readings(world, browser, server, language, width):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    mine = shown(browser, server, world["contact"], script=False)
    theirs = shown(browser, server, world["contact"], language=language, width=width)
    for page, number in ((mine, "+33 111 111 111"), (theirs, "+33 222 222 222")):
        page.fill("[id='channels.0.value']", number)
        page.locator("main button:not([name]):not(.wf-hidden):not(.wf-as-link)").first.click()
        page.wait_for_load_state()
    assert "+33 111 111 111" in theirs.inner_text("#theirs")
    assert theirs.input_value("[id='channels.0.value']") == "+33 222 222 222"
    assert theirs.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(theirs).response["violations"] == []
    if SHOTS:
        theirs.screenshot(path=Path(SHOTS) / f"stale-{language}-{width}.png", full_page=True)
    theirs.locator("main button:not([name]):not(.wf-hidden):not(.wf-as-link)").first.click()
    theirs.wait_for_url("**/files/work/*corrected=contact*")
    theirs.click("button[name=also][value=contact]")
    assert "+33 222 222 222" in theirs.inner_text("#contact")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_who_looked_is_printed_without_what_is_only_for_the_screen(world, browser, server, language):  # noqa: F811
    page = shown(browser, server, world["shown"], script=False)
    page.click(".wf-menu summary")
    page.click(f"nav a[lang={language}]")
    assert page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
    assert page.is_visible(".wf-bar")
    page.emulate_media(media="print")
    for hidden in (".wf-bar", ".wf-header .wf-menu", ".wf-as-link"):
        assert not page.is_visible(hidden), hidden
    assert page.is_visible("h1")
    assert page.locator(".wf-way__item").count() == 3
    assert page.is_visible(".wf-way__item .wf-details__text >> nth=0"), "each opening is printed, folded or not"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    if SHOTS:
        page.set_viewport_size({"width": 794, "height": 1123})
        page.screenshot(path=Path(SHOTS) / f"print-{language}.png", full_page=True)


def test_signing_out_from_any_page_ends_the_session(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["file"], script=False)
    address = page.url
    page.click("#account summary")
    page.click("text=Sign out")
    page.wait_for_url("**/staff/sign-in")
    assert "مريم" not in again(page, address)


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ar", 390), ("en", 390), ("ar", 1280)])
def test_a_file_that_does_not_open_says_so(world, browser, server, language, width):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    def alter():
        with connections["owner"].cursor() as cursor:
            cursor.execute("alter table people_sealed disable trigger user")
            cursor.execute("update people_sealed set sealed = substring(sealed from 2)")
            cursor.execute("alter table people_sealed enable trigger user")

    meanwhile(alter)
    page = shown(browser, server, (world["file"][0], world["file"][1]), language=language, width=width)
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"altered-{language}-{width}.png", full_page=True)
    assert {"en": "does not open", "ar": "لا يُفتح"}[language] in page.inner_text("h1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ar", 390), ("en", 390), ("ar", 1280)])
def test_a_page_says_that_the_keys_cannot_be_used(world, browser, server, language, width):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    def another_folder():
        with connections["owner"].cursor() as cursor:
            cursor.execute("update people_epoch set mark = decode(repeat('00', 16), 'hex')")

    meanwhile(another_folder)
    page = shown(browser, server, world["new"], language=language, width=width)
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"keys-{language}-{width}.png", full_page=True)
    assert {"en": "cannot be opened now", "ar": "لا يمكن فتح الملفات"}[language] in page.inner_text("h1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_header_is_one_row_on_a_phone_and_leads_on_without_javascript(world, browser, server, language):  # noqa: F811
    page = shown(browser, server, world["home supervisor"], language=language, width=390, script=False)
    assert page.locator(".wf-header").bounding_box()["height"] <= 56
    page.click(".wf-menu.wf-top__narrow summary")
    page.locator(".wf-menu__panel a[href='/staff/looks']:visible").click()
    page.wait_for_url("**/staff/looks")
    page.click("#account summary")
    assert page.is_visible("a[href='/staff/me']")


def test_the_header_search_finds_a_person_from_any_page(world, browser, server):  # noqa: F811
    page = shown(browser, server, world["purposes"], script=False)
    page.fill("#find", "Karimi Maryam")
    page.press("#find", "Enter")
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", page.inner_text("#results"))
