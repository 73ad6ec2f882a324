"""Homes that tests make beside the session's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.db import connections


def bring_door_key(home: Path) -> Path:
    """Put into a home the key that the session's database asks of sign-in and of who writes a log; return the home."""
    (home / "keys").mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(Path(settings.WAYFARE_HOME) / "keys" / "staff-door", home / "keys")
    return home


def of_the_sessions_database(home: Path) -> Path:
    """Make the home of a process that uses the session's database by an address, as owner; return the home."""
    bring_door_key(home)
    (home / "keys" / "database-wayfare_app").write_text(connections["default"].settings_dict["PASSWORD"])
    (home / "keys" / "database-roles-apart").touch()
    return home
