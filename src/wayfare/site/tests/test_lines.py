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


def test_what_the_database_repeats_of_a_value_is_left_out():
    problem = (
        'new row for relation "access_task" violates check constraint "access_task_check"\n'
        "DETAIL:  Failing row contains (1, Zephyrine Quillfeather rang, null)."
    )
    malformed = "invalid input syntax for type uuid: \"Quillfeather\"\nLINE 1: select 'Quillfeather'::uuid\n        ^"
    for said in (problem, malformed):
        assert "Quillfeather" in said, "the control"
        assert "Quillfeather" not in line("failed: %s", said)
        try:
            raise ValueError(said)
        except ValueError:
            told = line("failed", exc_info=sys.exc_info())
        assert "Quillfeather" not in told
        assert said.partition("\n")[0].partition(': "')[0] in told, "what went wrong stays"
