"""The audit of pinned packages: what is known fails, what cannot be known is said."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "audit.py"


@pytest.fixture
def audit():
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_known_vulnerability_fails_by_name(audit):
    known = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    found = {
        "dependencies": [{"name": "a", "version": "1.0", "vulns": [known]}, {"name": "b", "version": "2", "vulns": []}]
    }
    lines, bad = audit.report(found, "lock")
    assert bad
    assert lines[0] == "audit: lock: a 1.0: PYSEC-1, mended in 1.1"
    assert lines[-1] == "audit: lock: 2 packages audited, 0 unknown to the service"


def test_what_the_service_does_not_know_is_counted(audit):
    lines, bad = audit.report({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, "lock")
    assert (lines, bad) == (["audit: lock: 0 packages audited, 1 unknown to the service"], False)


def test_no_answer_is_said_and_fails_nothing(audit):
    lines, bad = audit.report(None, "lock")
    assert not bad
    assert "did not answer" in lines[0]


@pytest.mark.slow
def test_a_service_that_is_out_of_reach_is_said_and_fails_nothing(audit):
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PATH": "/usr/bin:/bin", "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "ALL_PROXY": nowhere},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("did not answer") == len(list(SCRIPT.parents[1].glob("requirements*.lock"))) >= 4
