"""Codes of countries, and of what stands in a country's place. Pure. Source: `docs/counting.md`, Codes."""

from __future__ import annotations

import pycountry

COUNTRIES = frozenset(country.alpha_3 for country in pycountry.countries) | {"XKX"}
"""ISO 3166-1 alpha-3, and Kosovo as Eurostat, UNHCR and the World Bank code it (an ISO user-assigned code)."""
OF_DOCUMENTS = ("XXA", "XXB", "XXC", "XXX", "GBD", "GBN", "GBO", "GBP", "GBS", "UNO", "UNA")
"""What ICAO 9303 part 3, section 5 adds for nationality: stateless, refugees, unspecified; British nationals who are
not citizens; the United Nations and its agencies."""
NOT_KNOWN = "UNK"
"""In ICAO 9303 this is Kosovo (a document of UNMIK), so the doors that read documents map it (`of_document`)."""
CODES = COUNTRIES | {*OF_DOCUMENTS, NOT_KNOWN}
"""What a nationality or a destination may be."""
ISSUERS = COUNTRIES | {*OF_DOCUMENTS, "XOM"}
"""Who may have issued a document."""
_ON_DOCUMENTS = {"UNK": "XKX", "RKS": "XKX", "D": "DEU"}


def of_document(code: str) -> str:
    """Return our code for one that is printed on a travel document or read from its machine-readable zone."""
    return _ON_DOCUMENTS.get(code, code)


def mend(code: object) -> str:
    """Return what to write instead of a code that is refused, where that is plain; else nothing."""
    ours = _ON_DOCUMENTS.get(code) if isinstance(code, str) and code not in CODES else None
    return f"; write {ours} for what documents print as {code}" if ours else ""
