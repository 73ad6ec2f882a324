"""Refusals, numbers and moments of the log's page in words, as each language writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pycountry
from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import format_decimal
from django.utils import translation
from django.utils.translation import gettext as _

_CLDR = {"en": "en_GB"}
"""CLDR's plain `en` writes dates the American way."""


def locale(language: str) -> Locale:
    """Return the CLDR locale of an interface language."""
    return Locale.parse(_CLDR.get(language, language))


@cache
def country_name(code: str, language: str) -> str:
    """Return a country's name in a language; codes that are no country in words."""
    with translation.override(language):
        special = {
            "XXA": _("Stateless"),
            "XXB": _("Refugee, country not given"),
            "XXC": _("Refugee (other), country not given"),
            "XXX": _("Country not given"),
            "GBD": _("British Overseas Territories citizen"),
            "GBN": _("British National (Overseas)"),
            "GBO": _("British Overseas citizen"),
            "GBP": _("British protected person"),
            "GBS": _("British subject"),
            "UNO": _("United Nations"),
            "UNA": _("United Nations agency"),
            "UNK": _("Not known"),
        }
    if code in special:
        return special[code]
    if code == "XKX":
        return str(locale(language).territories["XK"])
    known = pycountry.countries.get(alpha_3=code)
    return str(locale(language).territories.get(known.alpha_2, known.name)) if known else code


def refusals() -> list[tuple[str, str]]:
    """Return the codes that share a sentence, and the sentence; `other` is for all that are not named."""
    return [
        (
            "nothing_given unreadable",
            _("There is nothing to read. Choose the file of the receipt again, or paste its text."),
        ),
        (
            "truncated no_signatures index_line",
            _("A part is missing. Save or copy the receipt again, whole, to the end of its last line."),
        ),
        (
            "carriage_return",
            _("Its lines end as Windows writes them: a program changed the file on its way. Take it again, unchanged."),
        ),
        ("base64", _("A line has letters that do not belong there, or lacks some. Copy the receipt again, unchanged.")),
        (
            "root_differs proof_too_long proof_too_short",
            _("The entry does not lead to the checkpoint. The entry, its position or the proof was changed."),
        ),
        (
            "index_beyond_tree",
            _("The entry's position is beyond the end of the checkpoint: the two do not belong together."),
        ),
        ("wrong_signature", _("The signature is not that of the key: the checkpoint or its signature was changed.")),
        (
            "no_known_signature",
            _("No key that is known here signed it. It is of another log, or the key that you gave is not its key."),
        ),
        (
            "verifier_key key_id key_length unknown_algorithm",
            _("The key that you pasted is not whole, or not of the right kind. It looks like name+1a2b3c4d+AbC…"),
        ),
        ("too_long", _("It is longer than any receipt. Choose another file.")),
        ("no_entry", _("The receipt does not say what the entry holds, so nothing can be checked.")),
        ("other", _("This is not a receipt, or a part of it was changed.")),
    ]


def refusal(code: str) -> str:
    """Return what a code means."""
    sentences = {one: sentence for codes, sentence in refusals() for one in codes.split()}
    return sentences.get(code, sentences["other"])


def number(value: int, language: str) -> str:
    """Return a whole number, grouped as the language groups it."""
    return str(format_decimal(value, locale=locale(language)))


def moment(at: datetime, language: str) -> str:
    """Return an instant in UTC, by a clock of 24 hours in every language."""
    where, there = locale(language), at.astimezone(UTC)
    parts = format_time(there.time(), "HH:mm:ss 'UTC'", locale=where), format_date(there, "long", locale=where)
    return str(get_datetime_format("medium", locale=where)).format(*parts)
