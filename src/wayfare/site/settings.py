"""Every setting, read once, typed, with a bad value refused by name. Also Django's settings module.

Reading them makes nothing: a home is made by `wayfare.site.homes`, for the commands that may make one.

| variable | default | meaning |
| --- | --- | --- |
| `WAYFARE_HOME` | `./.wayfare` | the folder of the embedded database, keys, columnar copy |
| `DATABASE_URL` | none | a PostgreSQL 15 to 18 instead of the embedded one, as its owner; elsewhere by TLS |
| `WAYFARE_SECRET_KEY`, `WAYFARE_SECRET_KEY_FILE` | made in the home | signs cookies |
| `WAYFARE_ALLOWED_HOSTS` | `localhost,127.0.0.1,[::1]` | host names this installation answers to |
| `WAYFARE_HTTPS` | `no` | `yes`: a proxy with TLS is in front and sends `X-Forwarded-Proto` and `X-Real-IP` |
| `WAYFARE_DEBUG` | `no` | pages with tracebacks, for development only |
| `WAYFARE_DEMO` | `no` | set by `wayfare demo` alone: exact figures, of invented people, for everybody |
| `WAYFARE_PORT` | `8000` | where `up` and `demo` listen |
| `WAYFARE_TOKEN_RATE` | `500` | API requests a second that one token may make of one web worker; 5 s of them at once |
| `WAYFARE_OPEN_RATE` | `50` | the same for one address without a valid token; 10 s of them at once |
| `WAYFARE_BODY_SECONDS` | `60` | how long the body of a request may take to arrive |
| `WAYFARE_BODY_MEMORY` | `128` | MiB of bodies that one web worker holds at once; of one address, half of it |
| `WAYFARE_LIVE_STREAMS` | `200` | live pages that one address may hold open in one web worker |
| `WAYFARE_LOG_NAME` | `wayfare.invalid/ledger` | the log's name, such as `return.example.org/log`; read at first |
| `WAYFARE_ACCESS_LOG_NAME` | `wayfare.invalid/access` | the name of the log of looks; read at first |
| `WAYFARE_SHARED_BUFFERS` | a quarter of memory, at most `4GB` | for the embedded PostgreSQL, read when it is made |
| `WAYFARE_DISK_RESERVE` | `256MB` | what recording leaves free on the embedded database's disk; `0MB` for nothing |
| `WAYFARE_SPARK_MASTER` | `local[*]` | where `--engine spark` runs |
| `WAYFARE_SPARK_MEMORY` | `4g` | memory of Spark's driver, such as `512m` or `4g` |
| `WAYFARE_PEOPLE_KEYS` | `keys/people` in the home | the folder of the master keys, never in a database's backup |
| `WAYFARE_KEYS_TOKEN` | none | the PKCS#11 token that seals them, `pkcs11:token=LABEL?module-path=/path/to/module.so` |
| `WAYFARE_KEYS_PIN_FILE` | none | the file of that token's PIN, for this user alone (0600) |
| `WAYFARE_WITNESS_HOME` | `./.wayfare-witness` | the folder of `wayfare witness`: its keys and its memory |
| `WAYFARE_WITNESS_QUORUM` | `0` | how many witnesses must have cosigned a checkpoint before it counts as published |
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from wayfare.site import embedded, homes, rooms


class SettingError(ValueError):
    """A setting has a bad value; the text names it and the mend."""


def _flag(name: str, default: bool = False) -> bool:
    value = os.environ.get(name, "yes" if default else "no").lower()
    if value not in ("yes", "no"):
        raise SettingError(f"{name}={value!r} is neither yes nor no; write one of them")
    return value == "yes"


DEMO_MARK = "demo-home"
"""A file that `wayfare demo` leaves in the homes that it makes: what they hold is invented."""


def _demo(home: Path) -> bool:
    """Return whether this is a demo, in which everybody reads exact figures. Never so in a home of real people."""
    if not _flag("WAYFARE_DEMO"):
        return False
    if not (home / DEMO_MARK).exists():
        raise SettingError(f"WAYFARE_DEMO=yes, but {home} was not made by `wayfare demo`; leave WAYFARE_DEMO out")
    return True


def _number(name: str, default: int, low: int, high: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise SettingError(f"{name}={value!r} is not a whole number from {low} to {high}")
    return int(value)


def _text(name: str, default: str, form: str, mend: str) -> str:
    value = os.environ.get(name, default)
    if not re.fullmatch(form, value):
        raise SettingError(f"{name}={value!r} is not {mend}")
    return value


def _bytes(name: str, default: str) -> int:
    value = _text(name, default, r"(0|[1-9][0-9]{0,5})(MB|GB)", "an amount of room; write it as 256MB or 2GB")
    return int(value[:-2]) << (20 if value.endswith("MB") else 30)


def _keys_token() -> tuple[str, str] | None:
    """Return module and label of a PKCS#11 URI (RFC 7512). Its text is never shown: there may be a PIN in it."""
    value = os.environ.get("WAYFARE_KEYS_TOKEN", "")
    pin_file = os.environ.get("WAYFARE_KEYS_PIN_FILE", "")
    if bool(value) != bool(pin_file):
        given, missing = ("TOKEN", "PIN_FILE") if value else ("PIN_FILE", "TOKEN")
        raise SettingError(f"WAYFARE_KEYS_{given} is set without WAYFARE_KEYS_{missing}; set both or neither")
    if not value:
        return None
    found = re.fullmatch(r"pkcs11:token=([^;?&]+)\?module-path=(/[^;?&]+)", value)
    if not found:
        form = "pkcs11:token=LABEL?module-path=/path/to/module.so"
        mend = "write it so, and the PIN into the file of WAYFARE_KEYS_PIN_FILE"
        raise SettingError(f"WAYFARE_KEYS_TOKEN is not {form}; {mend}")
    return unquote(found[2]), unquote(found[1])


def _long_enough(name: str, value: str) -> str:
    if len(value) < 32:
        raise SettingError(f"{name} is shorter than 32 characters; write 32 random ones or more, or leave it out")
    return value


def _secret_key(home: Path) -> str:
    if value := os.environ.get("WAYFARE_SECRET_KEY"):
        return _long_enough("WAYFARE_SECRET_KEY", value)
    if file := os.environ.get("WAYFARE_SECRET_KEY_FILE"):
        try:
            return _long_enough("WAYFARE_SECRET_KEY_FILE", Path(file).read_text().strip())
        except OSError as problem:
            raise SettingError(f"WAYFARE_SECRET_KEY_FILE={file!r}: {problem.strerror}; name a readable file") from None
    return homes.secret(home, "cookies")


def _postgres(**parameters: Any) -> dict[str, Any]:
    options: dict[str, Any] = parameters.pop("OPTIONS", {})
    # Tries are spaced ever wider, up to reconnect_timeout: its usual 5 minutes leave web deaf after a long outage.
    # Who waits when a try has failed waits in vain, for the whole timeout: so it is short.
    pool = {"min_size": 1, "max_size": 16, "timeout": 2, "reconnect_timeout": 1}
    return {
        "ENGINE": "wayfare.site.postgresql",
        "CONN_HEALTH_CHECKS": True,
        # Values travel apart from their statements, so that no log of the server and no other session shows them.
        "OPTIONS": {"pool": pool, "server_side_binding": True, **options},
        **parameters,
    }


_OF_THE_EXAMPLE = "change-me"  # in deploy/wayfare.env.example


def _by_tls(host: str) -> dict[str, str]:
    """Return how another machine's PostgreSQL is spoken to, unless `DATABASE_URL` says otherwise: by TLS, verified.

    libpq by itself falls back to plain text, and verifies nothing.
    """
    here = host.startswith("/") or host in ("", "localhost", "127.0.0.1", "::1")
    return {} if here else {"sslmode": "verify-full", "sslrootcert": "system"}


def _databases(home: Path) -> dict[str, dict[str, Any]]:
    """Return the application's connection (`default`) and the owner's (`owner`), which only migrates."""
    if url := os.environ.get("DATABASE_URL"):
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            raise SettingError("DATABASE_URL: the port is not a number") from None
        if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
            raise SettingError("DATABASE_URL is not postgresql://user:password@host:port/database; write it so")
        query = dict(parse_qsl(parts.query))
        there: dict[str, Any] = {
            "NAME": unquote(parts.path.strip("/")),
            "HOST": query.pop("host", None) or unquote(parts.hostname or ""),
            "PORT": query.pop("port", None) or str(port or ""),
        }
        owner = {"USER": unquote(parts.username or ""), "PASSWORD": unquote(parts.password or "")}
        if owner["PASSWORD"] == _OF_THE_EXAMPLE:
            raise SettingError("DATABASE_URL has the password of the example; make one of your own")
        query = _by_tls(there["HOST"]) | query
        apart = (home / "keys" / "database-roles-apart").exists()
        app = {"USER": "wayfare_app", "PASSWORD": homes.secret(home, "database-wayfare_app")} if apart else owner
        return {
            "default": _postgres(**there, **app, OPTIONS=query),
            "owner": _postgres(**there, **owner, OPTIONS=query),
        }
    here = embedded.Home(home)
    there = {"NAME": embedded.DATABASE, "HOST": str(here.sockets), "PORT": ""}
    return {
        alias: _postgres(**there, USER=role, PASSWORD=homes.secret(home, f"database-{role}"))
        for alias, role in (("default", "wayfare_app"), ("owner", "wayfare_owner"))
    }


WAYFARE_HOME = Path(os.environ.get("WAYFARE_HOME", ".wayfare")).absolute()
WAYFARE_PORT = _number("WAYFARE_PORT", 8000, 1, 65535)
TOKEN_REQUESTS_PER_SECOND = _number("WAYFARE_TOKEN_RATE", 500, 1, 1_000_000)
OPEN_REQUESTS_PER_SECOND = _number("WAYFARE_OPEN_RATE", 50, 1, 1_000_000)
BODY_SECONDS = _number("WAYFARE_BODY_SECONDS", 60, 1, 3600)
BODY_MEMORY_BYTES = _number("WAYFARE_BODY_MEMORY", 128, 64, 65_536) << 20
LIVE_STREAMS_EACH = _number("WAYFARE_LIVE_STREAMS", 200, 1, 1_000_000)
LOG_NAMES = {
    "ledger": _text("WAYFARE_LOG_NAME", "wayfare.invalid/ledger", r"[^\s+]+", "a name without spaces and plus signs"),
    "access": _text(
        "WAYFARE_ACCESS_LOG_NAME", "wayfare.invalid/access", r"[^\s+]+", "a name without spaces and plus signs"
    ),
}
SPARK_MASTER = _text(
    "WAYFARE_SPARK_MASTER",
    "local[*]",
    r"local(\[[0-9*,]+\])?|local-cluster\[\d+,\d+,\d+\]|(spark|k8s)://.+|yarn",
    "a Spark master; write local[*], local-cluster[2,1,1024], spark://host:7077, k8s://host or yarn",
)
SPARK_MEMORY = _text("WAYFARE_SPARK_MEMORY", "4g", r"[1-9]\d*[mg]", "an amount of memory such as 512m or 4g")
PEOPLE_KEYS = Path(os.environ.get("WAYFARE_PEOPLE_KEYS") or WAYFARE_HOME / "keys" / "people").absolute()
KEYS_TOKEN = _keys_token()
KEYS_PIN_FILE = Path(os.environ.get("WAYFARE_KEYS_PIN_FILE", "")).absolute()
WITNESS_QUORUM = _number("WAYFARE_WITNESS_QUORUM", 0, 0, 48)
EMBEDDED = not os.environ.get("DATABASE_URL")

DISK_RESERVE = (WAYFARE_HOME / "database" / "data", _bytes("WAYFARE_DISK_RESERVE", "256MB") if EMBEDDED else 0)
"""Where, and how many bytes (`wayfare.common.reserve`)."""

DEBUG = _flag("WAYFARE_DEBUG")
DEMO = _demo(WAYFARE_HOME)
SECRET_KEY = _secret_key(WAYFARE_HOME)
ALLOWED_HOSTS = [
    host.strip() for host in os.environ.get("WAYFARE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
]
INSTALLED_APPS = ["django.contrib.staticfiles", *rooms.INSTALLED]
DATABASES = _databases(WAYFARE_HOME)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = [
    "wayfare.site.middleware.safety_headers",
    "wayfare.site.middleware.problems",
    "wayfare.site.middleware.SecurityEvents",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "wayfare.site.middleware.varies_by_cookie",
    "django.middleware.locale.LocaleMiddleware",
    "wayfare.site.middleware.FormLimit",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "wayfare.site.limits.FieldLimits",
    "wayfare.site.middleware.method_refused",
    "wayfare.site.middleware.Trouble",
]
ROOT_URLCONF = "wayfare.site.urls"
WSGI_APPLICATION = "wayfare.site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "wayfare.site.context.shell",
            ]
        },
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français"), ("es", "Español"), ("ar", "العربية")]
HTTPS = _flag("WAYFARE_HTTPS")
"""Cookies then travel by TLS only, under names that no other host can set."""
_HOST = "__Host-" if HTTPS else ""
LANGUAGE_COOKIE_NAME = f"{_HOST}language"
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = f"{_HOST}wayfare_session"
CSRF_COOKIE_NAME = f"{_HOST}wayfare_form"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "wayfare.access.signin.web.doors.form_refused"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOCALE_PATHS = [WAYFARE_HOME / "languages"]
"""Compiled there from `locale/` at each start."""
STATIC_URL = "/static/"
STATICFILES_DIRS = [Path(__file__).parent / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "wayfare.site.lines.Line",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%SZ",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"wayfare.security": {"level": "INFO"}},
}
