"""Room on the database's disk that recording leaves free, so that reading goes on when the disk is nearly full.

PostgreSQL stops altogether when it finds no room for its journal. So what records much refuses before that. The disk of
a server of the operator's own cannot be seen from here, and nothing is kept free there.
"""

from __future__ import annotations

import errno
import os

from django.conf import settings


def check() -> None:
    """Refuse to record when less is free than the reserve. Raises: OSError (ENOSPC), as a full disk does."""
    folder, least = settings.DISK_RESERVE
    if not least:
        return
    try:
        found = os.statvfs(folder)
    except OSError:  # the server is being made or moved; it will say what is wrong
        return
    if found.f_bavail * found.f_frsize < least:
        raise OSError(errno.ENOSPC, "nothing more is recorded, so that reading goes on", str(folder))
