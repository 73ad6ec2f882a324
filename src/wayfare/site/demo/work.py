"""What the colleagues of the example did with the files: for which purpose, which parts, and why. Invented. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from wayfare.site.demo.people import Person

MOST = ("names", "birth", "contact")
NOTES = (
    "We spoke about the house of her brother and about the way there.",
    "The next appointment is in two weeks; an interpreter is ordered.",
    "Still undecided. We went through the options once more.",
    "The copy of the document is here; the original stays with the person.",
)


class Visit(NamedTuple):
    """One visit to a file: who, whose, for what, and what was opened."""

    who: str
    whose: str
    purpose: str
    groups: tuple[str, ...]
    words: str = ""
    """The reason, or the legal basis."""
    approver: str = ""
    """Who approved it, of an emergency."""
    note: str = ""
    """What was added to the file."""
    correction: tuple[str, dict[str, Any]] | None = None
    """A field group, and what it is now."""
    stays_open: bool = False


def everyday(people: Sequence[Person]) -> list[Visit]:
    """Return the counsellors' visits: to every second person of theirs, some with a note; two files stay open."""
    found = []
    for counsellor in dict.fromkeys(one.counsellor for one in people):
        theirs = [one for one in people if one.counsellor == counsellor][::2]
        for n, one in enumerate(theirs):
            note = NOTES[n % len(NOTES)] if n % 2 else ""
            groups = (*MOST, "notes") if note else MOST[: 2 + n % 2]
            last = n >= len(theirs) - 2
            found.append(Visit(counsellor, one.key, "case_work", groups, note=note, stays_open=last))
    return found


BORN = {
    "told": {"calendar": "gregorian", "year": 1987, "month": 4},
    "place": "Poltava",
    "nationality": "UKR",
    "sex": "female",
}
"""The nationality was not known before: so the ledger is corrected too."""
SPECIAL = (
    Visit("idris", "kovalenko-helena", "correction_review", ("names", "birth"), correction=("birth", BORN)),
    Visit("idris", "kovalenko-olena", "duplicate_review", ("names", "birth")),
    Visit("idris", "ahmadi-mohammad", "duplicate_review", ("names", "birth")),
    Visit("liam", "suharto", "duplicate_review", ("names", "birth")),
    Visit("tomas", "beridze-nino", "travel_booking", ("names", "birth", "documents")),
    Visit("tomas", "beridze-giorgi", "travel_booking", ("names", "birth", "documents")),
    Visit("tomas", "munoz-lucia", "travel_booking", ("names", "birth", "documents"), stays_open=True),
    Visit("nadia", "hamdan-leila", "case_work", ("names", "birth", "notes")),
    Visit("priya", "rahman-nasrin", "case_work", ("names", "birth", "notes")),
    Visit(
        "idris",
        "li-wei",
        "support_at_request",
        ("names", "contact"),
        "He telephoned while Camille was away and asked for his appointment.",
    ),
    Visit(
        "sofia",
        "yilmaz-gulsen",
        "legal_duty",
        ("names", "documents"),
        "Article 15 GDPR: she asked for a copy of what is kept of her.",
    ),
    Visit(
        "camille",
        "tesfaye-selam-2",
        "break_glass",
        ("names", "contact"),
        "A hospital called: she may be the person whom we know in Geneva.",
        approver="nadia",
    ),
    Visit(
        "grace",
        "petrosyan-ani",
        "break_glass",
        (),
        "A caller at our desk says that she is in danger and that Geneva knows her.",
    ),
)
"""Unusual work; the last is an emergency that still waits for a second person's approval."""
ERASURE = ("idris", "wang-xiuying", "asked", "She moved away, and asked in writing that her file is erased.")
"""A request for erasure that waits for a second person: who asks, whose file, the ground, and why."""
