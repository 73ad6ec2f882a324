"""Where a session of tests writes, and what a command loads before it does anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wayfare.site.tests.test_embedded import wait

SESSION = "from wayfare.site.tests import home; print(home.folder, flush=True); input()"


def test_what_a_session_wrote_goes_when_it_is_killed():
    session = subprocess.Popen(
        [sys.executable, "-c", SESSION], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert session.stdout is not None
    folder = Path(session.stdout.readline().strip())
    (folder / "left").mkdir()
    session.kill()
    session.communicate()
    wait(lambda: not folder.exists(), "nothing is left")


def test_a_command_loads_no_large_library_that_it_may_not_need():
    command = [sys.executable, "-X", "importtime", "-m", "wayfare.site.cli", "ledger", "status", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "wayfare.ledger.queries" in loaded
    assert loaded.isdisjoint({"numpy", "babel", "pyarrow", "ibis", "duckdb"})
