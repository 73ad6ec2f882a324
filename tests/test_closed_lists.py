"""Lists that stand in the database and in the code are the same ones: who adds to one and forgets the other hears it."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

import wayfare
from wayfare.access import duties, operations, purposes, words
from wayfare.access.rules import SCOPES
from wayfare.access.web import looks

SQL = Path(wayfare.__file__).parent / "access" / "sql"
LISTS = {
    "access_erasure_ground_check": set(operations.GROUNDS),
    "access_notice_about_check": looks._NOTICES.keys() | words._TOLD.keys(),
    "access_purpose_role_scope_check": set(purposes.SCOPES),
    "access_role_role_check": set(purposes.ROLES),
    "access_token_scopes": set(SCOPES),
    "people_sealed_grp_check": set(purposes.GROUPS),
}
"""The name of a constraint → the codes that the code knows."""


@pytest.fixture
def allowed(fresh_database):
    """What each constraint lets into its column."""
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        found = owner.execute("select conname, pg_get_constraintdef(oid) from pg_constraint where contype = 'c'")
        yield {name: set(re.findall(r"'([a-z_:]+)'", text)) for name, text in found}


def test_the_database_lets_in_what_the_code_knows_and_nothing_else(allowed):
    assert {name: allowed.get(name) for name in LISTS} == LISTS


def test_every_obstacle_to_an_approval_has_words():
    """`has_left` is nobody's to read."""
    returned = re.findall(r"return '([a-z_]+)'", (SQL / "15_duties.sql").read_text())
    assert len(returned) > 5
    assert set(returned) == duties.OBSTACLES.keys() | {"has_left"}
