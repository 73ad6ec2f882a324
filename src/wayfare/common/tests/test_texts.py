"""A text needs a visible character, and letters of a newer Unicode are letters."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from wayfare.common import texts

INVISIBLE = (
    "\u200b \u200d \u2060 \u2800 \u3164 \u115f \u1160 \uffa0 \u034f \u180e \ufe0f \U000e0001 \U000e0100 \u00ad \u2065"
)


@pytest.mark.parametrize("letter", INVISIBLE.split(" "))
def test_a_text_of_invisible_characters_is_no_writing(letter):
    assert not texts.has_writing(letter * 3)
    assert texts.has_writing(f"{letter}a{letter}")


@pytest.mark.parametrize("text", ["", " ", "\u3000", "\u0301", "\n\t", "\u2028", "\x00"])
def test_blanks_marks_and_controls_alone_are_no_writing(text):
    assert not texts.has_writing(text)


@pytest.mark.parametrize("text", ["a", "1", "نور", "ก", "က", "한", "㊀", "-", "\U000313b0", "\U00031350", "\U000323af"])
def test_one_visible_character_is_enough_also_one_that_this_python_does_not_know(text):
    assert texts.has_writing(text)
    assert not any(map(texts.is_control, text))


def test_code_points_that_no_unicode_will_assign_are_no_writing():
    assert all(map(texts.is_control, "\ufffe\uffff\ufdd0\U0010ffff\ud800\ue000\x07"))
    assert not texts.has_writing("\ufffe\ufdd0")


def test_a_rare_han_letter_stays_in_a_line():
    assert texts.one_line(" 王\U000323af\x07\n  b ") == "王\U000323af b"


def test_every_letter_and_digit_is_visible_but_for_the_listed_fillers():
    hidden = {chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n))[0] in "LN"}
    assert {letter for letter in hidden if not texts.is_visible(letter)} == set("\u115f\u1160\u3164\uffa0")


@pytest.mark.parametrize("letter", ["\u202e", "\u202d", "\u202a", "\u2066", "\u2069"])
def test_what_turns_the_direction_of_a_text_is_no_writing(letter):
    assert texts.control_in(f"Return{letter}ecnarF") == f"U+{ord(letter):04X}"
    assert texts.one_line(f"Return{letter}ecnarF") == "ReturnecnarF"
    assert texts.without_directions(f"a{letter}b") == "ab"


@pytest.mark.parametrize("text", ["بيت \u200fA\u200e", "क\u094d\u200dष", "Return, France"])
def test_marks_that_turn_nothing_stay(text):
    assert texts.control_in(text) is None
    assert texts.one_line(text) == texts.without_directions(text) == text
