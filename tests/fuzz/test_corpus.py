"""What fuzzing once found worth keeping is read again: refused by name, or written as it came."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.fuzz import parsers
from tests.fuzz.parsers import READERS, read, seeds

CORPUS = Path(__file__).with_name("corpus.txt")
"""A line of base64 for each input."""


def test_the_kept_corpus_is_read_or_refused_by_name():
    kept = [base64.b64decode(line) for line in CORPUS.read_text().splitlines()]
    assert len(kept) >= 100
    answers = [read(data) for data in kept]
    assert {data[0] % len(READERS) for data in kept if data} == set(range(len(READERS)))
    assert len(set(answers)) >= 20, "the corpus reaches many refusals"


@pytest.mark.parametrize("seed", seeds(), ids=lambda data: READERS[data[0]].__name__)
def test_the_seeds_are_good(seed):
    assert read(seed) in ("", "wrong_signature", "no_known_signature")


def test_control_a_reader_that_breaks_is_noticed(monkeypatch):
    monkeypatch.setattr(parsers, "READERS", [lambda data: data[999]])
    with pytest.raises(IndexError):
        read(b"\x00short")
