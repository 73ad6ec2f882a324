"""(a) = (b) = a deliberately naive third reading, on histories of every kind, in any order and at any cut."""

from __future__ import annotations

import random
import shutil
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.departures import rules
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import instant_us
from wayfare.statistics import engines
from wayfare.statistics.recount import recount
from wayfare.statistics.tests import copies, naive
from wayfare.statistics.tests.copies import copied, rows
from wayfare.statistics.tests.histories import PROGRAMMES, history

LATEST = instant_us("2027-01-01T00:00:00Z")


def parsed(raws):
    return [parsing.parse(raw, programmes=PROGRAMMES, latest_us=LATEST) for raw in raws]


def flat(counted):
    return {
        (
            *(c.departure, c.programme, c.exited_at, c.day.isoformat(), c.nationality, c.sex, c.age),
            *(c.destination, c.evidence, c.assistance, c.cluster),
        )
        for c in counted
    }


@settings(max_examples=2 * settings().max_examples)
@given(st.integers(0, 2**32), st.integers(2, 8), st.integers(1, 120))
def test_one_cluster_at_a_time_equals_the_naive_reading(seed, people, length):
    raws = history(seed, people, length)
    assert flat(rules.count(parsed(raws), PROGRAMMES).counted) == naive.count(raws, PROGRAMMES)


@settings(max_examples=settings().max_examples)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(seed, chance):
    entries = parsed(history(seed))
    shuffled = list(entries)
    chance.shuffle(shuffled)
    one, other = rules.count(entries, PROGRAMMES), rules.count(shuffled, PROGRAMMES)
    assert sorted(one.counted) == sorted(other.counted)
    assert Counter(one.findings) == Counter(other.findings)


@settings(max_examples=settings().max_examples // 3)
@given(st.integers(0, 2**32), st.integers(0, 400))
def test_set_by_set_equals_one_cluster_at_a_time(seed, cut):
    raws = history(seed, people=20, length=300)
    path = copied(parsed(raws))
    engine = engines.engine("duckdb")
    counted, findings = rows(recount(engine, engine.entries([path]), PROGRAMMES, cut))
    outcome = rules.count(parsed(raws[:cut]), PROGRAMMES)
    assert counted == copies.flat(outcome.counted)
    assert findings == Counter(outcome.findings)
    shutil.rmtree(path.parent)


def test_histories_do_hold_everything():
    """The control: the histories count, join, withdraw and wait often enough to prove something."""
    kinds_of_findings: Counter[str] = Counter()
    counted = 0
    for seed in range(30):
        outcome = rules.count(parsed(history(seed, 6, 120)), PROGRAMMES)
        counted += len(outcome.counted)
        kinds_of_findings.update(f.kind for f in outcome.findings)
    assert counted > 100
    assert kinds_of_findings.keys() >= {"joined", "word_only", "confirmed_after_withdrawal", "waits_for_link"}


@pytest.mark.parametrize("wrong", ["presence", "tie"])
def test_a_wrong_reading_is_found(wrong, monkeypatch):
    """The control: with one step of the rule taken out, the readings differ."""
    if wrong == "presence":
        monkeypatch.setattr(rules, "_walk", lambda exits, presences: [exits])
    else:
        monkeypatch.setattr(rules, "_keep_latest", lambda facts, name, said: facts.setdefault(name, said))
    chance = random.Random(1)
    seeds = [chance.getrandbits(32) for _ in range(60)]
    different = [
        seed
        for seed in seeds
        if flat(rules.count(parsed(history(seed)), PROGRAMMES).counted) != naive.count(history(seed), PROGRAMMES)
    ]
    assert different
