"""Finding people without opening anything: initials and case numbers of the actor's own office."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple, cast
from uuid import UUID

from django.db import connection

from wayfare.access.door import door
from wayfare.access.operations import acting
from wayfare.common.postgres import arrays
from wayfare.common.postgres.arrays import UUIDS
from wayfare.common.postgres.statements import run
from wayfare.ledger.rules import TooLong
from wayfare.people import sealing, tokens
from wayfare.people.births import Birth, Told
from wayfare.people.enrolling import MARK
from wayfare.people.index import Reading
from wayfare.people.installed import held_keys, keyed, master_keys
from wayfare.people.names import Names
from wayfare.people.rules import SEARCH_LIMIT, case_number_in
from wayfare.people.sealing import Place
from wayfare.people.statements import called, refusals
from wayfare.people.tokens import TEXTS_LIMIT, Asked

AT_MOST = 20
SAME_AT_MOST = 5
"""Of those who may be a person that is to be registered."""
FORMS = 3
"""Written forms of a name that are asked for when somebody is to be registered."""
LEVELS = 6
"""Of a text that fills more, those in these levels are candidates, some 50 to 64 people; on others it only counts."""
BEST = 300
"""Candidates of whom it is looked up whether common texts are theirs, and of whom some are shown."""


class Result(NamedTuple):
    """Somebody whom a search may mean, by what may be shown of them unopened."""

    person: UUID
    case_number: str
    initials: str
    score: float
    """From 0 to 1."""
    match: str
    """As `tokens.MATCHES`."""


class Results(NamedTuple):
    """What a search found, best first; `more` tells that not everybody is shown who may be meant."""

    found: list[Result]
    more: bool


def search(secret: str, text: str, born: Told | None = None, *, limit: int = AT_MOST) -> Results:
    """Search the office of whom a session belongs to for a name, a birth or a case number.

    As `_searched`. Raises also: TooLong for a text of more than `SEARCH_LIMIT` characters.
    """
    if len(text) > SEARCH_LIMIT:
        raise TooLong("text", len(text), SEARCH_LIMIT)

    def found(line: int) -> tuple[list[tokens.Found], bool]:
        asked, number = tokens.asked(text, born), case_number_in(text)
        hits, more = _hits(line, [asked])
        ((named,),) = called("select people_numbered(%s, %s)", [line, number]) if number else ((None,),)
        found = [tokens.Found(named, 1.0)] if named else []
        found += [one for one in tokens.ranked(asked, hits, limit + 1 + len(found)) if one.person != named]
        return found[:limit], more or len(found) > limit

    return _searched(secret, found)


def perhaps_same(secret: str, names: Names, birth: Birth) -> list[Result]:
    """Return who in the actor's own office may be a person who is to be registered, the likeliest first.

    One search, as `_searched`.
    """
    written = dict.fromkeys(one.text() for name in names.names for one in name.written)
    forms = [tokens.asked_again(text, birth) for text in islice(written, FORMS)]

    def found(line: int) -> tuple[list[tokens.Found], bool]:
        hits, more = _hits(line, forms)
        found: dict[UUID, tokens.Found] = {}
        for form in forms:
            for person, one in tokens.perhaps_same(form, hits).items():
                found[person] = max(one, found.get(person, one), key=lambda some: some.score)
        best = sorted(found.values(), key=lambda one: (-one.score, one.person.int))
        return best[:SAME_AT_MOST], more

    return _searched(secret, found).found


def _searched(secret: str, find: Callable[[int], tuple[list[tokens.Found], bool]]) -> Results:
    """Search as whom a session belongs to, in three transactions: the search's line, what is found, the initials.

    The database gives nothing for a line that is not committed, and no initials but of whom a committed line shows.
    `find`: returns by the line's id who is meant and whether there are more. Raises: Forbidden, also for searching too
    often; MasterKeyProblem.
    """
    if connection.in_atomic_block:
        raise RuntimeError("a transaction is under way: a search commits its line before anything is found")
    with acting(secret):
        held_keys()
        run("set local synchronous_commit = off")  # the next transaction's commit waits for this one too
        ((line,),) = called("select people_search()", [])
    with acting(secret):
        found, more = find(line)
        called("select people_show(%s, %s)", [line, [one.person for one in found]])
    with acting(secret):
        return Results(_shown(line, found), more)


def _hits(line: int, asked: Sequence[Asked]) -> tuple[Mapping[UUID, set[str]], bool]:
    """Return who may be meant and by which texts, and whether a text was too common to look at everybody who has it."""
    office, epochs = _office_and_epochs()
    with refusals():
        texts = islice(dict.fromkeys(text for one in asked for text in one.texts()), TEXTS_LIMIT)
        reading = Reading({epoch: keyed(epoch, office) for epoch in epochs}, texts, partial(_stored, line))
        common = reading.read(LEVELS)
        each = BEST // len(asked)
        best = dict.fromkeys(person for one in asked for person in tokens.best(one, reading.hits, each))
        if not common:
            return {person: reading.hits[person] for person in best}, False
        ids = arrays.array(UUIDS, [person.bytes for person in best])
        return reading.texts_of(run("select epoch, person, tokens from people_found_by(%s, %s)", [line, ids])), True


def _stored(line: int, tokens: Sequence[bytes]) -> Iterable[tuple[int, UUID | None]]:
    rows = run("select n - 1, person from people_found(%s, %s)", [line, arrays.array(UUIDS, tokens)])
    return cast(list[tuple[int, UUID | None]], rows)


def _office_and_epochs() -> tuple[str, list[int]]:
    """Return the actor's office and the epochs in which it may have rows: while one is left for the next, both."""
    rows = run("select access_own_office(), (select array_agg(epoch) from people_epoch where destroyed_at is null)")
    ((office, noted),) = rows
    return office, [epoch for epoch in master_keys().epochs() if epoch in (noted or [])]


def _shown(line: int, found: list[tokens.Found]) -> list[Result]:
    rows = {
        person: (number, epoch, bytes(mark))
        for person, number, epoch, mark in called("select * from people_shown(%s)", [line])
    }
    results = []
    for person, score, match in found:
        if person not in rows:  # erased a moment ago
            continue
        number, epoch, mark = rows[person]
        key = master_keys().token_key(epoch, "marks")
        initials = sealing.unseal(key, Place(person, MARK, 1, epoch), mark).decode()
        results.append(Result(person, number, initials, score, match))
    return results


def undone(days: int = 30) -> tuple[int, int]:
    """Return how many steps searches took, and how many were undone with their transaction.

    A search begins, asks and shows: each takes a number that no rollback gives back. Within `acting`, by who watches.
    Raises: Forbidden.
    """
    ((steps, gone),) = called("select numbers, undone from people_undone(%s)", [days])
    return int(steps), int(gone)


def case_numbers(people: list[UUID]) -> dict[UUID, str]:
    """Return the case numbers of files in the actor's own office, by person. Within `acting`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, case_number from people_person where id = any (%s) and case_number is not null", [people]
        )
        return dict(cursor.fetchall())


def files_named(people: Iterable[UUID]) -> dict[UUID, str | None]:
    """Return the case number of each file that the actor may know of, None for one that was erased. Within `acting`.

    Those are the files that policies let the actor know of, and those that work in hand lets them open now.
    """
    wanted = list({*people})
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, case_number from people_person where id = any (%s)"
            " union select id, case_number from people_numbers_open_to_actor(%s)",
            [wanted, wanted],
        )
        return dict(cursor.fetchall())


def person_numbered(text: str) -> UUID | None:
    """Return whose case number a text is meant as, None if the actor may know of no such file. Within `acting`."""
    number = case_number_in(text)
    if number is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("select id from people_person where case_number = %s", [number])
        return next((person for (person,) in cursor.fetchall()), None)


def person_for_command(text: str) -> UUID | None:
    """Return whose case number a text is meant as, for a command on this machine; None if there is no such file."""
    with door():
        ((person,),) = called("select people_numbered(%s)", [case_number_in(text) or ""])
    return cast(UUID | None, person)


class Kept(NamedTuple):
    """An epoch whose master key opens what older backups hold."""

    epoch: int
    destroyed_at: datetime | None
    """None while it can still be used."""


def epochs_kept() -> list[Kept]:
    """Return every epoch, oldest first: until one is destroyed, backups of its time can be opened."""
    with connection.cursor() as cursor:
        cursor.execute("select epoch, destroyed_at from people_epoch order by epoch")
        return [Kept(*row) for row in cursor.fetchall()]
