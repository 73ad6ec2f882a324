"""The pages around the live one: the front page, the search, months gone by, and what is shown when all is not well."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import translation
from django.utils.translation import ngettext

from wayfare.access.rules import EVERYTHING
from wayfare.departures import live, operations, queries
from wayfare.departures.web.values import values
from wayfare.ledger.entries import operations as intake

NOW = datetime.now(UTC)
LANGUAGES = [code for code, _ in settings.LANGUAGES]


def leave(programme: str, at: datetime, destination: str = "GEO") -> None:
    """Record a departure that counts, at an instant."""
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())

    def entry(kind: str, when: datetime, **fields):
        given = {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": when.isoformat(), "source": "desk"}
        return given | fields

    enrolled = {"person": person, "programme": programme, "nationality": destination, "sex": 1, "birth_date": None}
    registered = {"departure": departure, "person": person, "programme": programme, "destination": destination}
    results = intake.record(
        [
            entry("enrolled", at - timedelta(days=30), **enrolled),
            entry("departure_registered", at - timedelta(days=3), **registered, assistance=[]),
            entry("departure_confirmed", at, departure=departure, evidence="pass_scanned"),
        ]
    )
    assert {r.status for r in results} == {"accepted"}


@pytest.fixture
def visitor(db, settings) -> Client:
    """Somebody who looks at a demo, in which everybody reads exact figures."""
    settings.DEMO = True
    return Client(HTTP_HOST="localhost")


@pytest.fixture
def programmes(visitor) -> None:
    operations.add_programme("fra", "Return from France", "FRA", "Europe/Paris")
    operations.add_programme("deu", "Return from Germany", "DEU", "Europe/Berlin")
    operations.add_programme("aus", "Outback home", "AUS", "Australia/Sydney")


# The front page


def test_an_empty_installation_says_how_to_begin(visitor):
    text = visitor.get("/").content.decode()
    assert "wayfare programme add --key" in text
    assert "wayfare demo" in text
    assert "How to begin" in visitor.get("/departures/").content.decode()


def test_the_front_page_has_each_programme_with_its_figures(visitor, programmes):
    leave("fra", NOW)
    leave("fra", NOW)
    rows = re.findall(r"<tr><th scope=\"row\"><a href=\"([^\"]+)\">.*?</tr>", visitor.get("/").content.decode())
    assert rows == ["/departures/aus/", "/departures/deu/", "/departures/fra/"]
    position, lines = live.overview(NOW, reader=EVERYTHING)
    assert position == 6
    assert {line.programme.key: line[1:] for line in lines} == {"aus": (0, 0, 0), "deu": (0, 0, 0), "fra": (2, 2, 2)}


def test_each_programme_has_the_day_of_its_own_place(programmes):
    """At noon UTC on 31 December it is the new year in Sydney already."""
    new_year = datetime(2025, 12, 31, 14, tzinfo=UTC)
    leave("aus", new_year)
    leave("fra", new_year)
    _, lines = live.overview(new_year, reader=EVERYTHING)
    assert {line.programme.key: line[1:] for line in lines} == {"aus": (1, 1, 1), "deu": (0, 0, 0), "fra": (1, 1, 1)}
    _, lines = live.overview(new_year - timedelta(hours=3), reader=EVERYTHING)
    assert {line.programme.key: line[1:] for line in lines}["aus"] == (0, 0, 0)


@pytest.mark.parametrize(
    ("language", "wanted", "address"),
    [
        ("en", "fra", "/departures/fra/"),
        ("en", "Return from Germany", "/departures/deu/"),
        ("fr", "allemagne", "/departures/deu/"),
        ("fr", "Germany", "/departures/deu/"),
        ("ar", "ألمانيا", "/departures/deu/"),
        ("en", "outback", "/departures/aus/"),
        ("en", "AUSTRALIA", "/departures/aus/"),
        ("en", "return from", "/?q=return+from"),
        ("en", "nowhere", "/?q=nowhere"),
        ("en", "//evil.example", "/?q=%2F%2Fevil.example"),
        ("en", "", "/"),
    ],
)
def test_a_programme_is_found_by_name_or_country(visitor, programmes, language, wanted, address):
    visitor.cookies["language"] = language
    assert visitor.get("/departures/choose", {"programme": wanted}).headers["Location"] == address


def test_a_search_that_is_not_plain_lists_what_it_may_mean(visitor, programmes):
    text = visitor.get("/", {"q": "return from"}).content.decode()
    assert "2 programmes" in text
    assert "Outback" not in text
    assert "No programme has such a name or country" in visitor.get("/", {"q": "<script>"}).content.decode()
    assert "<script>" not in visitor.get("/", {"q": "<script>"}).content.decode()


def test_ninety_programmes_are_a_light_page(visitor):
    for key in queries_keys(90):
        operations.add_programme(key, f"Return from {key}", "FRA", "Europe/Paris")
    assert len(queries.programmes()) == 90
    for address in ("/", "/departures/"):
        assert len(visitor.get(address).content) < 30_000
    with_choices = visitor.get("/departures/").content.decode()
    assert with_choices.count("<option") == 90


def queries_keys(number: int) -> list[str]:
    return [f"p{n:02}" for n in range(number)]


# Past month


def test_a_month_gone_by_is_shown_whole_and_stands_still(visitor, programmes):
    for day in (1, 1, 30):
        leave("fra", datetime(2025, 6, day, 12, tzinfo=UTC))
    leave("fra", datetime(2025, 5, 31, 12, tzinfo=UTC))
    found = live.cells("fra", NOW, date(2025, 6, 1), reader=EVERYTHING)
    assert (found.present, found.today, found.month, found.year) == (False, 0, 3, 4)
    assert (len(found.days), found.days[0], found.days[29]) == (30, 2, 1)
    assert found.before == [0, 0, 0, 0, 0, 1]
    assert found.months[-2:] == [1, 3]
    text = visitor.get("/departures/fra/?month=2025-06").content.decode()
    assert "data-live" not in text
    assert "live.js" not in text
    assert 'href="?month=2025-05" rel="prev"' in text
    assert 'href="?month=2025-07" rel="next"' in text


@pytest.mark.parametrize("key", ["fra", live.EVERYTHING])
@pytest.mark.parametrize("month", [1, 2, 3])
def test_a_year_is_counted_to_today_whichever_of_its_months_is_shown(programmes, key, month):
    now = datetime(2025, 3, 15, 12, tzinfo=UTC)
    for at in ("2024-12-31", "2025-01-05", "2025-02-07", "2025-03-15", "2025-03-16", "2025-04-01"):
        leave("fra", datetime.fromisoformat(at + "T10:00:00+00:00"))
    found = live.cells(key, now, date(2025, month, 1), reader=EVERYTHING)
    assert (found.year, found.month, found.present) == (3, 1, month == 3)
    assert found.months[-1 - month :] == [1] * (month + 1)
    line = next(line for line in live.overview(now, reader=EVERYTHING)[1] if line.programme.key == "fra")
    assert (line.today, line.month, line.year) == (1, 1, 3)


def test_a_month_to_come_is_the_present_one(visitor, programmes):
    text = visitor.get("/departures/fra/?month=2099-01").content.decode()
    assert "data-live" in text
    assert 'rel="next"' not in text


@pytest.mark.parametrize("month", ["", "2025", "2025-13", "2025-00", "0001-01", "x", "2025-06-01", "٢٠٢٥-٠٦"])
def test_what_is_no_month_is_not_found(visitor, programmes, month):
    assert visitor.get("/departures/fra/", {"month": month}).status_code == 404


@pytest.mark.parametrize("day", [datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2024, 2, 29, 23, tzinfo=UTC)])
def test_the_first_day_of_a_year_and_a_leap_day(programmes, day):
    leave("fra", day - timedelta(days=1))
    leave("fra", day)
    found = live.cells("fra", day + timedelta(minutes=30), reader=EVERYTHING)
    assert found.days[-1] == found.today == 1
    assert len(found.days) == found_day(found)
    assert values(found, "en")["figures"][0]["note"] == "Yesterday: 1."


def found_day(found: live.Cells) -> int:
    return datetime.fromisoformat(found.at).day


# Words


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_are_offered_in_their_own_words(visitor, language):
    visitor.cookies["language"] = language
    text = visitor.get("/").content.decode()
    for name in ("English", "Français", "Español", "العربي"):
        assert name in text


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (1, "بلاغ واحد"),
        (2, "بلاغان"),
        (3, "بلاغات"),
        (10, "بلاغات"),
        (11, "بلاغًا"),
        (99, "بلاغًا"),
        (100, "بلاغ "),
        (102, "بلاغ "),
        (103, "بلاغات"),
        (111, "بلاغًا"),
    ],
)
def test_arabic_has_six_plurals(number, word):
    with translation.override("ar"):
        text = ngettext(
            "%(n)s report is waiting for its registration.", "%(n)s reports are waiting for their registration.", number
        )
        assert word in text % {"n": number}


def test_the_oldest_that_waits_is_told_with_its_day(visitor, programmes):
    at = datetime(2026, 7, 1, 7, 12, tzinfo=UTC)
    intake.record(
        [
            {
                "entry_id": str(uuid.uuid4()),
                "kind": "departure_confirmed",
                "occurred_at": at.isoformat(),
                "source": "desk",
                "departure": str(uuid.uuid4()),
                "evidence": "pass_scanned",
            }
        ]
    )
    text = visitor.get("/departures/").content.decode()
    assert "The oldest has been waiting since Wednesday, 1 July 2026, 07:12." in text


# Not well


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("address", ["/departures/rome/", "/nothing"])
def test_what_is_not_there_is_said_in_each_language(visitor, language, address):
    visitor.cookies["language"] = language
    response = visitor.get(address)
    assert response.status_code == 404
    assert f'lang="{language}"' in response.content.decode()
    assert 'href="/"' in response.content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "address", ["/", "/departures/", "/departures/fra/", "/departures/choose?programme=fra", "/log/"]
)
def test_without_a_database_a_page_says_so(visitor, language, address):
    """The database's refusal is raised where it would be: by the connection."""
    from django.db import connection

    def gone(*_):
        raise OperationalError("server closed the connection unexpectedly")

    visitor.cookies["language"] = language
    with connection.execute_wrapper(gone):
        response = visitor.get(address)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    text = response.content.decode()
    assert f'lang="{language}"' in text
    assert "server closed" not in text
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_our_own_mistake_shows_no_trace(visitor, programmes, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("for the test")

    monkeypatch.setattr("wayfare.departures.live.overview", fail)
    visitor.raise_request_exception = False
    response = visitor.get("/")
    assert response.status_code == 500
    assert b"Our mistake" in response.content
    assert b"for the test" not in response.content
