"""The models and the migrations say the same."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from wayfare.site import runtime
from wayfare.site.external import DatabaseUnfit


def test_no_migration_is_missing():
    loader = MigrationLoader(None)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(loader.graph)
    assert changes == {}
    assert loader.detect_conflicts() == {}


def test_each_room_has_one_initial_migration():
    """Until something is released; functions, policies, triggers and grants are in the rooms' SQL files."""
    rooms = Counter(room for room, _ in MigrationLoader(None).disk_migrations)
    assert rooms.keys() >= {"tlog", "ledger", "access", "people", "departures"}
    assert set(rooms.values()) == {1}


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
