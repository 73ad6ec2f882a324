"""Processes that end with the one that started them, however that one ends."""

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int, parent: int) -> None:
    """Have the kernel send this process a signal when its parent dies, be it by kill -9; end now if it is dead already.

    `parent`: the process id of who started this one, as it was then.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
