"""Every purpose, role and field group has words in every language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.utils import translation

from wayfare.access import operations, words
from wayfare.access.purposes import GROUPS, PURPOSES, ROLES, SCOPES

LANGUAGES = [code for code, _ in settings.LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_has_words_of_its_own(language):
    with translation.override(language):
        for say, codes in (
            (words.purpose, PURPOSES),
            (words.purpose_in_a_sentence, PURPOSES),
            (words.role, ROLES),
            (lambda code: words.groups([code]), GROUPS),
            (words.scope, SCOPES),
            (words.needs, {known.needs for known in PURPOSES.values()}),
            (words.ground, operations.GROUNDS),
            (words.erasure_state, ("unconfirmed", "waits", "erased", "refused", "withdrawn", "lapsed")),
            (words.refusal, ("person", "staff", "as_of", "since", "until", "why", "ground")),
        ):
            said = {say(code) for code in codes}
            assert len(said) == len(codes)
            if language != "en":
                with translation.override("en"):
                    assert not said & {say(code) for code in codes} - {"Superviseur", "Documents", "documents", "notes"}


def test_a_moment_is_told_by_the_clock_of_the_office():
    at = datetime(2026, 11, 24, 23, 5, 59, tzinfo=UTC)
    said = {language: words.moment(at, language, "Europe/Paris") for language in LANGUAGES}
    assert said["en"] == "25 November 2026, 00:05"
    assert "25 novembre 2026" in said["fr"]
    assert "00:05" in said["es"]
    assert "نوفمبر" in said["ar"]


def test_a_look_reads_as_a_sentence():
    with translation.override("en"):
        assert words.look("Ines B.", ["birth", "names"], "travel_booking") == (
            "Ines B. opened names and date of birth, nationality and sex to book the journey."
        )
        assert words.groups(GROUPS) == "names, date of birth, nationality and sex, contact details, documents and notes"
    with translation.override("fr"):
        assert (
            words.look("Ines B.", ["names"], "case_work") == "Ines B. a ouvert : noms, pour travailler sur le dossier."
        )


def test_a_look_by_a_role_and_by_nobody_known():
    with translation.override("en"):
        assert words.look_by("Ines B.", ["supervisor"], ["names"], "case_work") == (
            "Ines B. (Supervisor) opened names to work on the case."
        )
        assert words.look_by("Ines B.", [], ["names"], "case_work") == "Ines B. opened names to work on the case."
        assert words.look_by("", [], ["names"], "case_work") == "A colleague opened names to work on the case."


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=-3), "1 second ago"),
        (timedelta(seconds=3), "3 seconds ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=400), "1 year ago"),
    ],
)
def test_how_long_ago_it_is(ago, said):
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert words.ago(now - ago, now, "en") == said
