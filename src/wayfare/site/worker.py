"""What granian loads in each web worker: the resolve not to outlive granian, and the application.

Without it, workers whose parent was killed go on answering on the port, with nobody to stop them. It comes first: a
parent may die while the application is still being loaded.
"""

from __future__ import annotations

import multiprocessing
import signal

from wayfare.site.processes import end_with_parent

if parent := multiprocessing.parent_process():
    end_with_parent(signal.SIGKILL, parent.pid or 0)

from wayfare.site.asgi import application  # after the resolve: see above
from wayfare.site.postgresql import session

session.in_a_hurry()

__all__ = ["application"]
