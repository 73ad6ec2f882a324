"""`wayfare test`: what everybody runs before a commit, and continuous integration after it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import click

CHECKS = (
    ("format", ("-m", "ruff", "format", "--check", "--quiet", ".")),
    ("lint", ("-m", "ruff", "check", "--quiet", ".")),
    ("types", ("-m", "mypy")),
    ("floors", ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")),
)
ROOT = Path(__file__).resolve().parents[3]
_MOST_WORKERS = 8
"""Each has a PostgreSQL of its own, in memory."""
_TESTS_FAILED = 1
"""Pytest's exit code when tests failed, and nothing else went wrong."""
_MOST_AGAIN = 12
"""So many failed tests are run again, alone."""


def spark_is_here() -> bool:
    """Tell whether Spark can run: Java, and the extra that brings pyspark."""
    java = shutil.which("java") or Path(os.environ.get("JAVA_HOME", "/nowhere"), "bin", "java").exists()
    return bool(java) and importlib.util.find_spec("pyspark") is not None


def softhsm_is_here() -> bool:
    """Tell whether keys can be kept in a software token: SoftHSM, and the extra that speaks PKCS#11."""
    return shutil.which("softhsm2-util") is not None and importlib.util.find_spec("pkcs11") is not None


def _skipped() -> list[str]:
    missing = []
    if shutil.which("chromium") is None:
        missing.append("browser tests: Chromium is not installed (Debian: apt-get install chromium)")
    if not spark_is_here():
        missing.append(
            "Spark tests: Java is not installed (Debian: default-jre-headless), or pyspark (set WAYFARE_SPARK=yes)"
        )
    if shutil.which("nginx") is None:
        missing.append("tests of the proxy's example: nginx is not installed (Debian: nginx)")
    if shutil.which("pgbouncer") is None:
        missing.append("tests with a pooler: PgBouncer is not installed (Debian: pgbouncer)")
    if not softhsm_is_here():
        missing.append("tests of keys in a token: SoftHSM is not installed (Debian: softhsm2), or python-pkcs11")
    return missing


def _side_by_side() -> tuple[str, ...]:
    """Return how pytest spreads tests: one more at a time than there are cores, since many wait for others to end."""
    workers = min(_MOST_WORKERS, len(os.sched_getaffinity(0)) + 1)
    return ("-n", str(workers), "--dist", "worksteal")


LONG = "(slow or browser)"
"""What the fast tier leaves out besides Spark: long proofs, whole installations, pages in Chromium."""


def selections(slow: bool) -> dict[str, tuple[str, ...]]:
    """Return pytest's arguments for each run. Spark's tests have one to themselves, since a cluster takes 4 GB."""
    runs = {"tests": ("-m", f"not {LONG} and not spark", *_side_by_side())}
    if slow:
        properties = ("-m", f"hypothesis and not {LONG} and not spark", "--hypothesis-profile=many")
        runs["long proofs"] = ("-m", f"{LONG} and not spark and not soak", *_side_by_side())
        runs["properties with many examples"] = (*properties, *_side_by_side())
    if slow and spark_is_here():
        runs["tests on Spark"] = ("-m", "spark")
    return {name: (*arguments, "--durations=25") for name, arguments in runs.items()}


def _run(*command: str, quiet: bool, root: Path = ROOT) -> tuple[int, str]:
    """Run Python with a command line, in the checkout; return its exit code, and what it said if quiet."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    done = subprocess.run(  # noqa: S603 - our own checks
        [sys.executable, *command], cwd=root, env=environment, check=False, text=True,
        stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
    )  # fmt: skip
    return done.returncode, done.stdout or ""


def _check() -> list[str]:
    """Run the checks, one after the other, saying how each ended; return those that failed."""
    failed = []
    for name, command in CHECKS:
        code, said = _run(*command, quiet=True)
        click.echo(f"wayfare test: {name}: " + (f"failed\n{said}" if code else "passed"), err=True)
        if code:
            failed.append(name)
    return failed


def run_tests(arguments: tuple[str, ...], root: Path = ROOT) -> bool:
    """Run pytest in a folder; run those that failed beside others once more, alone. Return whether all passed then.

    Tests of whole installations wait for processes that a busy machine may start too late. What fails twice fails, and
    what passed only alone is named. More than a few failures are not those of a busy machine, and neither is a property
    (Hypothesis) for which an example was found.
    """
    with TemporaryDirectory() as cache:
        kept = ("-o", f"cache_dir={cache}")
        code = _run("-m", "pytest", "-q", *arguments, *kept, quiet=False, root=root)[0]
        if code != _TESTS_FAILED or "-n" not in arguments:
            return code == 0
        noted = Path(cache, "v", "cache", "lastfailed")
        names = sorted(json.loads(noted.read_text()))
        if len(names) > _MOST_AGAIN:
            return False
        click.echo(f"wayfare test: {len(names)} that failed beside others run again, alone", err=True)
        chosen = f"({arguments[arguments.index('-m') + 1]}) and " if "-m" in arguments else ""
        alone = ("-n", "0", "--last-failed", "--last-failed-no-failures=none", "-m", f"{chosen}not hypothesis")
        code = _run("-m", "pytest", "-q", *arguments, *kept, *alone, quiet=False, root=root)[0]
        if left := sorted(json.loads(noted.read_text())) if noted.exists() else []:
            click.echo("wayfare test: failed:\n" + "\n".join(left), err=True)
            return False
        if code == 0:
            click.echo("wayfare test: passed only when they ran alone:\n" + "\n".join(names), err=True)
        return code == 0


def _test(runs: dict[str, tuple[str, ...]]) -> list[str]:
    """Run pytest with each of these arguments; return the runs that failed."""
    failed = []
    for name, arguments in runs.items():
        click.echo(f"wayfare test: {name}", err=True)
        if not run_tests(arguments):
            failed.append(name)
    return failed


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--slow", is_flag=True, help="Also the long proofs, and the tests on Spark.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(slow: bool, arguments: tuple[str, ...]) -> None:
    """Run format, lint, types and floors beside the tests; ARGUMENTS go to pytest, which then runs alone."""
    if arguments:
        failed = _test({"tests": arguments})
    else:
        with ThreadPoolExecutor(1) as pool:
            checks = pool.submit(_check)
            failed = [*_test(selections(slow)), *checks.result()]
    for line in _skipped():
        click.echo(f"wayfare test: skipped {line}", err=True)
    if failed:
        click.echo(f"wayfare test: failed: {', '.join(failed)}", err=True)
        sys.exit(1)
