"""What a counsellor typed comes back after the session has ended, in a real browser, with JavaScript and without."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pyotp
import pytest

from tests import test_live_page
from tests.test_signin_browser import PASSWORD, Person, browser, invited, sql  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium")]
server = test_live_page.server


@pytest.fixture
def vault(server, settings):
    home = Path(os.environ["WAYFARE_HOME"])
    settings.PEOPLE_KEYS = home / "web" / settings.PEOPLE_KEYS.relative_to(settings.WAYFARE_HOME)
    return server


def fills_in(page):
    page.fill("#name", "مريم كريمي")
    page.fill("#latin", "Maryam Karimi")
    page.select_option("#calendar", "persian")
    page.check("#may_call")


def is_filled_in(page):
    return (
        page.input_value("#name"),
        page.input_value("#latin"),
        page.input_value("#calendar"),
        page.is_checked("#may_call"),
    ) == ("مريم كريمي", "Maryam Karimi", "persian", True)


def files():
    return sql("select count(*) from people_person")


@pytest.mark.parametrize("ends", ["signs out in another tab", "half an hour"])
def test_a_page_that_leaves_the_screen_keeps_what_was_typed(vault, browser, ends):  # noqa: F811
    person = Person(browser, vault)
    person.signs_up(invited(roles=("counsellor",)))
    page = person.page
    page.clock.install()
    person.go("/files/new")
    fills_in(page)
    if ends == "half an hour":
        page.clock.fast_forward("31:00")
    else:
        other = person.context.new_page()
        other.goto(person.base + "/staff/me")
        other.click("#account summary")
        other.get_by_role("button", name="Sign out").click()
    page.get_by_text("What you typed is kept for two hours").wait_for()
    assert "Maryam" not in page.content()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("button", name="Show the form").click()
    page.wait_for_url("**/files/new")
    page.locator("#name").wait_for()
    assert is_filled_in(page)
    assert files() == [(0,)]


def test_without_javascript_a_form_that_is_sent_too_late_is_shown_again(vault, browser):  # noqa: F811
    person = Person(browser, vault, java_script_enabled=False)
    page = person.page
    person.go(f"/staff/sign-up/{invited(roles=('counsellor',))}")
    page.locator("main summary").click()
    generator = pyotp.TOTP(re.sub(r"\s", "", page.locator("code").inner_text()))
    page.fill("#code", generator.now())
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/home")
    person.go("/files/new")
    fills_in(page)
    other = person.context.new_page()
    other.goto(person.base + "/staff/me")
    other.click("#account summary")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/staff/sign-in")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("What you typed is kept for two hours").wait_for()
    page.locator("main summary").click()
    page.fill("#email", "ada@example.org")
    page.fill("#password", PASSWORD)
    page.fill("#code", generator.at(int(time.time()) + 30))  # the one before was used up by signing up
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Show the form").click()
    assert is_filled_in(page)
    assert files() == [(0,)]
