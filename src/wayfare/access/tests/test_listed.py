"""The list of purposes stands in one place; the database is given it, and rooms may add to it what fits."""

from __future__ import annotations

import psycopg
import pytest

from wayfare.access import listed, purposes
from wayfare.access.purposes import GROUPS, PURPOSES, Declared, Purpose


def rows(owner):
    return [
        owner.execute(f"select * from {table} order by 1, 2").fetchall()
        for table in ("access_purpose", "access_purpose_role")
    ]


def test_the_database_s_list_is_made_what_the_code_says(fresh_database):
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner, owner.cursor() as cursor:
        before = rows(owner)
        assert {row[0] for row in before[0]} == PURPOSES.keys()
        for change in (
            "update access_purpose set hours = 99, groups = '{names}' where code = 'case_work'",
            "update access_purpose_role set scope = 'any' where purpose = 'case_work'",
            "delete from access_purpose_role where purpose = 'legal_duty'",
            "insert into access_purpose_role values ('travel_booking', 'verifier', 'any')",
        ):
            owner.execute(change)
            assert rows(owner) != before, "the control"
            listed.agree(cursor)
            assert rows(owner) == before, change
        owner.execute("insert into access_purpose values ('gone', 1, '{names}', 2, '')")
        owner.execute("insert into access_purpose_role values ('gone', 'counsellor', 'any')")
        listed.agree(cursor)
        assert owner.execute("select count(*) from access_purpose where code = 'gone'").fetchone() == (1,)
        assert owner.execute("select count(*) from access_purpose_role where purpose = 'gone'").fetchone() == (0,)


OFFICE = {"counsellor": "office"}


@pytest.fixture
def as_it_was():
    yield
    PURPOSES.pop("toy", None)
    purposes.DECLARED.pop("toy", None)


@pytest.mark.parametrize(
    ("code", "purpose", "says"),
    [
        ("toy", Purpose((), OFFICE, 2), "the purpose toy: opens known groups"),
        ("toy", Purpose(("faces",), OFFICE, 2), "the purpose toy: opens known groups"),
        ("toy", Purpose(GROUPS, {}, 2), "the purpose toy: opens known groups"),
        ("toy", Purpose(GROUPS, {"verifier": "any"}, 2), "the purpose toy: opens known groups"),
        ("toy", Purpose(GROUPS, {"counsellor": "all"}, 2), "the purpose toy: opens known groups"),
        ("toy", Purpose(GROUPS, OFFICE, 2, "approval"), "the purpose toy: opens known groups"),
        ("case_work", Purpose(GROUPS, OFFICE, 2), "there is another purpose case_work"),
    ],
)
def test_a_purpose_that_does_not_fit_is_not_put_on_the_list(as_it_was, code, purpose, says):
    with pytest.raises(ValueError, match=says):
        purposes.register(code, Declared(purpose, "Toy", "to play"))
    assert "toy" not in PURPOSES
    assert not purposes.DECLARED
    purposes.register("toy", Declared(Purpose(("names",), OFFICE, 2, "reason"), "Toy", "to play"))
    assert PURPOSES["toy"].hours == 2, "the control"
