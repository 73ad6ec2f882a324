"""A pytest plugin that is loaded before Django's: a home of the session's own, before any setting is read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import hypothesis

folder = tempfile.TemporaryDirectory(prefix="wayfare-test-", ignore_cleanup_errors=True)  # its keeper is still there
os.environ["WAYFARE_HOME"] = str(Path(folder.name) / "home")
os.environ.setdefault("WAYFARE_SHARED_BUFFERS", "128MB")
os.environ.setdefault("WAYFARE_SPARK_MASTER", "local-cluster[2,1,1024]")  # processes of their own, as in earnest
for elsewhere in ("DATABASE_URL", "WAYFARE_PEOPLE_KEYS", "WAYFARE_KEYS_TOKEN", "WAYFARE_KEYS_PIN_FILE"):
    os.environ.pop(elsewhere, None)

hypothesis.settings.register_profile(
    "shared-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared-machine")
