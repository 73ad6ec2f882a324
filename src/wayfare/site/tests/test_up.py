"""`wayfare up` with each of its processes killed, as it really runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from wayfare.site import embedded
from wayfare.site.tests import template
from wayfare.site.tests.killing import kill
from wayfare.site.tests.test_embedded import alive, keeper, postmaster, running_keeper, wait

pytestmark = pytest.mark.slow


def well(port):
    """Tell whether the front page answers, which asks the database; the sign-in page would not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def children(pid):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """One home with `up` running on a free port."""

    def __init__(self, folder, **settings):
        self.port = free_port()
        self.home = embedded.Home(Path(folder) / "home")
        if not self.home.home.exists():
            template.fill(self.home.home)
        self.environment = {**os.environ, "WAYFARE_HOME": str(self.home.home), **settings}
        self.environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        self.log = Path(folder) / "up.log"
        self.process: subprocess.Popen[bytes]
        self.start()

    def start(self):
        """Start `up`, and again if it ends before it is up: what an earlier one left may still hold the port."""

        def running():
            if self.process.poll() is not None:
                self.process = self._up()
            return "is up at" in self.log.read_text()

        self.process = self._up()
        wait(running, "up says that it is up", 120)
        wait(lambda: well(self.port), "a page answers")

    def _up(self):
        with self.log.open("wb") as log:
            command = [*self.command, "up", "--port", str(self.port)]
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def stop(self):
        """Stop `up` cleanly, and wait until nothing of it runs."""
        self.process.terminate()
        self.process.wait(30)
        wait(lambda: not keeper(self.home), "the keeper ends when nobody uses the home")

    command = (sys.executable, "-m", "wayfare.site.cli")

    def processes(self):
        """Return granian's process and its workers."""

        def of(pid):
            return [child for child in children(pid) if b"granian" in Path(f"/proc/{child}/cmdline").read_bytes()]

        granian = of(self.process.pid)  # the keeper is a child too, where this home had none; none while it comes back
        return (granian[0], of(granian[0])) if granian else (0, [])

    def all_processes(self):
        """Return granian's process and its two workers, once all are there: they come one after the other."""
        granian, workers = 0, []

        def there():
            nonlocal granian, workers
            granian, workers = self.processes()
            return len(workers) == 2

        wait(there, "granian and its workers run")
        return granian, workers


@pytest.fixture
def installation():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        installation = Installation(folder)
        try:
            yield installation
        finally:
            installation.stop()


def test_kill_9_of_granian_takes_its_workers_along_and_web_comes_back(installation):
    granian, workers = installation.all_processes()
    kill(granian)
    wait(lambda: not any(map(alive, workers)), "no worker outlives granian", 15)
    wait(lambda: well(installation.port), "web comes back")


def test_kill_9_of_a_worker_is_outlived(installation):
    _, workers = installation.all_processes()
    kill(workers[0])
    wait(lambda: len(installation.processes()[1]) == 2 and well(installation.port), "a worker takes its place")


def test_kill_9_of_the_postmaster_is_outlived(installation):
    kill(postmaster(installation.home))
    wait(lambda: well(installation.port), "pages answer again")


def test_kill_9_of_the_keeper_is_outlived_with_no_other_command(installation):
    kill(running_keeper(installation.home))
    wait(lambda: well(installation.port), "pages answer again")


def test_web_hears_again_soon_after_a_long_outage(installation):
    """The server is held down for 30 s while pages are asked for; then a page answers within 15 s."""
    data = installation.home.data
    aside = data.with_name("aside")
    data.rename(aside)
    kill(int((aside / "postmaster.pid").read_text().split()[0]))
    data.touch()  # so that the keeper cannot make another
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert not well(installation.port)
        time.sleep(0.5)
    data.unlink()
    aside.rename(data)
    wait(lambda: well(installation.port), "pages answer again", 15)


def test_kill_9_of_the_supervisor_leaves_nothing_running(installation):
    granian, workers = installation.all_processes()
    server = postmaster(installation.home)
    installation.process.kill()
    installation.process.wait()
    wait(lambda: not any(map(alive, (granian, *workers, server))), "all ends with the supervisor", 60)
    assert not (installation.home.data / "postmaster.pid").exists(), "PostgreSQL was stopped cleanly"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(installation, number):
    granian, workers = installation.all_processes()
    server = postmaster(installation.home)
    installation.process.send_signal(number)
    assert installation.process.wait(30) == 0
    assert not any(map(alive, (granian, *workers)))
    wait(lambda: not alive(server), "PostgreSQL stops when nobody uses it", 15)
    assert not (installation.home.data / "postmaster.pid").exists()


def test_a_second_up_on_the_port_is_refused_and_the_first_goes_on(installation):
    second = subprocess.run(
        [*installation.command, "up", "--port", str(installation.port)],
        env=installation.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert second.returncode == 2
    assert f"--port {installation.port}" in second.stderr
    assert "another Wayfare" in second.stderr
    assert well(installation.port)


def test_a_worker_that_is_still_loading_does_not_outlive_granian(installation):
    """Granian is killed at every stage of its workers' coming up; nothing that held the port is left."""
    for pause in (0.0, 0.2, 0.5, 1.0):
        granian, workers = installation.all_processes()
        time.sleep(pause)
        kill(granian)
        wait(lambda workers=workers: not any(map(alive, workers)), "no worker outlives granian", 30)
    wait(lambda: well(installation.port), "web comes back")
