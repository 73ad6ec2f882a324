"""Adding a room touches its own folder and the list of rooms: `tests/toy_room/` is tried in a session that has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOORS = ("tests/test_doors.py", "-k", "toy or expectation or each_role or every_form")


def session(*arguments: str, installed: bool = True) -> subprocess.CompletedProcess[str]:
    """Run tests in a session of their own, with the toy room on the list of rooms or without."""
    plugin = ("-p", "tests.toy_room.installed") if installed else ()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_a_room_that_is_put_on_the_list_works_through_every_door():
    done = session("tests/toy_room/proof.py")
    assert done.returncode == 0, done.stdout[-5_000:]


def test_its_page_is_tried_by_the_tests_of_all_pages():
    """Nothing is added to them; without the room they try nothing of it."""
    done = session(*DOORS)
    assert done.returncode == 0, done.stdout[-5_000:]
    found = session(*DOORS, "--collect-only").stdout
    assert "[toy/flights-GET]" in found
    assert "[api/v1/toy/flights-GET]" in found
    assert "toy/flights" not in session(*DOORS, "--collect-only", installed=False).stdout
