"""The copies that sessions of tests start from: one making for any number of sessions, and none of another state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wayfare.site.tests import template

FILL = """
import sys
from pathlib import Path
from wayfare.site.tests import template
template.fill(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_its_name_changes_with_what_it_is_made_from(tmp_path, monkeypatch):
    """The control: a file that nothing is made from changes no name."""
    monkeypatch.setattr(template, "SOURCE", tmp_path)
    names = [template.fingerprint()]
    for name in ("people/sql/10_a.sql", "people/sql/20_b.sql", "ledger/migrations/0001_initial.py", "people/rules.py"):
        for content in ("a", "b"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
            names.append(template.fingerprint())
    assert len(set(names)) == len(names) - 2
    assert len(set(names[-3:])) == 1
    monkeypatch.setenv("WAYFARE_SHARED_BUFFERS", "256MB")
    assert template.fingerprint() not in names


def test_it_is_made_from_every_migration_and_sql_file():
    source = Path(template.__file__).parents[2]
    wanted = {file for kind in ("migrations/*.py", "sql/*.sql") for file in source.rglob(kind)}
    found = {file for pattern in template.MADE_FROM for file in source.glob(pattern)}
    assert wanted
    assert wanted <= found
    assert all((source / name).exists() for name in template.MADE_FROM if "*" not in name)


def test_what_killed_sessions_left_goes_and_the_last_used_stay(tmp_path):
    for number in range(template.KEPT + 2):
        (tmp_path / f"{number}").mkdir()
        os.utime(tmp_path / f"{number}", (number, number))
    (tmp_path / "9.partial" / "keys").mkdir(parents=True)
    (tmp_path / "lock").touch()
    template.tidy(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lock", *(str(n) for n in range(2, template.KEPT + 2))}


@pytest.mark.slow
def test_sessions_that_start_at_once_make_one_and_get_a_whole_copy_each(tmp_path):
    """One of them is killed while it makes the template; the others go on and make it once."""
    cache, environment = tmp_path / "cache", {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    sessions = [
        subprocess.Popen([sys.executable, "-c", FILL, tmp_path / f"home{n}", cache], env=environment) for n in range(4)
    ]
    sessions[0].kill()
    assert [session.wait(120) for session in sessions[1:]] == [0, 0, 0]
    (made,) = (path for path in cache.iterdir() if path.is_dir())
    assert made.name == template.fingerprint()

    def files(folder):
        return {
            (file.relative_to(folder), file.stat().st_mode, file.stat().st_uid, file.is_file() and file.read_bytes())
            for file in folder.rglob("*")
        }

    for n in (1, 2, 3):
        assert files(tmp_path / f"home{n}") == files(made)
    for role in ("wayfare_app", "postgres"):
        assert (made / "keys" / f"database-{role}").stat().st_mode & 0o777 == 0o600
