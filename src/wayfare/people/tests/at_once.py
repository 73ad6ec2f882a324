"""Processes that begin together, for what happens when several do the same at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def said_at_once(number: int, program: str, arguments: Sequence[str]) -> set[str]:
    """Run a program in so many processes, each let go by a line on its input; return what they said, if all ended well."""
    start = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        for _ in range(number)
    ]
    for process in start:
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
    said = {process.communicate()[0] for process in start}
    assert all(process.returncode == 0 for process in start)
    return said
