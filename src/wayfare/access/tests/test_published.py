"""How often files are opened, for everybody: whole months, the same for ever at a position, no id and no staff."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.test import Client

from wayfare.access import operations, published
from wayfare.access.operations import acting, take_up
from wayfare.access.tests import past
from wayfare.access.tests.cast import NOW, WORDS, Colleague, file_of
from wayfare.ledger.rules import Refused

HISTORY = {
    "2025-11": {"case_work": 40, "travel_booking": 12, "break_glass": 6, "approved": 5},
    "2025-12": {"case_work": 30, "travel_booking": 9, "break_glass": 3, "approved": 2},
    "2026-01": {"case_work": 25, "duplicate_review": 7, "break_glass": 8, "approved": 6},
}


@pytest.fixture
def ends(fresh_database):
    return past.write(HISTORY | {"2026-02": {"case_work": 1}})


@pytest.fixture
def stranger(fresh_database):
    return Client(HTTP_HOST="localhost")


def table(client, as_of):
    text = client.get(f"/looks/table.csv?as_of={as_of}").content.decode()
    return {(row["period"], row["what"]): row["count"] for row in csv.DictReader(io.StringIO(text))}


def test_the_figures_of_months_that_are_over(ends, stranger):
    found = table(stranger, ends["2026-02"])
    assert found["2026-01", "visits"] == "40"
    assert found["2026-01", "break_glass"] == "8"
    assert found["2025-12", "break_glass"] == ""
    assert found["2025", "break_glass"] == "9"
    assert found["2025", "approved"] == "7"
    assert not [period for period, _ in found if period.startswith("2026-02")]


def test_a_position_gives_the_same_for_ever(ends, stranger):
    then = stranger.get(f"/looks/table.csv?as_of={ends['2025-12']}").content
    first = stranger.get(f"/looks/?as_of={ends['2025-12']}").content
    past.write({"2026-03": {"case_work": 80, "break_glass": 9}, "2026-04": {"case_work": 1}})
    published._counted.cache_clear()
    assert stranger.get(f"/looks/table.csv?as_of={ends['2025-12']}").content == then
    assert stranger.get(f"/looks/?as_of={ends['2025-12']}").content == first
    assert b"2026-03,visits,89" in stranger.get("/looks/table.csv").content


def test_what_is_asked_before_a_look_and_after_it_is_the_same(ends, stranger):
    """Every position within a month gives the months before it, so that no look can be told apart."""
    answers = {tuple(table(stranger, at).items()) for at in range(ends["2025-12"] + 1, ends["2026-01"] + 1)}
    assert len(answers) == 1


def test_the_database_itself_counts_whole_months_only(ends, fresh_database):
    with psycopg.connect(fresh_database("wayfare_app")) as connection:
        for before in ("2026-01-20", "2030-01-01"):
            months = {row[0] for row in connection.execute("select month from access_counted(%s)", [before])}
            assert max(months).isoformat() == ("2025-12-01" if before < "2026-02" else "2026-01-01")
        assert connection.execute("select count(*) from access_log").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from access_looks_of(%s)", [past.SOMEBODY])


def test_an_emergency_that_nobody_approved_is_counted_in_the_month_in_which_it_ended(ends, stranger):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    colleague = Colleague("paris", "supervisor")
    person = file_of(colleague)
    for hours in range(6):
        with acting(colleague.secret):
            begun = datetime(2026, 1, 31, 17, 30, tzinfo=UTC) + timedelta(hours=hours)
            take_up(colleague.id, person, "break_glass", reason=WORDS, at=begun)
    found = table(stranger, ends["2026-02"])
    assert found["2026-01", "unapproved"] == "5", "the sixth ended in February"
    assert found["2026-01", "visits"] == "40"


def test_nobody_is_named(ends, stranger):
    pages = [stranger.get("/looks/").content.decode(), stranger.get("/looks/table.csv").content.decode()]
    for page in pages:
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", page)
        assert str(past.SOMEBODY)[:8] not in page


def test_small_counts_say_so(ends, stranger):
    page = stranger.get("/looks/?period=2025-12").content.decode()
    assert "fewer than 5" in page
    assert "withheld" in page
    assert "December 2025" in page
    assert f"as_of={ends['2026-02']}" in page


@pytest.mark.parametrize("text", ["x", "0", "-1", "999999", "1" * 30, "٣"])
def test_what_is_no_position_is_told(ends, stranger, text):
    page = stranger.get("/looks/", {"as_of": text})
    assert page.status_code == 422
    assert "has no such entry" in page.content.decode()
    assert stranger.get("/looks/table.csv", {"as_of": text}).status_code == 422


@pytest.mark.parametrize("period", ["2026-02", "1999", "x", "2026-1", "20-26", "2026-01-01"])
def test_a_period_that_is_not_published_is_not_found(ends, stranger, period):
    assert stranger.get("/looks/", {"period": period}).status_code == 404


def test_before_the_first_month_is_over_there_are_none(fresh_database, stranger):
    assert b"no figures yet" in stranger.get("/looks/").content
    assert published.published().position == 0
    with pytest.raises(Refused, match="as_of"):
        published.published(1)
    past.write({f"{NOW:%Y-%m}": {"case_work": 9}})
    assert b"no figures yet" in stranger.get("/looks/").content


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_the_page_speaks_the_languages(ends, stranger, language):
    stranger.cookies["language"] = language
    page = stranger.get("/looks/").content.decode()
    assert f'lang="{language}"' in page
    assert ("How often files are opened" in page) is (language == "en")
    assert "<script" not in page


def test_the_log_is_read_through_once_a_month(ends, stranger):
    published._counted.cache_clear()
    for at in (ends["2026-02"], ends["2026-01"], ends["2025-12"]):
        table(stranger, at)
    assert published._counted.cache_info().misses == 1
