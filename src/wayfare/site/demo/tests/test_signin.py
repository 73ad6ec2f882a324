"""One-click sign-in: in the example's home, from the machine that runs it; nowhere else, whatever a request says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from wayfare.access import operations as access
from wayfare.access import queries
from wayfare.access.signin import example
from wayfare.access.signin.rules import NotProved
from wayfare.access.tests.cast import taken_on
from wayfare.site.demo import colleagues

HERE: dict[str, Any] = {"SERVER_NAME": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8000"}
ADDRESS = "/demo/sign-in"


@pytest.fixture
def some(monkeypatch):
    """Three of the colleagues: taking one on costs a password hash."""
    few = (*colleagues.COLLEAGUES[:2], colleagues.COLLEAGUES[9])
    monkeypatch.setattr(colleagues, "COLLEAGUES", few)
    return few


@pytest.fixture
def demo(some, fresh_database, settings):
    """The example's database, and the settings of a process that `wayfare demo` started."""
    settings.DEMO, settings.EMBEDDED, settings.HTTPS = True, True, False
    assert colleagues.make()
    return example.colleagues()


def press(colleague, **more):
    """Get a form of ours on this machine, and press a button from where `more` says; return the answer."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False, **HERE)
    client.get("/staff/sign-in")
    form = {"colleague": str(colleague), "csrfmiddlewaretoken": client.cookies["wayfare_form"].value}
    return client.post(ADDRESS, form, **more)


def buttons(**more):
    return Client(**{**HERE, **more}).get("/").content.decode().count(f'action="{ADDRESS}"')


def test_one_click_signs_in_as_everybody_does(demo, some):
    assert [one.email for one in demo] == [one.email for one in some]
    page = Client(**HERE).get("/").content.decode()
    assert "Sign in as Camille, counsellor" in page
    assert page.count(f'action="{ADDRESS}"') == len(some)
    answer = press(demo[0].staff)
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("staff-home"))
    assert answer.headers["Cache-Control"] == "no-store"
    secret = answer.cookies["wayfare_session"].value
    actor = queries.actor(secret, at=datetime.now(UTC))
    assert actor is not None
    assert (actor.staff, actor.roles) == (demo[0].staff, frozenset({"counsellor"}))
    with access.acting(secret):
        (began,) = [one for one in queries.log_of(None, limit=100) if one.kind == "session"][-1:]
    assert began.staff == demo[0].staff, "it is on the access record"
    with connections["owner"].cursor() as cursor:
        cursor.execute("select how from access_session where staff = %s and ended_at is null", [actor.staff])
        assert cursor.fetchall() == [("example",)]


def test_the_offices_and_colleagues_are_made_once(demo, some):
    assert colleagues.make()
    assert example.colleagues() == demo


@pytest.mark.parametrize("other", [{"DEMO": False}, {"EMBEDDED": False}, {"HTTPS": True}])
def test_no_other_home_has_it(demo, settings, other):
    assert press(demo[0].staff).status_code == 302, "the control"
    for name, value in other.items():
        setattr(settings, name, value)
    for send in ("get", "post", "put", "options"):
        client = Client(enforce_csrf_checks=True, raise_request_exception=False, **HERE)
        found, absent = getattr(client, send)(ADDRESS), getattr(client, send)("/demo/nothing")
        assert (found.status_code, found.content) == (404, absent.content.replace(b"nothing", b"sign-in"))
    assert buttons() == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "localhost"},
        {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"REMOTE_ADDR": "192.0.2.7", "HTTP_X_REAL_IP": "127.0.0.1"},
        {"REMOTE_ADDR": "::ffff:192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"SERVER_NAME": "0.0.0.0"},
        {"SERVER_NAME": "::"},
        {"SERVER_NAME": "192.0.2.2"},
        {"HTTP_HOST": "demo.example.net"},
        {"HTTP_HOST": "127.0.0.1.example.net:8000"},
        {"HTTP_HOST": "localhost.example.net"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_X_FORWARDED_HOST": "demo.example.net"},
    ],
    ids=str,
)
def test_no_request_from_elsewhere_opens_it(demo, settings, forged):
    settings.ALLOWED_HOSTS = ["*"]
    assert press(demo[0].staff).status_code == 302, "the control"
    assert press(demo[0].staff, **forged).status_code == 404
    assert buttons(**forged) == 0


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST"])
def test_this_machine_has_several_names(demo, host):
    assert buttons(HTTP_HOST=host) == len(demo)
    assert buttons(HTTP_HOST=host, REMOTE_ADDR="::1", SERVER_NAME="::1") == len(demo)


def test_another_site_cannot_press_the_button(demo):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False, **HERE)
    assert client.post(ADDRESS, {"colleague": str(demo[0].staff)}).status_code == 403
    assert client.get(f"{ADDRESS}?colleague={demo[0].staff}").status_code == 405


def test_nobody_else_signs_in_so(demo):
    """Also not whom the visitor invites to the example; nor anybody where no example was made."""
    invited, _ = taken_on("Ada Okoye", "ada@example.org", "geneva", ("administrator",))
    for nobody in (invited, "camille", "", "00000000-0000-0000-0000-000000000001"):
        assert press(nobody).status_code == 404, nobody
    with pytest.raises(NotProved):
        example.sign_in(invited, at=datetime.now(UTC))
    access.leave(demo[1].staff, by=None, at=datetime.now(UTC))
    assert press(demo[1].staff).status_code == 404


def test_an_installation_in_use_is_never_made_an_example(some, fresh_database, settings):
    settings.DEMO, settings.EMBEDDED = True, True
    access.set_office("geneva", "Geneva", "Europe/Zurich", by=None)
    camille, _ = taken_on("Camille", "camille@example.org", "geneva", ("counsellor",))
    assert not colleagues.make()
    assert example.colleagues() == []
    assert press(camille).status_code == 404
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as application:
        for statement in (
            "insert into access_example values ('camille@example.org')",
            "select access_mark_example('{camille@example.org}')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)
