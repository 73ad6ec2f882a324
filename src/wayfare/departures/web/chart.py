"""Bars over time, as plain values for an SVG: x in percent of the width, y in pixels. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

HEIGHT = 200
_FULL = 0.93
"""How much of the height the topmost line may take: its number stands above it."""
_EDGE, _SPAN, _THICK = 5.0, 94.0, 0.72
"""In percent: where the first bar's place begins, what all places take; and the share of its place a bar fills."""


class Bar(NamedTuple):
    """A number at a place in time, its name in the table, and under the bar, if it has one there."""

    number: int
    label: str
    tick: str = ""
    address: str = ""


class Drawing(NamedTuple):
    """How to draw: places from left to right, whether right-to-left, which language's numbers."""

    places: int
    mirrored: bool
    number: Any
    unfinished: int
    """How many of the last bars may still grow."""


def scale(most: int) -> tuple[int, int]:
    """Return the step between lines and the topmost line: 1, 2 or 5 times a power of ten, at most five lines."""
    step, turn = 1, 0
    while most > 5 * step:
        step = step * 5 // 2 if turn % 3 == 1 else step * 2
        turn += 1
    return step, step * max(1, -(-most // step))


def means(numbers: list[int], before: list[int]) -> list[float]:
    """Return for each place the mean of it and the six places before it."""
    whole = [*before, *numbers]
    return [sum(whole[n : n + 7]) / 7 for n in range(len(numbers))]


def chart(bars: list[Bar], how: Drawing, mean: list[float] | None = None) -> dict[str, Any]:
    """Return what the template draws: bars, lines with their numbers, the peak, the last, a line of means."""
    step, top = scale(max([bar.number for bar in bars], default=0))
    wide = _SPAN / how.places

    def x(percent: float) -> str:
        return f"{100 - percent if how.mirrored else percent:.2f}"

    def y(number: float) -> str:
        return f"{HEIGHT - HEIGHT * _FULL * number / top:.1f}"

    def middle(n: int) -> float:
        return _EDGE + wide * (n + 0.5)

    half = wide * _THICK / 2
    peak = max(range(len(bars)), key=lambda n: bars[n].number, default=0)
    last = len(bars) - 1
    return {
        "bars": [
            {
                "x": x(middle(n) + half if how.mirrored else middle(n) - half),
                "width": f"{2 * half:.2f}",
                "y": y(bar.number),
                "height": f"{HEIGHT * _FULL * bar.number / top:.1f}",
                "middle": x(middle(n)),
                "above": f"{float(y(bar.number)) - 6:.1f}",
                "unfinished": n > last - how.unfinished,
                "named": bar.number > 0 and n in (peak, last),
                "number": how.number(bar.number),
                "label": bar.label,
                "tick": bar.tick,
                "address": bar.address,
            }
            for n, bar in enumerate(bars)
        ],
        "path": "".join(
            f"M{x(middle(n) - half)} {HEIGHT}V{y(bar.number)}H{x(middle(n) + half)}V{HEIGHT}z"
            for n, bar in enumerate(bars)
            if bar.number and n <= last - how.unfinished
        ),
        "lines": [{"y": y(value), "text": how.number(value)} for value in range(step, top + 1, step)],
        "edge": x(0),
        "peak": {"number": how.number(bars[peak].number), "label": bars[peak].label} if bars else None,
        "mean": " ".join(f"{x(middle(n))},{y(value)}" for n, value in enumerate(mean or [])),
    }
