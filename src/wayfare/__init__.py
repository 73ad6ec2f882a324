"""Wayfare: every departure counted once.

Time zones decide figures, so every process reads them from one source: the locked package `tzdata`, never from the
system's files. This is set before any other module is loaded, also for the processes that this one starts.
"""

import os
import zoneinfo

__version__ = "0.1.0"

os.environ["PYTHONTZPATH"] = ""
zoneinfo.reset_tzpath(())
zoneinfo.ZoneInfo.clear_cache()
