"""What the log says holds neither a link's secret nor a line that a visitor made up."""

from __future__ import annotations

import logging
import sys

import pytest

from wayfare.site.lines import Line

SECRET = "A" * 43


def line(message, *args, exc_info=None):
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, message, args, exc_info)
    return Line("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize("door", ["sign-up", "recover"])
def test_the_secret_of_a_link_is_left_out(door):
    assert line("Unprocessable Entity: %s", f"/staff/{door}/{SECRET}/options?x=1") == (
        f"WARNING Unprocessable Entity: /staff/{door}/…/options?x=1"
    )
    try:
        raise ValueError(f"/staff/{door}/{SECRET}")
    except ValueError:
        told = line("failed", exc_info=sys.exc_info())
    assert SECRET not in told
    assert "\n" in told, "a traceback keeps its lines"


def test_a_visitor_makes_up_no_line():
    assert line("Not Found: %s", "/x\nERROR all is lost\r\x1b[31m") == (
        r"WARNING Not Found: /x\nERROR all is lost\r\x1b[31m"
    )


def test_the_settings_use_it():
    from django.conf import settings

    assert settings.LOGGING["formatters"]["line"]["()"] == "wayfare.site.lines.Line"
