"""Lists of languages and countries in the reader's language, and what somebody chose or typed as a code.

A field offers names; what comes back is a name in any language of the pages, or a code, which is understood too.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from wayfare.common.web.formats import locale
from wayfare.ledger import countries as codes
from wayfare.ledger import languages as known_languages
from wayfare.ledger.web.words import country_name
from wayfare.people.births import UNSAID

USUAL_LANGUAGES = [
    "ar",
    "fa",
    "fa-AF",
    "ps",
    "ku",
    "ckb",
    "tr",
    "ur",
    "bn",
    "so",
    "am",
    "ti",
    "om",
    "fr",
    "en",
    "es",
    "pt",
    "ru",
    "uk",
    "ka",
    "hy",
    "sq",
    "sr",
    "ro",
    "ha",
    "ff",
    "wo",
    "bm",
    "ln",
    "sw",
    "zh",
    "vi",
    "ta",
]
"""Those that people in return and asylum procedures speak most, offered first."""
IN_SCRIPTS = (
    "ku-Arab",
    "ku-Latn",
    "az-Arab",
    "uz-Arab",
    "uz-Latn",
    "pa-Arab",
    "sr-Latn",
    "sr-Cyrl",
    "zh-Hans",
    "zh-Hant",
)
_TAG = re.compile(r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE)
_NAMED = re.compile(r"([^()]+?)\s*\(([^()]+)\)")
NAME_READ = 100
"""Characters of a name that are compared; no language or country has a longer one."""
UNSAID_WORDS = {"not_known": gettext_lazy("Not known"), "prefer_not_to_say": gettext_lazy("Prefer not to say")}
SEX_WORDS = {
    "female": pgettext_lazy("sex", "Female"),
    "male": pgettext_lazy("sex", "Male"),
    "other": pgettext_lazy("sex", "Other"),
}
Choices = list[tuple[str, str]]


def folded(text: str) -> str:
    """Return a name as names are compared: without case and accents."""
    plain = unicodedata.normalize("NFKD", text[:NAME_READ].casefold())
    return " ".join("".join(one for one in plain if unicodedata.category(one) != "Mn").split())


def _here() -> str:
    return translation.get_language() or "en"


def language_name(tag: str) -> str:
    """Return a language's name in the reader's language, with its script or region; the tag where CLDR has no name."""
    return _language_name(tag, _here())


@cache
def _language_name(tag: str, language: str) -> str:
    where = locale(language)
    known = known_languages.OTHER_TAGS.get(tag, tag).replace("-", "_")
    if name := where.languages.get(known):
        return str(name)
    base, *rest = known.split("_")
    if base not in where.languages:
        return str(locale("en").languages.get(base, tag))
    inside = [where.scripts.get(one) or where.territories.get(one) or one for one in rest]
    return f"{where.languages[base]} ({', '.join(inside)})"


def languages() -> Choices:
    """Return the languages to choose from, by tag, in the reader's language: the usual ones first."""
    return _languages(_here())


@cache
def _languages(language: str) -> Choices:
    known = {str(tag).replace("_", "-") for tag in locale(language).languages} - known_languages.NONE | {*IN_SCRIPTS}
    rest = sorted(known - {*USUAL_LANGUAGES}, key=lambda tag: folded(_language_name(tag, language)))
    return [(tag, _language_name(tag, language)) for tag in (*USUAL_LANGUAGES, *rest)]


@cache
def _tags(language: str) -> dict[str, str]:
    return {folded(name): tag for tag, name in reversed(_languages(language))}


def language_tag(text: str) -> str:
    """Return the tag of a language that was chosen by name or typed as a tag; the text itself if it is neither."""
    wanted = folded(text)
    for language in (_here(), *dict(settings.LANGUAGES)):
        if tag := _tags(language).get(wanted):
            return tag
        if (named := _NAMED.fullmatch(text[:NAME_READ].strip())) and (
            tag := _tag_of_parts(named[1], named[2], language)
        ):
            return tag
    found = _TAG.fullmatch(text.strip())
    if found is None:
        return text
    tag = "-".join(filter(None, (found[1].lower(), (found[2] or "").title(), (found[3] or "").upper())))
    return tag if known_languages.is_known(tag) else text


def _tag_of_parts(name: str, inside: str, language: str) -> str | None:
    """Return the tag of a language's name and its script's or region's: Kurdish (Arabic)."""
    base, where = _tags(language).get(folded(name)), locale(language)
    wanted = folded(inside)
    script = next((code for code, one in where.scripts.items() if folded(one) == wanted), None)
    region = next((code for code, one in where.territories.items() if folded(one) == wanted), None)
    return f"{base}-{script or region}" if base and (script or region) else None


def shown_language(tag: str) -> str:
    """Return what a field shows for a tag: its name, if the name leads back to this tag; else the tag."""
    name = language_name(tag)
    return name if language_tag(name) == tag else tag


def countries() -> Choices:
    """Return the countries to choose from, by code, in the reader's language."""
    return _countries(_here())


@cache
def _countries(language: str) -> Choices:
    named = [(code, country_name(code, language)) for code in codes.ISSUERS]
    return sorted(named, key=lambda one: folded(one[1]))


@cache
def _codes(language: str) -> dict[str, str]:
    return {folded(name): code for code, name in _countries(language)}


def nationalities() -> Choices:
    """Return the nationalities to choose from, by code, in the reader's language: what is no country first."""
    special = {"XXA", *codes.OF_DOCUMENTS}
    offered = [one for one in countries() if one[0] in codes.CODES]
    stateless, *_ = (one for one in offered if one[0] == "XXA")
    return [
        stateless,
        *unsaid(),
        *(one for one in offered if one[0] not in special),
        *(one for one in offered if one[0] in special - {"XXA"}),
    ]


def sexes() -> Choices:
    """Return what may be said of a sex, to choose from; that nobody asked is the first."""
    return [("", _("Choose")), *((code, str(word)) for code, word in SEX_WORDS.items()), *unsaid()]


def shown_sex(code: str) -> str:
    """Return what a page shows for a sex."""
    return str((SEX_WORDS | UNSAID_WORDS).get(code, code))


def unsaid() -> Choices:
    """Return why something is not told, to choose from."""
    return [(code, str(UNSAID_WORDS[code])) for code in UNSAID]


def nationality_code(text: str) -> str:
    """Return the code of a nationality that was chosen by name or typed as a code; the text itself if it is neither."""
    wanted = folded(text)
    for language in (_here(), *dict(settings.LANGUAGES)):
        with translation.override(language):
            for code, name in unsaid():
                if wanted in (folded(name), code):
                    return code
    return country_code(text)


def shown_nationality(code: str) -> str:
    """Return what a field shows for a nationality."""
    return str(UNSAID_WORDS[code]) if code in UNSAID else shown_country(code)


def country_code(text: str) -> str:
    """Return the code of a country that was chosen by name or typed as a code; the text itself if it is neither."""
    wanted = folded(text)
    for language in (_here(), *dict(settings.LANGUAGES)):
        if code := _codes(language).get(wanted):
            return code
    return text.strip().upper() if len(text.strip()) <= 3 else text


def shown_country(code: str) -> str:
    """Return what a field shows for a country's code: its name; what is no code stays as it is."""
    return country_name(code, _here()) if code in codes.ISSUERS else code
