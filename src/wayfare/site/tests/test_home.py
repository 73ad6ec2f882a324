"""Where a session of tests writes, and what a command loads before it does anything."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from wayfare.site import testing
from wayfare.site.tests.killing import kill
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


GREEDY = """
import mmap, sys
if sys.argv[1] == "bounded":
    from wayfare.site.tests import home
try:
    held = mmap.mmap(-1, 7 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # not reserved nor touched
except OSError:
    print("refused")
else:
    print(len(held) >> 30)
"""


@pytest.mark.parametrize(("how", "said"), [("bounded", "refused"), ("unbounded", "7")])
def test_one_process_cannot_take_all_memory(how, said):
    """It fails alone; the control, without the bound, gets what it asks for."""
    unlimited = partial(resource.setrlimit, resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    done = subprocess.run(
        [sys.executable, "-c", GREEDY, how],
        capture_output=True, text=True, check=True, timeout=60, preexec_fn=unlimited,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == said


def test_a_worker_ends_before_the_session_when_memory_ends():
    """The kernel ends first whoever has the higher score; pytest replaces a worker, and nobody replaces a session."""
    score = "print(open('/proc/self/oom_score_adj').read())"
    program = f"{score}; from wayfare.site.tests import home; {score}"
    session = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    for worker in ({}, {"PYTEST_XDIST_WORKER": "gw0"}):
        done = subprocess.run(
            ["/bin/sh", "-c", 'echo 0 >/proc/self/oom_score_adj; exec "$@"', "sh", sys.executable, "-c", program],
            env=session | worker, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        before, after = done.stdout.split()
        assert after == ("500" if worker else before)


@pytest.mark.parametrize("pid", [0, -1, 1])
def test_no_test_ends_the_session_that_runs_it(pid):
    """0 is the whole group, -1 everybody: a search for a process that is just starting again gives the first."""
    with pytest.raises(ProcessLookupError):
        kill(pid, 0)  # signal 0 ends nobody, should it be sent


def test_control_signal_0_goes_to_the_whole_group():
    os.kill(0, 0)


def test_tests_end_other_processes_by_that_function_alone():
    root = Path(__file__).resolve().parents[4]
    tests = [*root.glob("tests/**/*.py"), *root.glob("src/wayfare/**/tests/**/*.py"), *root.glob("bench/**/*.py")]
    assert len(tests) > 150
    direct = re.compile(r"os[.]kill[(](?!os[.]getpid[(][)]|0, 0[)])")
    assert [path.name for path in tests if direct.search(path.read_text())] == ["killing.py"]


def test_every_test_runs_in_one_tier_and_spark_alone():
    """Side by side, three clusters of Spark took 13 GB, and more as they grew."""
    runs = {name: (arguments[1], "-n" in arguments) for name, arguments in testing.selections(slow=True).items()}
    once = [expression for name, (expression, _) in runs.items() if "many examples" not in name]
    marks = ("slow", "browser", "spark", "soak")
    for have in product((False, True), repeat=4):
        told = dict(zip(marks, have, strict=True))
        chosen = [expression for expression in {*once, "spark"} if eval(expression, told)]
        if told["soak"] and told["slow"] and not told["spark"]:
            assert chosen == [], "what takes hours is run by hand"
        elif not told["soak"]:
            assert len(chosen) == 1, (told, chosen)
    assert runs.get("tests on Spark", ("spark", False)) == ("spark", False)
    assert testing.selections(slow=False).keys() == {"tests"}


def test_a_command_loads_no_large_library_that_it_may_not_need():
    command = [sys.executable, "-X", "importtime", "-m", "wayfare.site.cli", "ledger", "status", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "wayfare.ledger.queries" in loaded
    assert loaded.isdisjoint({"numpy", "babel", "pyarrow", "ibis", "duckdb"})
