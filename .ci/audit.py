#!/usr/bin/env python3
"""Asks pip-audit for known vulnerabilities in what the lock files pin.

One that is known fails; an answer that cannot be had does not, and is said.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PIP_AUDIT = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--timeout", "10")


def answer(lock: Path) -> dict[str, Any] | None:
    """Return what pip-audit found about a lock file, None if its service did not answer."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [*PIP_AUDIT, "--format", "json", "--output", str(found), "--requirement", str(lock)]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=300)  # noqa: S603
            return dict(json.loads(found.read_bytes()))
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None


def report(found: dict[str, Any] | None, name: str) -> tuple[list[str], bool]:
    """Return lines for people, and whether something is known to be vulnerable."""
    if found is None:
        return [f"audit: {name}: nothing was audited: the service that knows of vulnerabilities did not answer"], False
    packages = found["dependencies"]
    known = [(package, one) for package in packages for one in package.get("vulns", [])]
    lines = [
        f"audit: {name}: {package['name']} {package['version']}: {one['id']}, mended in"
        f" {', '.join(one['fix_versions']) or 'no version yet'}"
        for package, one in known
    ]
    unknown = sum("skip_reason" in package for package in packages)
    lines.append(f"audit: {name}: {len(packages) - unknown} packages audited, {unknown} unknown to the service")
    return lines, bool(known)


def main() -> None:
    """Audit every lock file; exit 1 if anything is known to be vulnerable."""
    failed = False
    for lock in sorted(ROOT.glob("requirements*.lock")):
        lines, bad = report(answer(lock), lock.name)
        print("\n".join(lines), flush=True)  # noqa: T201
        failed |= bad
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
