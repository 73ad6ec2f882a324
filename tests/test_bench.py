"""Each measurement of `bench/` still runs, in small: it ends well and prints its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = {
    "alike": ("--rounds", "40", "--only", "files/new"),
    "import_": ("--entries", "2000"),
    "live": ("--behind", "2000", "--rate", "20", "--seconds", "2", "--verify"),
    "log": ("--entries", "2000", "--proofs", "20"),
    "recount": ("--departures", "2000"),
    "search": ("--data", "scripts", "--searches", "5"),
    "single": ("--writers", "2", "--seconds", "0.5", "--rounds", "1"),
    "tables": ("--departures", "2000", "--repeat", "1", "--dimensions", "1"),
    "vault": ("--opens", "20", "--people", "50", "--keys", "200", "--search", "200", "--searches", "5"),
}


def test_every_measurement_is_tried():
    assert {path.stem for path in (ROOT / "bench").glob("*.py")} - {"home"} == SMALL.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_it_runs_in_small(tmp_path, name):
    if name == "search" and find_spec("recordlinkage") is None:
        pytest.skip("needs the dependency group 'bench'")
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    environment.pop("WAYFARE_HOME")
    done = subprocess.run(
        [sys.executable, f"bench/{name}.py", *SMALL[name]],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])
