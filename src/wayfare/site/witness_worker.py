"""What granian loads in a witness's worker: the resolve not to outlive granian, and the door."""

from __future__ import annotations

import logging
import multiprocessing
import signal

from wayfare.site.processes import end_with_parent

if parent := multiprocessing.parent_process():
    end_with_parent(signal.SIGKILL, parent.pid or 0)

from wayfare.witness.cli import home  # after the resolve: a parent may die while this is loaded
from wayfare.witness.state import State, signers
from wayfare.witness.web import Door

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
application = Door(State(home()), signers(home()))
