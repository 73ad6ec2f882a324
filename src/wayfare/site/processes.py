"""Processes that end with the one that started them, however that one ends."""

from __future__ import annotations

import ctypes

_PR_SET_PDEATHSIG = 1


def end_with_parent(number: int) -> None:
    """Have the kernel send this process a signal when its parent dies, be it by kill -9."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
