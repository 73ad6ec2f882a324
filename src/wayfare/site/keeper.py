"""`python -m wayfare.site.keeper HOME`: run a home's PostgreSQL for as long as somebody uses it."""

from __future__ import annotations

import sys
from pathlib import Path

from wayfare.site.embedded import keep

if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
