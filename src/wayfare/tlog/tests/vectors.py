"""Where the public test vectors are: beside the checkout, or where `WAYFARE_VECTORS` says."""

from __future__ import annotations

import os
from pathlib import Path


def vectors() -> Path | None:
    """Return the folder, or None where it is absent."""
    beside = Path(__file__).resolve().parents[4].parent / "shared" / "vectors"
    folder = Path(os.environ.get("WAYFARE_VECTORS", beside))
    return folder if folder.is_dir() else None
