"""How tests end a process: never the group of the session that runs them."""

from __future__ import annotations

import os
import signal


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a process a signal.

    `os.kill(0, …)` ends every process of the group, which is all of continuous integration; -1 ends all that there is.
    A search for a process that is just starting again gives 0. Raises: ProcessLookupError where no process is meant.
    """
    if pid <= 1:
        raise ProcessLookupError(f"there is no process to end ({pid})")
    os.kill(pid, number)
