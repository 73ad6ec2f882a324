"""The charts' arithmetic."""

from __future__ import annotations

import pytest

from wayfare.departures.web import words
from wayfare.departures.web.chart import HEIGHT, Bar, Drawing, chart, means, scale


def drawing(places=4, mirrored=False, unfinished=True):
    return Drawing(places, mirrored, str, unfinished)


@pytest.mark.parametrize(
    ("most", "step", "top"),
    [
        (0, 1, 1),
        (1, 1, 1),
        (5, 1, 5),
        (6, 2, 6),
        (11, 5, 15),
        (25, 5, 25),
        (26, 10, 30),
        (99, 20, 100),
        (1234, 500, 1500),
    ],
)
def test_lines_are_round_and_few(most, step, top):
    assert scale(most) == (step, top)


def test_every_scale_holds_its_bars():
    for most in range(1, 20_000, 7):
        step, top = scale(most)
        assert top >= most
        assert top % step == 0
        assert top // step <= 5
        assert str(step).rstrip("0") in ("1", "2", "5")


def test_a_mean_of_seven_days_looks_into_the_month_before():
    assert means([7, 14], [0, 0, 0, 0, 0, 7]) == [2.0, 4.0]


def test_bars_stand_on_the_base_within_the_width():
    drawn = chart([Bar(n, str(n)) for n in (3, 0, 5, 1)], drawing())
    for bar in drawn["bars"]:
        assert float(bar["y"]) + float(bar["height"]) == pytest.approx(HEIGHT, abs=0.2)
        assert 0 <= float(bar["x"]) <= 100 - float(bar["width"])
    assert [bar["number"] for bar in drawn["bars"] if bar["named"]] == ["5", "1"]
    assert [bar["unfinished"] for bar in drawn["bars"]] == [False, False, False, True]
    two = chart([Bar(n, str(n)) for n in (3, 0, 5, 1)], drawing(unfinished=2))
    assert [bar["unfinished"] for bar in two["bars"]] == [False, False, True, True]
    assert drawn["peak"] == {"number": "5", "label": "5"}
    assert drawn["path"].count("M") == 2  # neither the empty bar nor the one that still grows


def test_right_to_left_is_the_mirror_image():
    bars = [Bar(n, str(n)) for n in (3, 0, 5, 1)]
    plain, mirrored = (chart(bars, drawing(mirrored=mirrored), [1.0, 2.0]) for mirrored in (False, True))
    for one, other in zip(plain["bars"], mirrored["bars"], strict=True):
        assert float(one["middle"]) + float(other["middle"]) == pytest.approx(100)
        assert float(one["x"]) + float(other["x"]) + float(one["width"]) == pytest.approx(100, abs=0.02)
    first, second = (float(point.split(",")[0]) for point in mirrored["mean"].split())
    assert first > second


def test_nothing_to_draw_is_no_error():
    drawn = chart([], drawing())
    assert (drawn["bars"], drawn["peak"], drawn["mean"]) == ([], None, "")


@pytest.mark.parametrize(
    ("language", "part", "whole", "text"),
    [("en", 1, 3, "33%"), ("fr", 1, 3, "33\xa0%"), ("en", 1, 1000, "< 1%"), ("en", 0, 9, "0%"), ("en", 0, 0, "")],
)
def test_a_share_as_the_language_writes_it(language, part, whole, text):
    assert words.share(part, whole, language) == text


@pytest.mark.parametrize(
    ("language", "text"), [("en", "1,284,077"), ("fr", "1\u202f284\u202f077"), ("es", "1.284.077"), ("ar", "1,284,077")]
)
def test_numbers_are_grouped_as_the_language_writes_them(language, text):
    assert words.number(1_284_077, language) == text


@pytest.mark.parametrize(
    ("zone", "language", "text"),
    [
        ("Europe/Paris", "en", "Paris"),
        ("Europe/Paris", "ar", "باريس"),
        ("America/Sao_Paulo", "fr", "São Paulo"),
        ("Asia/Ho_Chi_Minh", "en", "Ho Chi Minh"),
        ("Etc/UTC", "es", "UTC"),
    ],
)
def test_a_time_zone_is_told_by_its_city(zone, language, text):
    assert words.city(zone, language) == text


@pytest.mark.parametrize(("text", "plain"), [("  Écosse ", "ecosse"), ("Åland", "aland"), ("ÇELİK", "celik"), ("", "")])
def test_searches_do_not_mind_accents(text, plain):
    assert words.folded(text) == plain
