"""Figures of looks: months and years that are over, small counts kept back, and what they would follow from."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access import figures
from wayfare.access.figures import COLUMNS, SMALL, VISITS, Line, kept_back, months_until
from wayfare.access.purposes import PURPOSES

FILLED = dict.fromkeys(PURPOSES, 50) | {"approved": 9, "unapproved": 8}


def by_month(months, **other):
    return {(month, what): n for month in months for what, n in (FILLED | other).items()}


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        ("2026-03", "2026-03", []),
        ("2025-11", "2026-02", ["2025-11", "2025-12", "2026-01"]),
        ("2026-12", "2027-01", ["2026-12"]),
    ],
)
def test_months_in_their_order(first, end, found):
    assert months_until(first, end) == found


def test_a_month_and_a_year_are_told_when_they_are_over():
    counted = by_month(months_until("2025-11", "2026-04"))
    found = figures.figures(counted, "2026-03")
    assert found.periods(years=False) == ["2026-02", "2026-01", "2025-12", "2025-11"]
    assert found.periods(years=True) == ["2025"]
    assert found.told("2025", "case_work") == 100
    assert found.told("2025", VISITS) == 100 * len(PURPOSES)
    assert found.told("2026-01", "approved") == 9
    assert found.per_thousand("2026-01") == pytest.approx(1000 / len(PURPOSES))
    assert figures.figures(counted, "2025-12").periods(years=True) == []


def test_a_month_without_looks_is_there_too():
    found = figures.figures(by_month(["2025-11", "2026-01"]), "2026-02")
    assert "2025-12" in found.periods(years=False)
    assert found.told("2025-12", VISITS) is None


@pytest.mark.parametrize(("n", "told"), [(0, None), (1, None), (4, None), (5, 5), (6, 6)])
def test_a_small_count_is_not_told_and_its_rate_neither(n, told):
    found = figures.figures(by_month(["2026-01"], break_glass=n), "2026-02")
    assert found.told("2026-01", "break_glass") == told
    assert (found.per_thousand("2026-01") is None) is (told is None)


def test_what_a_small_count_would_follow_from_is_kept_back_too():
    found = figures.figures(by_month(["2026-01"], break_glass=3, legal_duty=20), "2026-02")
    assert found.told("2026-01", VISITS) == 50 * (len(PURPOSES) - 2) + 23
    hidden = {column for column in COLUMNS if found.told("2026-01", column) is None}
    assert hidden == {"break_glass", "legal_duty"}, "the smallest of the others hides it"


def test_a_month_does_not_follow_from_its_year():
    months = months_until("2025-09", "2026-01")
    counted = by_month(months) | {("2025-10", "approved"): 2, ("2025-11", "approved"): 7}
    found = figures.figures(counted, "2026-01")
    assert found.told("2025", "approved") == 9 + 2 + 7 + 9
    assert [month for month in months if found.told(month, "approved") is None] == ["2025-10", "2025-11"]


def test_nothing_was_recorded():
    assert figures.figures({}, "2026-01").periods(years=False) == []


counts = st.one_of(st.integers(0, 8), st.integers(0, 400))


def follows(line, table, hidden):
    """Tell whether a small count other than nought follows from what of one line is told, and from what is small.

    It does not if another of its hidden cells can take one from it, or give it one.
    """
    unknown = [cell for cell in line.cells() if cell in hidden]

    def may_be(cell, n):
        return 0 <= n < SMALL if table[cell] < SMALL else n >= SMALL

    for cell in unknown:
        if not 0 < table[cell] < SMALL:
            continue
        others = [other for other in unknown if other != cell]
        ways = [(by, by if line.total in (cell, other) else -by, other) for by, other in product((-1, 1), others)]
        if not any(may_be(cell, table[cell] + by) and may_be(other, table[other] + back) for by, back, other in ways):
            return True
    return False


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(months_until("2025-10", "2026-03")), st.sampled_from([*PURPOSES, "approved"])), counts
    )
)
def test_no_small_count_follows_within_a_line(counted):
    found = figures.figures(counted, "2026-03")
    months, years = found.periods(years=False), found.periods(years=True)
    hidden = found.kept_back
    assert all(cell in hidden for cell, n in found.counts.items() if n < SMALL)
    for line in figures._lines(months, years):
        assert found.counts[line.total] == sum(found.counts[part] for part in line.parts)
        assert not follows(line, found.counts, hidden), (line, [found.counts[cell] for cell in line.cells()])


def test_control_small_counts_alone_kept_back_would_follow():
    cells = [("2026-01", name) for name in "abc"]
    line, table = (
        Line(("2026-01", "all"), tuple(cells)),
        dict(zip([*cells, ("2026-01", "all")], (3, 9, 8, 20), strict=True)),
    )
    assert follows(line, table, {cells[0]})
    assert not follows(line, table, kept_back(table, [line]))


def test_counts_that_are_all_as_large_as_a_small_one_can_be():
    """Four and four under a total of thirteen with a five: no two other numbers under five make eight."""
    cells = [("2026-01", name) for name in "abc"]
    line, table = (
        Line(("2026-01", "all"), tuple(cells)),
        dict(zip([*cells, ("2026-01", "all")], (4, 4, 5, 13), strict=True)),
    )
    assert kept_back(table, [line]) == set(cells)
