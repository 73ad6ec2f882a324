"""A bad setting stops the start, with its name and the mend, and starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [("WAYFARE_PORT", "eighty", "whole number from 1 to 65535"), ("WAYFARE_PORT", "0", "whole number"),
     ("WAYFARE_PORT", "65536", "whole number"), ("WAYFARE_PORT", "٨٠٠٠", "whole number"),
     ("WAYFARE_TOKEN_RATE", "-1", "whole number"), ("WAYFARE_DEBUG", "true", "neither yes nor no"),
     ("WAYFARE_SECRET_KEY_FILE", "/nowhere/at/all", "readable file"), ("DATABASE_URL", "mysql://a/b", "postgresql://"),
     ("WAYFARE_SECRET_KEY", "too short", "32 characters"), ("WAYFARE_SECRET_KEY_FILE", "/dev/null", "32 characters"),
     ("DATABASE_URL", "postgresql://u:change-me@h/db", "one of your own"),
     ("WAYFARE_SHARED_BUFFERS", "lots", "512MB"), ("WAYFARE_SHARED_BUFFERS", "1GB\nfsync=off", "512MB"),
     ("WAYFARE_SPARK_MASTER", "lokal", "Spark master"), ("WAYFARE_SPARK_MEMORY", "lots", "amount of memory"),
     ("DATABASE_URL", "postgresql://host", "postgresql://"), ("DATABASE_URL", "postgresql://h:x/db", "port")],
)  # fmt: skip
def test_a_bad_value_is_refused_by_name(tmp_path, name, value, mend):
    environment = {**os.environ, "WAYFARE_HOME": str(tmp_path / "home"), name: value}
    done = subprocess.run(
        [sys.executable, "-m", "wayfare.site.cli", "ledger", "status"],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert name in done.stderr
    assert mend in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "database" / "data").exists()
