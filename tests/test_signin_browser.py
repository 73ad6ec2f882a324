"""Staff come in by a real browser with an authenticator of its own (WebAuthn over the DevTools protocol)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from django.db import connection, connections

from tests import test_live_page
from wayfare.access import operations as access
from wayfare.access.door import door
from wayfare.access.signin import operations, queries

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium")]
server = test_live_page.server
PASSWORD = "seven lamps along the quay"


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield browser
        browser.close()


def meanwhile(work: Callable[[], Any]) -> Any:
    """Do something in the database from another thread: Playwright runs an event loop in this one."""

    def closing() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(closing).result()


def invited(
    name: str = "Ada Okoye", email: str = "ada@example.org", roles: tuple[str, ...] = ("administrator",)
) -> str:
    def work() -> str:
        access.set_office("paris", "Paris", "Europe/Paris", by=None)
        return operations.invite(name, email, "paris", roles, by=None, at=datetime.now(UTC))

    return str(meanwhile(work))


def sql(query: str, *parameters: object) -> list[tuple[Any, ...]]:
    def work() -> list[tuple[Any, ...]]:
        with door(), connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    return list(meanwhile(work))


def owner(statement: str, *parameters: object) -> None:
    """Run a statement as the owner of the tables."""

    def work() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute(statement, parameters)

    meanwhile(work)


class Person:
    """Somebody with a browser of their own and an authenticator in it."""

    def __init__(self, browser: Any, base: str, **options: Any) -> None:
        self.base = f"http://localhost:{urlsplit(base).port}"  # an address in digits is no place for passkeys
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.cdp = self.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.authenticator = self.add_authenticator()

    def add_authenticator(self) -> str:
        wanted = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        return str(self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": wanted})["authenticatorId"])

    def credentials(self) -> list[dict[str, Any]]:
        found = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        return list(found["credentials"])

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def signs_up(self, secret: str) -> None:
        self.go(f"/staff/sign-up/{secret}")
        self.page.get_by_role("button", name="Make a passkey and begin").click()
        self.page.wait_for_url("**/home")
        self.go("/staff/me")

    def signs_in(self) -> None:
        self.go("/staff/sign-in")
        self.page.get_by_role("button", name="Sign in with a passkey").click()

    def signs_out(self) -> None:
        self.go("/staff/me")
        self.page.click("#account summary")
        self.page.get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/staff/sign-in")

    def cookie(self) -> str | None:
        return next((one["value"] for one in self.context.cookies() if one["name"] == "wayfare_session"), None)


@pytest.fixture
def person(server, browser) -> Person:
    return Person(browser, server)


def test_an_invitation_makes_a_passkey_and_the_passkey_lets_in(person):
    person.signs_up(invited())
    assert person.page.locator("h1").inner_text() == "Ada Okoye"
    (stored,) = sql("select staff, sign_count from access_passkey")
    (held,) = person.credentials()
    assert held["rpId"] == "localhost"
    assert held["isResidentCredential"]
    assert "Make a passkey" not in person.page.content()
    first = person.cookie()
    person.signs_out()
    assert not person.cookie()
    person.go("/staff/me")
    assert urlsplit(person.page.url).path == "/staff/sign-in"
    person.signs_in()
    person.page.wait_for_url("**/home")
    assert person.cookie() not in (None, first)
    assert sql("select how from access_session where ended_at is null") == [("passkey",)]
    assert sql("select sign_count from access_passkey")[0][0] > stored[1]


def test_the_session_changes_at_sign_in_and_the_one_before_ends(person):
    """Whoever plants a session's cookie in somebody's browser has nothing once they signed in."""
    person.signs_up(invited())
    planted = person.cookie()
    person.signs_in()
    person.page.wait_for_url("**/home")
    assert person.cookie() != planted
    assert meanwhile(lambda: len(queries.sessions(sql_staff(), at=datetime.now(UTC)))) == 1


def test_a_page_leaves_the_screen_with_its_session(person):
    """After the half hour in which nothing was done; and in every tab at once when one signs out in one."""
    person.page.clock.install()
    person.signs_up(invited())
    person.page.clock.fast_forward("29:00")
    assert person.page.locator("h1").inner_text() == "Ada Okoye"
    person.page.clock.fast_forward("02:00")
    person.page.wait_for_url("**/staff/sign-in")
    person.go("/staff/me")
    other = person.context.new_page()
    other.goto(person.base + "/staff/me")
    assert other.locator("h1").inner_text() == "Ada Okoye"
    person.signs_out()
    other.wait_for_url("**/staff/sign-in")


def sql_staff() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("select id from access_staff")
        return cursor.fetchone()[0]


def test_an_answer_that_is_sent_again_opens_nothing(person):
    person.signs_up(invited())
    person.signs_out()
    sent: list[Any] = []
    person.page.on("request", lambda one: sent.append(one) if "credential=" in (one.post_data or "") else None)
    person.signs_in()
    person.page.wait_for_url("**/home")
    (told,) = sent
    headers = {name: value for name, value in told.all_headers().items() if not name.startswith(":")}
    assert "wayfare_ceremony" in headers["cookie"]
    again = person.context.request.post(told.url, data=told.post_data, headers=headers, max_redirects=0)
    assert again.status == 403
    assert len(sql("select 1 from access_session where how = 'passkey' and began_at > now() - interval '1 hour'")) == 2


def test_a_copy_of_an_authenticator_is_noticed_and_the_passkey_opens_nothing_any_more(person, server, browser):
    person.signs_up(invited())
    (held,) = person.credentials()
    thief = Person(browser, server)
    thief.cdp.send("WebAuthn.addCredential", {"authenticatorId": thief.authenticator, "credential": held})
    for _ in range(2):
        person.signs_in()
        person.page.wait_for_url("**/home")
    thief.signs_in()
    thief.page.get_by_text("There is a problem").wait_for()
    assert sql("select copied_at is not null from access_passkey") == [(True,)]
    person.go("/staff/me")
    assert "Copied: it no longer works" in person.page.content()
    person.signs_in()
    person.page.get_by_text("There is a problem").wait_for()


def test_a_copy_whose_counter_goes_on_comes_in(person, server, browser):
    """The control: it was the counter that gave the thief away, nothing else."""
    person.signs_up(invited())
    thief = Person(browser, server)
    (held,) = person.credentials()
    thief.cdp.send("WebAuthn.addCredential", {"authenticatorId": thief.authenticator, "credential": held})
    thief.signs_in()
    thief.page.wait_for_url("**/home")


def test_who_cancels_is_told_and_nothing_was_done(person):
    secret = invited()
    person.go(f"/staff/sign-up/{secret}")
    person.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": person.authenticator, "isUserVerified": False})
    person.page.get_by_role("button", name="Make a passkey and begin").click()
    person.page.get_by_text("No passkey was used").wait_for()
    assert sql("select 1 from access_staff") == []
    person.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": person.authenticator, "isUserVerified": True})
    person.page.get_by_role("button", name="Make a passkey and begin").click()
    person.page.wait_for_url("**/home")


def test_without_javascript_a_password_and_a_code_let_in(server, browser):
    person = Person(browser, server, java_script_enabled=False)
    page = person.page
    person.go(f"/staff/sign-up/{invited()}")
    assert "This browser cannot use passkeys here" in page.content()
    page.locator("main summary").click()
    generator = pyotp.TOTP(page.locator("code").inner_text().replace(" ", ""))
    page.fill("#code", generator.now())
    page.fill("#password", "password1234")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("Use at least 12 characters").wait_for()
    assert generator.secret == page.locator("code").inner_text().replace(" ", ""), "the scanned one stays"
    page.fill("#password", PASSWORD)
    page.fill("#code", generator.now())
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/home")
    person.signs_out()
    page.locator("main summary").click()
    page.fill("#email", "ADA@example.org ")
    page.fill("#password", PASSWORD)
    page.fill("#code", generator.at(int(time.time()) + 30))  # the one before was used up by signing up
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/home")
    assert sql("select how from access_session where ended_at is null") == [("totp",)]


def test_another_passkey_is_added_and_the_first_removed(person):
    person.signs_up(invited())
    page = person.page
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("It no longer signs you in").wait_for()
    page.get_by_role("button", name="Remove passkey").click()
    page.get_by_text("This is your only way to sign in").wait_for()
    person.cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": person.authenticator})
    person.authenticator = person.add_authenticator()
    page.fill("#passkey-name", "blue key")
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("blue key").first.wait_for()
    assert len(sql("select 1 from access_passkey")) == 2
    page.get_by_role("button", name="Remove", exact=True).first.click()
    page.get_by_role("button", name="Remove passkey").click()
    page.wait_for_url("**/staff/me")
    page.get_by_text("blue key").first.wait_for()
    assert sql("select name from access_passkey") == [("blue key",)]
    person.signs_in()
    page.wait_for_url("**/home")


def test_two_colleagues_let_somebody_in_again(person, server, browser):
    person.signs_up(invited())
    others = []
    for name, role in (("Bo", "counsellor"), ("Cy", "supervisor")):
        others.append(Person(browser, server))
        others[-1].signs_up(invited(name, f"{name}@example.org", (role,)))
    lost = Person(browser, server)
    lost.go("/staff/recover")
    lost.page.fill("#email", "ada@example.org")
    lost.page.get_by_role("button", name="Ask two colleagues").click()
    lost.page.wait_for_url("**/staff/recover/*")
    code = lost.page.locator(".wf-figure__n").inner_text()
    address = lost.page.url
    person.go("/staff/me")
    assert code in person.page.content()
    for other in others:
        lost.page.reload()
        assert "Make a new passkey" not in lost.page.content()
        other.go("/staff/recoveries")
        assert code in other.page.content()
        other.page.get_by_role("button", name="I spoke with them").click()
        other.page.wait_for_load_state()
    lost.page.reload()
    assert "Approved: wait" in lost.page.content()
    assert lost.page.get_by_role("button", name="Make a new passkey").count() == 0
    person.go("/staff/me")
    assert "That was not me: stop it" in person.page.content()
    owner("update access_recovery set usable_at = now()")  # as if the waiting time were over
    lost.page.reload()
    lost.page.get_by_role("button", name="Make a new passkey").click()
    lost.page.wait_for_url("**/staff/me")
    assert "Approved by: Bo · Cy" in lost.page.content()
    person.go("/staff/me")
    assert urlsplit(person.page.url).path == "/staff/sign-in"
    person.signs_in()
    person.page.get_by_text("There is a problem").wait_for()
    lost.page.goto(address)
    assert "This link does not work" in lost.page.content()


def test_axe_finds_nothing_and_nothing_overflows(person, server, browser):
    from axe_playwright_python.sync_playwright import Axe

    person.signs_up(invited())
    secret = invited("Grace Abiola-Ferreira de Sousa", "grace.abiola-ferreira.de.sousa@long-name.example.org")
    staff = sql("select id from access_staff")[0][0]
    meanwhile(lambda: operations.ask_recovery("ada@example.org", at=datetime.now(UTC)))
    other = Person(browser, server)
    other.signs_up(invited("Cy", "cy@example.org", ("supervisor",)))
    waits = meanwhile(lambda: operations.ask_recovery("cy@example.org", at=datetime.now(UTC)))
    invented = Person(browser, server)
    invented.signs_up(invited("Eve", "eve@example.org", ("counsellor",)))
    owner("update access_invitation set invited_by = %s where email = 'eve@example.org'", staff)
    for email in ("bo@example.org", "eve@example.org"):
        if email.startswith("bo"):
            Person(browser, server).signs_up(invited("Bo", email, ("counsellor",)))
        meanwhile(lambda email=email: operations.ask_recovery(email, at=datetime.now(UTC)))
    now = "confirmed_at = now(), usable_at = now() + interval '1 day', link_ends_at = now() + interval '2 days'"
    owner(
        f"update access_recovery set {now} where staff in (select id from access_staff where name in ('Ada Okoye', 'Bo'))"
    )
    owner("insert into access_password_tries values (%s, 61, now())", staff)
    state = person.context.storage_state()
    paths = [
        "/home",
        "/staff/me",
        "/staff/recoveries",
        "/staff/people",
        "/staff/people/invite",
        f"/staff/people/{staff}",
        "/staff/offices",
        "/staff/sign-in",
        f"/staff/sign-up/{secret}",
        "/staff/sign-up/nothing",
        "/staff/recover",
        f"/staff/recover/{waits}",
    ]
    for language, (scheme, width) in product(("en", "fr", "es", "ar"), (("light", 390), ("dark", 1280))):
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, storage_state=state
        )
        page = context.new_page()
        page.goto(f"{person.base}/language?to={language}&back=/staff/me")
        for path in paths:
            answer = page.goto(person.base + path)
            assert answer.status == (404 if path.endswith("nothing") else 200), path
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            found = Axe().run(page)
            assert found.violations_count == 0, (language, scheme, width, path, found.generate_report())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (language, width, path)
        context.close()
