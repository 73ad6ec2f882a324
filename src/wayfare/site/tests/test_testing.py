"""`wayfare test`: what a busy machine makes fail runs again alone; what fails twice fails."""

from __future__ import annotations

import pytest

from wayfare.site import testing

ONCE = """
import pathlib
mark = pathlib.Path(__file__).with_name("ran")

def test_that_passes():
    with mark.with_name("runs of what passes").open("a") as runs:
        runs.write("x")

def test_that_fails_the_first_time():
    ran = mark.exists()
    mark.touch()
    assert ran
"""
MANY = """
import pytest

@pytest.mark.parametrize("number", range({}))
def test_that_fails(number):
    with open("runs", "a") as runs:
        runs.write("x")
    raise AssertionError
"""
SPREAD = ("-n", "1", "--dist", "worksteal")


def test_what_failed_beside_others_runs_again_alone_and_is_named(tmp_path, capfd):
    (tmp_path / "test_once.py").write_text(ONCE)
    assert testing.run_tests(SPREAD, tmp_path)
    said = capfd.readouterr().err
    assert "passed only when they ran alone:\ntest_once.py::test_that_fails_the_first_time" in said
    assert (tmp_path / "runs of what passes").read_text() == "x"


def test_control_alone_from_the_first_it_fails(tmp_path):
    (tmp_path / "test_once.py").write_text(ONCE)
    assert not testing.run_tests((), tmp_path)


def test_what_fails_twice_fails(tmp_path, capfd):
    (tmp_path / "test_many.py").write_text(MANY.format(2))
    assert not testing.run_tests(SPREAD, tmp_path)
    assert (tmp_path / "runs").read_text() == "xxxx"
    assert "passed only" not in capfd.readouterr().err


PROPERTY = """
import pathlib
from hypothesis import given, strategies as st
mark = pathlib.Path(__file__).with_name("ran")

@given(st.just(1))
def test_that_fails_the_first_time(number):
    if not mark.exists():
        mark.touch()
        raise AssertionError
"""


def test_a_property_for_which_an_example_was_found_is_not_excused(tmp_path):
    (tmp_path / "test_property.py").write_text(PROPERTY)
    assert not testing.run_tests(("-m", "hypothesis", *SPREAD), tmp_path)


def test_many_failures_are_those_of_no_busy_machine(tmp_path):
    (tmp_path / "test_many.py").write_text(MANY.format(13))
    assert not testing.run_tests(SPREAD, tmp_path)
    assert len((tmp_path / "runs").read_text()) == 13


@pytest.mark.parametrize("broken", ["import nothing_of_this_name", "import os; os._exit(137)"])
def test_what_cannot_be_read_fails(tmp_path, broken):
    (tmp_path / "test_broken.py").write_text(broken)
    assert not testing.run_tests(("-n", "0"), tmp_path)
