"""An embedded installation in which something of everything happened, and what tests ask of a restored one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.load import command

ROOT = Path(__file__).parents[1]
NAME = "Maryam Karimi"
_LIVE = f"""
from wayfare.site import runtime; runtime.bring_up()
import json
from tests.test_api_race import batch
from wayfare.access import operations as access
from wayfare.access.purposes import PURPOSES
from wayfare.departures import operations as departures
from wayfare.ledger.entries import operations as intake
from wayfare.ledger import jobs
from wayfare.tlog.operations import keep_up
from wayfare.tlog.source import SOURCES
from wayfare.people import epochs
from wayfare.people.tests.cast import Colleague
departures.add_programme("fra", "France", "FRA", "Europe/Paris")
intake.record(batch(20))
counsellor = Colleague("paris", "counsellor")
person = counsellor.enrols({NAME!r}).person
task = counsellor.task(person)
with counsellor.looks(person, "names"):
    pass
epochs.rewrap(epochs.begin())
for source in SOURCES.values():
    keep_up(source, jobs.opened(source.log))
print(json.dumps({{"secret": counsellor.secret, "person": str(person), "task": str(task)}}))
"""
_OPEN = """
from wayfare.site import runtime; runtime.bring_up()
import sys
from wayfare.access.operations import acting
from wayfare.people import operations
with acting(sys.argv[1]):
    print(operations.opened(sys.argv[2], ("names",)).groups)
"""


def environment(home, url=None):
    """Return the environment of an installation: embedded, or on a server of one's own."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    path = os.pathsep.join([str(ROOT), *sys.path])
    return {**kept, "PYTHONPATH": path, "WAYFARE_HOME": str(home), **({"DATABASE_URL": url} if url else {})}


def script(env, text, *arguments):
    """Run a Python text in an installation; return what it prints."""
    done = subprocess.run([sys.executable, "-c", text, *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def live(home):
    """Make an installation with programmes, departures, staff, a person, looks, a token and signed logs."""
    env = environment(home)
    told = json.loads(script(env, _LIVE).splitlines()[-1])
    code, _, err = command(env, "token", "add", "--source", "office", "--scope", "ledger:write")
    assert code == 0, err
    return told


def opened(env, told):
    """Open the person's names for the counsellor's task; return what is shown."""
    return script(env, _OPEN, told["secret"], told["task"])


_TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"


def rows(conninfo):
    """Return a hash of the rows of each table, whatever order they lie in; but for the note of the last start."""
    with psycopg.connect(conninfo) as link:
        link.execute("set timezone = 'UTC'")
        return {
            name: link.execute(
                f"select count(*), md5(string_agg(md5(one::text), '' order by md5(one::text))) from {name} one"
            ).fetchone()
            for (name,) in link.execute(_TABLES).fetchall()
            if name != "wayfare_sql"
        }


def last_json(text):
    return json.loads(text.splitlines()[-1])
