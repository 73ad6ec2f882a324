"""The models and the migrations say the same."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from wayfare.departures import operations
from wayfare.site import runtime
from wayfare.site.external import DatabaseUnfit
from wayfare.statistics import verify
from wayfare.statistics.tests.histories import PROGRAMMES, history

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_no_migration_is_missing():
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(loader.graph)
    assert changes == {}
    assert loader.detect_conflicts() == {}


def _rows(query: str) -> Counter[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return Counter(cursor.fetchall())


def test_the_cells_by_day_are_filled_by_the_migration_either_way(fresh_database, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    for p in PROGRAMMES.values():
        operations.add_programme(p.key, p.title, p.country, p.timezone, p.counts_from)
    operations.record(history(1, 8, 200), now=NOW)
    wide = _rows("select * from departures_daycell")
    assert len(wide) > 1
    call_command("migrate", "departures", "0003", database="owner", verbosity=0)
    narrow = _rows("select programme_id, day, destination, evidence, departures from departures_daycell")
    assert narrow == _rows(
        "select programme_id, day, destination, evidence, count(*) from departures_counted group by 1, 2, 3, 4"
    )
    call_command("migrate", "departures", database="owner", verbosity=0)
    assert _rows("select * from departures_daycell") == wide
    operations.record(history(2, 8, 200), now=NOW)
    assert verify.differences()[1] == []


def test_a_database_with_migrations_that_are_gone_is_refused_before_anything_changes(fresh_database):
    """As one that was made before the migrations of a room became one."""
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        owner.execute("insert into django_migrations (app, name, applied) values ('access', '0002_staff', now())")
        owner.execute("delete from wayfare_sql")
        with pytest.raises(DatabaseUnfit, match=r"does not have access\.0002_staff. Nothing was changed"):
            runtime.migrate()
        assert owner.execute("select count(*) from wayfare_sql").fetchone() == (0,)
        owner.execute("delete from django_migrations where name = '0002_staff'")
        runtime.migrate()
        assert owner.execute("select count(*) from wayfare_sql").fetchone() == (1,), "the control"
