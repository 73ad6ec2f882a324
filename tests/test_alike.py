"""The bench that asks whether time tells: that it asks every door, that its test finds what is there and nothing else."""

from __future__ import annotations

import importlib.util
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_doors import patterns

spec = importlib.util.spec_from_file_location("alike", Path(__file__).parents[1] / "bench" / "alike.py")
assert spec is not None
assert spec.loader is not None
alike = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alike)

NAME_NO_OBJECT = {
    "staff/sign-in/options", "staff/sign-out", "staff/me/options", "staff/me/password", "staff/people",
    "staff/people/invite", "staff/offices", "staff/purposes", "staff/matters", "staff/log", "files/new",
    "staff/notices",
}  # fmt: skip
"""Doors whose address and forms name nobody and nothing that could be hidden."""


def test_every_door_of_staff_and_files_is_asked_or_names_nothing():
    found = {one for one in patterns() if one.startswith(("staff/", "files/"))}
    assert found == alike.DOORS | NAME_NO_OBJECT
    assert not alike.DOORS & NAME_NO_OBJECT
    assert {one for one in found if "<" in one} <= alike.DOORS, "an address that names somebody is asked"


def noise(chance, number):
    """Return differences of what is the same, with the long tail that a busy machine gives."""
    return [chance.lognormvariate(0, 1.5) - chance.lognormvariate(0, 1.5) for _ in range(number)]


def test_the_rank_test_finds_what_is_planted():
    chance = random.Random(1)
    assert alike.rank_test(noise(chance, 200)) > 0.01
    assert alike.rank_test([one + 2.0 for one in noise(chance, 200)]) < 1e-6
    assert alike.rank_test([one - 2.0 for one in noise(chance, 200)]) < 1e-6


def test_the_rank_test_is_wrong_as_seldom_as_it_says():
    chance = random.Random(2)
    wrong = sum(alike.rank_test(noise(chance, 60)) < 0.05 for _ in range(1000))
    assert 25 <= wrong <= 80, "one in twenty"


@pytest.mark.parametrize(("differences", "p"), [([], 1.0), ([0.0] * 9, 1.0), ([1.0, -1.0], 1.0)])
def test_the_rank_test_of_nothing_says_nothing(differences, p):
    assert alike.rank_test(differences) == pytest.approx(p)


def test_the_rank_test_gives_the_number_of_the_books():
    """Differences 1 to 10, of which 1, 2 and 3 go down: W+ is 49, z is 2.1915."""
    differences = [-1.0, -2.0, -3.0, *map(float, range(4, 11))]
    assert alike.rank_test(differences) == pytest.approx(0.02842, abs=1e-4)


@given(st.lists(st.floats(0, 1), max_size=40))
def test_correction_makes_nothing_surer_and_keeps_the_order(chances):
    found = alike.corrected(chances)
    assert all(one >= before for one, before in zip(found, chances, strict=True))
    assert all(0 <= one <= 1 for one in found)
    ranked = [after for _, after in sorted(zip(chances, found, strict=True))]
    assert ranked == sorted(ranked)


def test_of_an_answer_only_what_repeats_the_question_is_left_out():
    link, other = "A" * 43, "b_" * 21 + "c"
    assert alike._OWN.sub("", f"back=%2Fstaff%2F{link}%2Foptions") == alike._OWN.sub(
        "", f"back=%2Fstaff%2F{other}%2Foptions"
    )
    assert re.search("Nobody was found", alike._OWN.sub("", "Nobody was found"))
