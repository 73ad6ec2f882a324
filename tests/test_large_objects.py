"""Nobody but a superuser makes large objects: one of the application's role would stop the owner's dump."""

from __future__ import annotations

import subprocess

import psycopg
import pytest
from django.conf import settings

from wayfare.site import embedded


def dump(owner):
    command = [str(embedded.binaries() / "pg_dump"), "--format=custom", owner]
    return subprocess.run(command, capture_output=True).returncode


WAYS = [
    "select lo_creat(-1)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_import('/etc/hostname')",
    "select lo_open(1, 131072)",
    "select lo_put(1, 0, 'x')",
]


def test_the_application_makes_no_large_object_and_the_dump_works(fresh_database):
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as app:
        for way in WAYS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(way)
        assert dump(fresh_database("wayfare_owner")) == 0
        name = fresh_database("wayfare_owner").split("dbname=")[1].split()[0]
        superuser = embedded.Home(settings.WAYFARE_HOME).conninfo("postgres", name)
        with psycopg.connect(superuser, autocommit=True) as link:  # the control: as PostgreSQL comes
            link.execute("grant execute on function lo_from_bytea(oid, bytea) to public")
        app.execute("select lo_from_bytea(0, 'x')")
        assert dump(fresh_database("wayfare_owner")) != 0
