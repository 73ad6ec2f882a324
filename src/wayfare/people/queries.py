"""Finding people without opening anything: initials and case numbers of the actor's own office."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from wayfare.ledger.queries import array, text_array
from wayfare.people import sealing, tokens
from wayfare.people.births import Told
from wayfare.people.enrolling import MARK
from wayfare.people.installed import keyed, master_keys
from wayfare.people.rules import case_number_in
from wayfare.people.sealing import Place
from wayfare.people.statements import called

AT_MOST = 20
EACH = 500
"""Of a token that more people have, so many are candidates; on the others it only counts."""
BEST = 300
"""Candidates that are looked for under common tokens, and of whom some are shown."""


class Result(NamedTuple):
    """Somebody whom a search may mean, by what may be shown of them unopened."""

    person: UUID
    case_number: str
    initials: str
    score: float
    """From 0 to 1."""


class Results(NamedTuple):
    """What a search found, best first; `more` tells that a word was too common to look at everybody who has it."""

    found: list[Result]
    more: bool


def search(text: str, born: Told | None = None, *, limit: int = AT_MOST) -> Results:
    """Search the actor's own office for a name, a birth or a case number; each search is logged. Within `acting`.

    Raises: Forbidden, also for searching too often; MasterKeyProblem.
    """
    asked = tokens.asked(text, born)
    texts = asked.texts()
    epochs = _epochs()
    made = [token for epoch in epochs for token in keyed(epoch).tokens(texts)]
    at = {text: n for n, text in enumerate(texts, 1)}
    worths = [
        (at[text] + n * len(texts), word, worth) for n in range(len(epochs)) for text, word, worth in asked.worths()
    ]
    columns = (
        array(str(epoch) for epoch in epochs for _ in texts),
        text_array("\\x" + one.hex() for one in made),
        *(array(str(one[n]) for one in worths) for n in range(3)),
    )
    rows = called(
        "select * from people_search(%s::int[], %s::bytea[], %s::int[], %s::int[], %s::real[], %s, %s, %s)",
        [*columns, case_number_in(text), EACH, BEST],
    )
    hits: dict[UUID, set[str]] = defaultdict(set)
    named: list[tokens.Found] = []
    for person, matched, _ in rows:
        if list(matched) == [0]:
            named.append(tokens.Found(person, 1.0))
        else:
            hits[person] |= {texts[(n - 1) % len(texts)] for n in matched}
    ranked = tokens.ranked(asked, {person: hits[person] for person in hits if person not in dict(named)}, limit)
    return Results(_shown([*named, *ranked][:limit]), any(common for *_, common in rows))


def _epochs() -> list[int]:
    """Return the epochs in which tokens may be: while one is left for the next, both."""
    with connection.cursor() as cursor:
        cursor.execute("select epoch from people_epoch where destroyed_at is null")
        noted = {epoch for (epoch,) in cursor.fetchall()}
    return [epoch for epoch in master_keys().epochs() if epoch in noted]


def _shown(found: list[tokens.Found]) -> list[Result]:
    if not found:
        return []
    rows = {
        person: (number, epoch, bytes(mark))
        for person, number, epoch, mark in called("select * from people_shown(%s)", [[one.person for one in found]])
    }
    results = []
    for person, score in found:
        number, epoch, mark = rows[person]
        key = master_keys().token_key(epoch, "marks")
        initials = sealing.unseal(key, Place(person, MARK, 1, epoch), mark).decode()
        results.append(Result(person, number, initials, score))
    return results


def case_numbers(people: list[UUID]) -> dict[UUID, str]:
    """Return the case numbers of files in the actor's own office, by person. Within `acting`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, case_number from people_person where id = any (%s) and case_number is not null", [people]
        )
        return dict(cursor.fetchall())
