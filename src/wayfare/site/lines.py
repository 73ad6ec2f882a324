"""Lines of the log: no secret of a link in them, and no line that a visitor made up."""

from __future__ import annotations

import logging
import re
import time

_SECRET = re.compile(r"(/staff/(?:sign-up|recover)/)[^/\s?\"']+")
_VALUES = re.compile(r"^(DETAIL|CONTEXT|QUERY|LINE \d+):.*$|(?<=: )\"[^\"]*\"$", re.MULTILINE)
"""Where an error of the database repeats what it was sent."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class Line(logging.Formatter):
    """Formats a record, its time in UTC. The secret in the address of an invitation or a recovery is left out."""

    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the line, its control characters written out."""
        return _CONTROL.sub(_written_out, without_values(without_secrets(super().formatMessage(record))))

    def formatException(self, ei: object) -> str:  # noqa: N802 - the library's name
        """Return a traceback, with no secret of a link in it and no value that the database repeats."""
        return without_values(without_secrets(super().formatException(ei)))  # type: ignore[arg-type]


def without_secrets(text: str) -> str:
    """Return a text with a mark in the place of each link's secret."""
    return _SECRET.sub(r"\1…", text)


def without_values(text: str) -> str:
    """Return a text without the values that an error of the database repeats: rows, keys, malformed input."""
    return _VALUES.sub("…", text)


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
