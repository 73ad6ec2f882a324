"""A bad setting stops the start, with its name and the mend, and starts nothing."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from wayfare.site import embedded, settings


def read(monkeypatch, home: Path, **environment: str) -> str:
    """Read the settings as a new process would, with these variables; return what is said against them."""
    for name, value in {"WAYFARE_HOME": str(home), **environment}.items():
        monkeypatch.setenv(name, value)
    try:
        runpy.run_path(settings.__file__, run_name="settings")
    except ValueError as problem:
        assert type(problem).__name__ == "SettingError"
        return str(problem)
    return ""


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [("WAYFARE_PORT", "eighty", "whole number from 1 to 65535"), ("WAYFARE_PORT", "0", "whole number"),
     ("WAYFARE_PORT", "65536", "whole number"), ("WAYFARE_PORT", "٨٠٠٠", "whole number"),
     ("WAYFARE_TOKEN_RATE", "-1", "whole number"), ("WAYFARE_DEBUG", "true", "neither yes nor no"),
     ("WAYFARE_SECRET_KEY_FILE", "/nowhere/at/all", "readable file"), ("DATABASE_URL", "mysql://a/b", "postgresql://"),
     ("WAYFARE_SECRET_KEY", "too short", "32 characters"), ("WAYFARE_SECRET_KEY_FILE", "/dev/null", "32 characters"),
     ("DATABASE_URL", "postgresql://u:change-me@h/db", "one of your own"),
     ("WAYFARE_SPARK_MASTER", "lokal", "Spark master"), ("WAYFARE_SPARK_MEMORY", "lots", "amount of memory"),
     ("DATABASE_URL", "postgresql://host", "postgresql://"), ("DATABASE_URL", "postgresql://h:x/db", "port")],
)  # fmt: skip
def test_a_bad_value_is_refused_by_name(monkeypatch, tmp_path, name, value, mend):
    """The control: without it nothing is said."""
    assert read(monkeypatch, tmp_path / "home") == ""
    said = read(monkeypatch, tmp_path / "home", **{name: value})
    assert name in said
    assert mend in said
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("value", ["lots", "1GB\nfsync=off"])
def test_a_bad_amount_for_the_database_is_refused_before_it_is_made(monkeypatch, tmp_path, value):
    monkeypatch.setenv("WAYFARE_SHARED_BUFFERS", value)
    with pytest.raises(embedded.EmbeddedError, match=r"WAYFARE_SHARED_BUFFERS.*512MB"):
        embedded.use(tmp_path / "home")
    assert not (tmp_path / "home" / "database" / "data").exists()


PROGRAMME = (
    *("programme", "add", "--key", "fra", "--title", "France", "--country", "FRA"),
    *("--timezone", "Europe/Paris"),
)


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [("WAYFARE_PORT", "eighty", "whole number from 1 to 65535"), ("WAYFARE_SHARED_BUFFERS", "lots", "512MB")],
)
def test_a_command_says_so_in_one_line_and_makes_nothing(tmp_path, name, value, mend):
    environment = {**os.environ, "WAYFARE_HOME": str(tmp_path / "home"), name: value}
    done = subprocess.run(
        [sys.executable, "-m", "wayfare.site.cli", *PROGRAMME],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert name in done.stderr
    assert mend in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "database" / "data").exists()


TOKEN = "pkcs11:token=wayfare?module-path=/usr/lib/module.so"


@pytest.mark.parametrize(
    ("token", "pin_file", "said"),
    [
        (TOKEN, "", "WAYFARE_KEYS_TOKEN is set without WAYFARE_KEYS_PIN_FILE"),
        ("", "/run/pin", "WAYFARE_KEYS_PIN_FILE is set without WAYFARE_KEYS_TOKEN"),
        ("/usr/lib/module.so", "/run/pin", "pkcs11:token=LABEL?module-path="),
        ("pkcs11:token=wayfare?module-path=module.so", "/run/pin", "pkcs11:token=LABEL?module-path="),
        (f"{TOKEN}&pin-value=4711", "/run/pin", "the PIN into the file of WAYFARE_KEYS_PIN_FILE"),
    ],
)
def test_a_token_that_is_set_wrong_is_refused_by_name_and_no_pin_is_shown(monkeypatch, tmp_path, token, pin_file, said):
    keys = {"WAYFARE_KEYS_TOKEN": token, "WAYFARE_KEYS_PIN_FILE": pin_file}
    found = read(monkeypatch, tmp_path / "home", **keys)
    assert said in found
    assert "4711" not in found


def test_a_command_shows_no_pin_either(tmp_path):
    keys = {"WAYFARE_KEYS_TOKEN": f"{TOKEN}&pin-value=4711", "WAYFARE_KEYS_PIN_FILE": "/run/pin"}
    done = subprocess.run(
        [sys.executable, "-m", "wayfare.site.cli", "people", "keys"],
        env={**os.environ, "WAYFARE_HOME": str(tmp_path / "home"), **keys},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "the PIN into the file of WAYFARE_KEYS_PIN_FILE" in done.stderr
    assert "4711" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("people", "keys"), ("up", "--port")])
def test_keys_that_cannot_be_used_stop_the_start_and_nothing_is_made(django_db_setup, tmp_path, command):
    folder = tmp_path / "people"
    keys = {
        "WAYFARE_PEOPLE_KEYS": str(folder),
        "WAYFARE_KEYS_TOKEN": "pkcs11:token=way%20fare?module-path=/nowhere/module.so",
        "WAYFARE_KEYS_PIN_FILE": str(tmp_path / "pin"),
    }
    for mend in ("WAYFARE_KEYS_PIN_FILE=", "WAYFARE_KEYS_TOKEN: /nowhere/module.so does not start"):
        done = subprocess.run(
            [sys.executable, "-m", "wayfare.site.cli", *command, *([_free()] if "--port" in command else [])],
            env={**os.environ, **keys}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert mend in done.stderr
        assert "Traceback" not in done.stderr
        assert not folder.exists()
        (tmp_path / "pin").touch(mode=0o600)
        (tmp_path / "pin").write_text("4711\n")


def _free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])
