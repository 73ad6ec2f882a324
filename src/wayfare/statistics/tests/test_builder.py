"""The table builder: what is chosen is what is shown, in the files and by the command; nobody else's figures."""

from __future__ import annotations

import re
import shlex
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access import operations as access
from wayfare.access.purposes import FIGURE_READERS, ROLES
from wayfare.access.rules import EVERYTHING
from wayfare.access.tests.cast import Colleague, browser
from wayfare.departures import operations
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.rules import Refused
from wayfare.statistics import cli, queries
from wayfare.statistics.web.wide import MOST_COLUMNS, MOST_ROWS, added, wide

NOW = datetime.now(UTC)
PERIODS = (("", ""), ("2024", "2024"), ("2024-03", "2025-02"), ("", "2024-06"), ("2025-02", ""), ("2023", "2023"))


def entry(kind, when, **fields):
    given = {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": when.isoformat(), "source": "desk"}
    return given | fields


def leave(programme, person, at, destination="GEO", **facts):
    """Return the entries by which a person leaves."""
    departure, told = str(uuid.uuid4()), {"person": person, "programme": programme}
    known = {"nationality": "GEO", "sex": 1, "birth_date": None} | facts
    return [
        entry("enrolled", at - timedelta(days=30), **told, **known),
        entry("departure_registered", at - timedelta(days=3), **told, departure=departure, destination=destination,
              assistance=["cash"]),
        entry("departure_confirmed", at, departure=departure, evidence="pass_scanned"),
    ]  # fmt: skip


def on(year, month, day=14):
    return datetime(year, month, day, 12, tzinfo=UTC)


@pytest.fixture
def world(db):
    """Two offices; in Paris' programme nine departures of eight people, one of whom came back and left again."""
    for office in ("paris", "lyon"):
        access.set_office(office, office.title(), "Europe/Paris", by=None)
        operations.add_programme(f"of-{office}", f"Return, {office.title()}", "FRA", "Europe/Paris")
        operations.set_programme_office(f"of-{office}", office)
    entries = leave("of-lyon", str(uuid.uuid4()), on(2024, 3), "ALB")
    again = str(uuid.uuid4())
    for n, (year, month) in enumerate([(2024, 1), (2024, 3), (2024, 3), (2024, 12), (2025, 2), (2025, 2), (2025, 3)]):
        entries += leave(
            "of-paris", str(uuid.uuid4()), on(year, month), ("GEO", "ALB", "XKX")[n % 3], sex=(1, 2, 0, 9)[n % 4]
        )
    entries += leave("of-paris", again, on(2024, 5), sex=2, birth_date="1990")
    entries.append(entry("returned", on(2024, 8), person=again))
    entries += leave("of-paris", again, on(2024, 10), sex=2, birth_date="1990")[1:]
    assert {r.status for r in intake.record(entries)} == {"accepted"}


@pytest.fixture
def statistician(world):
    return browser(Colleague("paris", "statistician"))


def table(page):
    """Return the rows of the page's table as lists of texts, its head first; without the bars."""
    found = re.search(r"<table.*?</table>", page, re.DOTALL)
    assert found is not None
    rows = re.findall(r"<tr>(.*?)</tr>", found[0], re.DOTALL)
    cells = [re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    texts = [[re.sub(r"<[^>]*>", "", cell).strip() for cell in row] for row in cells]
    return [[text for text in row if text not in ("", "Bar")] for row in texts]


def shown(client, **asked):
    answer = client.get("/tables/", {"measure": "departures", "rows": "month"} | asked)
    assert answer.status_code == 200, re.sub(r"<[^>]*>", "", answer.content.decode())
    return answer.content.decode()


def test_it_begins_with_this_year_by_month(statistician, world):
    assert intake.record(leave("of-paris", str(uuid.uuid4()), NOW - timedelta(minutes=1)))[0].status == "accepted"
    page = statistician.get("/tables/").content.decode()
    assert table(page)[-1] == ["All", "1"]
    assert f'value="{NOW.year}"' in page
    assert "Exact figures: for staff, not for publication." in page


def test_rows_columns_and_sums_are_those_of_the_table(statistician):
    head, *lines, total = table(shown(statistician, columns="sex", since="2024", until="2024"))
    assert head == ["Month", "Not known", "Male", "Female", "Another sex", "All"]
    assert lines == [
        ["January 2024", "0", "1", "0", "0", "1"],
        ["March 2024", "1", "0", "1", "0", "2"],
        ["May 2024", "0", "0", "1", "0", "1"],
        ["October 2024", "0", "0", "1", "0", "1"],
        ["December 2024", "0", "0", "0", "1", "1"],
    ]
    assert total == ["All", "1", "1", "3", "1", "6"]


def test_a_person_who_left_twice_is_one_person_at_the_edges(statistician):
    head, *lines, total = table(shown(statistician, measure="persons", rows="sex", columns="year"))
    assert head == ["Sex", "2024", "2025", "All"]
    assert [line for line in lines if line[0] == "Female"] == [["Female", "2", "1", "3"]]
    assert total == ["All", "5", "3", "8"]
    months = table(shown(statistician, measure="persons", rows="month", since="2024", until="2024"))
    assert [line[-1] for line in months[1:]] == ["1", "2", "1", "1", "1", "5"], "twice in the months, once in the year"
    departures = table(shown(statistician, measure="departures", rows="sex", columns="year"))
    assert departures[-1] == ["All", "6", "3", "9"], "the control adds up"


@pytest.mark.parametrize("columns", ["", "destination", "age", "assistance"])
@pytest.mark.parametrize("rows", ["quarter", "nationality", "day", "programme"])
def test_each_file_is_what_the_command_says_byte_for_byte(statistician, rows, columns):
    asked = {"measure": "persons", "rows": rows, "columns": columns, "since": "2024-02", "until": "2025-02"}
    page = shown(statistician, **asked)
    command = re.search(r"<code[^>]*>(wayfare stats table .*?)</code>", page)[1]
    links = re.findall(r'href="(/tables/table\.[^"]*)"', page)
    assert len(links) == 4
    for link in links:
        answer = statistician.get(link.replace("&amp;", "&"))
        kind = re.search(r"table\.([a-z-]*)", link)[1]
        words = shlex.split(command.replace("&#x27;", "'"))[3:]
        done = CliRunner().invoke(cli.table, [*words[:-1], kind])
        assert done.exit_code == 0, done.output
        assert answer.content == done.stdout_bytes
        assert f"entry-{ledger.head()}-exact-not-for-publication" in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("measure", queries.MEASURES)
@pytest.mark.parametrize("by", [("day",), ("year", "sex")])
def test_a_period_is_the_same_on_both_engines(world, measure, by):
    asked = {"by": by, "measure": measure, "reader": EVERYTHING}
    whole = queries.table(**asked).rows
    for period in PERIODS:
        within = asked | {"period": queries.period(*period)}
        live = queries.table(**within).rows
        assert live == queries.table(engine="duckdb", **within).rows
        assert (live == whole) is (period == ("", "")), "a period takes something away, no period nothing"


def test_as_of_an_earlier_entry_it_is_what_was_known_then(statistician):
    before = ledger.head()
    intake.record(leave("of-paris", str(uuid.uuid4()), on(2024, 3)))
    now = table(shown(statistician, since="2024-03", until="2024-03"))
    then = table(shown(statistician, since="2024-03", until="2024-03", as_of=str(before)))
    assert (now[-1], then[-1]) == (["All", "3"], ["All", "2"])
    assert f"as of entry {before}" in shown(statistician, as_of=str(before))


WRONG = {
    "since": ["2024-13", "24", "2024-1", "march", "0000", "٢٠٢٤"],
    "until": ["2024-00", "2023-12"],
    "as_of": ["-1", "x", "999999", "9" * 25],
    "columns": ["month", "nothing"],
    "rows": ["", "person"],
    "measure": ["", "names"],
    "programme": ["of-lyon", "of-rome"],
}


@pytest.mark.parametrize(("field", "text"), [(field, text) for field, texts in WRONG.items() for text in texts])
def test_what_is_wrong_is_named_beside_its_field_and_stays(statistician, field, text):
    asked = {"measure": "departures", "rows": "month", "since": "2024-01"} | {field: text}
    answer = statistician.get("/tables/", asked)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="{field}-error"' in page
    assert re.search(rf'<a href="#{field}">[A-Z][a-z ]+: ', page)
    assert "<table" not in page
    if field in ("since", "until", "as_of"):
        assert f'value="{text}"' in page
    assert statistician.get("/tables/table.csv", asked).status_code == 404


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_it_speaks_the_languages(statistician, language):
    statistician.cookies["language"] = language
    page = shown(statistician, rows="age", columns="assistance")
    assert not re.search(r">\s*(Table builder|Rows|Columns|Download|Not known|Cash|Make the table)\s*<", page)
    wrong = statistician.get("/tables/", {"rows": "month", "measure": "departures", "since": "x"}).content.decode()
    assert "Write a month" not in wrong


def test_only_those_who_read_exact_figures_and_only_of_their_office(world):
    for role in ROLES:
        client = browser(Colleague("paris", role), raise_request_exception=False)
        wanted = 200 if role in FIGURE_READERS else 404
        file = {"measure": "departures", "rows": "programme"}
        assert client.get("/tables/").status_code == wanted, role
        answer = client.get("/tables/table.csv", file)
        assert answer.status_code == wanted, role
        if wanted == 200:
            assert answer.content == b"programme,departures\nof-paris,9\n"
            assert "Lyon" not in client.get("/tables/").content.decode()
    anonymous = Client(HTTP_HOST="localhost")
    assert anonymous.get("/tables/").headers["Location"].startswith("/staff/sign-in")
    assert anonymous.get("/tables/table.csv", file).status_code == 302


def test_an_office_without_a_programme_is_told_how_it_gets_one(world):
    access.set_office("nice", "Nice", "Europe/Paris", by=None)
    client = browser(Colleague("nice", "statistician"))
    assert "wayfare programme office KEY nice" in client.get("/tables/").content.decode()
    assert client.get("/tables/table.csv", {"measure": "departures", "rows": "month"}).status_code == 404


def test_where_nothing_is_counted_it_says_so(statistician):
    page = shown(statistician, since="1999", until="1999")
    assert "No departures are counted for this choice." in page
    assert "<table" not in page


def test_the_statisticians_home_and_header_lead_there(statistician):
    page = statistician.get("/home").content.decode()
    assert page.count('href="/tables/"') >= 2


@pytest.mark.parametrize(("since", "until", "field"), [("2024-", "", "from"), ("", "20", "to"), ("2024", "2023", "to")])
def test_the_command_names_a_period_that_is_none(db, since, until, field):
    with pytest.raises(Refused) as refused:
        queries.period(since, until)
    assert refused.value.field == field
    done = CliRunner().invoke(cli.table, ["--from", since, "--to", until])
    assert done.exit_code == 2
    assert field in done.output


CELLS = st.dictionaries(
    st.tuples(st.text("abcdef", min_size=1, max_size=3), st.text("xyzuvw", min_size=1, max_size=2)),
    st.integers(1, 99), max_size=90,
)  # fmt: skip


@given(CELLS)
def test_a_wide_table_shows_the_largest_columns_and_loses_nothing_at_its_edges(cells):
    rows = sorted((key, column, n) for (key, column), n in cells.items())
    totals = added(rows)
    found = wide(rows, totals)
    assert totals.whole == sum(cells.values()) == sum(totals.rows.values()) == sum(totals.columns.values())
    assert found.columns == sorted(found.columns)
    assert len(found.columns) == min(MOST_COLUMNS, len(totals.columns))
    assert found.left_columns == len(totals.columns) - len(found.columns)
    smallest_shown = min((totals.columns[name] for name in found.columns), default=0)
    assert all(totals.columns[name] <= smallest_shown for name in totals.columns.keys() - set(found.columns))
    for key, line in found.rows.items():
        assert line == {column: n for (row, column), n in cells.items() if row == key}


def test_of_very_many_rows_the_first_are_shown():
    rows = [(f"{n:04}", 1) for n in range(MOST_ROWS + 7)]
    found = wide(rows, added(rows))
    assert (len(found.rows), found.left_rows, found.totals.whole) == (MOST_ROWS, 7, MOST_ROWS + 7)
