"""Codes in words, in the four languages."""

from __future__ import annotations

import pytest

from wayfare.departures.web.words import country_name
from wayfare.ledger import countries


@pytest.mark.parametrize(("language", "name"), [("en", "Kosovo"), ("fr", "Kosovo"), ("es", "Kosovo"), ("ar", "كوسوفو")])
def test_kosovo_has_its_name(language, name):
    assert country_name("XKX", language) == name


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_every_code_has_a_name_of_its_own(language):
    names = [country_name(code, language) for code in sorted(countries.CODES)]
    assert not set(names) & countries.CODES
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_names_of_codes_that_are_no_countries_are_translated(language):
    for code in (*countries.OF_DOCUMENTS, countries.NOT_KNOWN):
        assert country_name(code, language) != country_name(code, "en")
