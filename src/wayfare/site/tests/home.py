"""A pytest plugin that is loaded before Django's: a home of the session's own, before any setting is read.

In memory where there is room for it: what a test promises about a disk it asks the settings, or a disk of its own.
All that tests write lies beside the home, and goes with it when the session has ended, however it ended.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import hypothesis

PROCESS_BYTES = 6 << 30
"""What a process of a session may hold: one that wants more fails alone, before the machine has no memory left."""
MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 << 30
_SWEEP = """
import fcntl, pathlib, shutil, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "session.lock").open("ab") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
for _ in range(30):
    time.sleep(5)  # keepers of homes in it end when nobody has used them for a while
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        break
"""


def room_in_memory() -> bool:
    """Tell whether memory has room for the files of a session, and of its workers."""
    return MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES


def bound_memory() -> None:
    """Limit what this process and those that it starts may hold; if memory ends all the same, a worker ends first."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = PROCESS_BYTES if hard == resource.RLIM_INFINITY else min(hard, PROCESS_BYTES)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    if "PYTEST_XDIST_WORKER" in os.environ:  # pytest replaces a worker that is killed, and names its test
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")


bound_memory()
place = os.environ.setdefault("TESTS_PLACE", str(MEMORY) if room_in_memory() else tempfile.gettempdir())
folder = Path(tempfile.mkdtemp(prefix="wf-", dir=place))  # short, since a socket's path is limited
session = (folder / "session.lock").open("ab")
fcntl.flock(session, fcntl.LOCK_EX)
subprocess.Popen([sys.executable, "-IS", "-c", _SWEEP, str(folder)], start_new_session=True, cwd="/")

tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
os.environ["WAYFARE_HOME"] = str(folder / "home")
os.environ.setdefault("WAYFARE_SHARED_BUFFERS", "128MB")
os.environ.setdefault("WAYFARE_SPARK_MEMORY", "1g")
os.environ.setdefault("WAYFARE_SPARK_MASTER", "local-cluster[2,1,1024]")  # processes of their own, as in earnest
for elsewhere in ("DATABASE_URL", "WAYFARE_PEOPLE_KEYS", "WAYFARE_KEYS_TOKEN", "WAYFARE_KEYS_PIN_FILE"):
    os.environ.pop(elsewhere, None)

for profile, number in (("few", 30), ("many", 300)):  # the slow tier tries properties again with many examples
    hypothesis.settings.register_profile(
        profile, max_examples=number, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
hypothesis.settings.load_profile("few")

from wayfare.site import homes  # noqa: E402 - they load no setting, and what they load lies in memory
from wayfare.site.tests import template  # noqa: E402

try:
    template.fill(folder / "home")
except (OSError, RuntimeError, subprocess.SubprocessError) as problem:  # a cache is a help, no condition
    print(f"wayfare test: no copy of a finished database: {problem}", file=sys.stderr)
    shutil.rmtree(folder / "home", ignore_errors=True)
homes.make(folder / "home", with_database=True)
