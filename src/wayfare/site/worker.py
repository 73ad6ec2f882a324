"""What granian loads in each web worker: the application, and the resolve not to outlive granian.

Without it, workers whose parent was killed go on answering on the port, with nobody to stop them.
"""

from __future__ import annotations

import signal

from wayfare.site.asgi import application
from wayfare.site.processes import end_with_parent

end_with_parent(signal.SIGKILL)

__all__ = ["application"]
