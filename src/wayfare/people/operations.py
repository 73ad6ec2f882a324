"""Enrolling, opening, correcting, erasing: the only ways in and out of the vault.

All run within `access.operations.acting`, to whose session the database holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from wayfare.access import operations as access
from wayfare.access.operations import Look
from wayfare.common import reserve
from wayfare.common.postgres import arrays
from wayfare.common.postgres.arrays import UUIDS
from wayfare.common.postgres.literals import array, text_array
from wayfare.common.postgres.statements import ahead, in_one_trip, run
from wayfare.ledger import operations as ledger
from wayfare.ledger import queries as ledger_queries
from wayfare.ledger.entries.operations import append_own
from wayfare.ledger.rules import Refused
from wayfare.people import sealing
from wayfare.people.births import Birth, at_the_latest
from wayfare.people.enrolling import MARK as MARK
from wayfare.people.enrolling import Enrolled as Enrolled
from wayfare.people.enrolling import File, Writer
from wayfare.people.enrolling import named as _named
from wayfare.people.fields import LIST_LIMIT
from wayfare.people.installed import current_epoch, held_keys, keyed, master_keys
from wayfare.people.knownkeys import QUERY, compare, known_keys
from wayfare.people.rules import Group, Notes, group_of, ledger_facts, read_group, stored_group, write_group
from wayfare.people.sealing import Place, Sealing
from wayfare.people.statements import Stale, called, refusals

AT_ONCE = 1_000
"""People who are sealed while the database stores those before them."""
REMAINS = ("person", "office", "created_at", "erased_at")
"""All that the vault keeps of a person after erasure."""


Run = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Runs a statement and returns its rows, as `run` does."""


class Opened(NamedTuple):
    """What of a file is open, and the look by which it is."""

    look: Look
    groups: dict[str, Group]
    versions: dict[str, int]


def file_from(data: Mapping[str, Any], *, at: datetime, family: UUID | None = None, person: UUID | None = None) -> File:
    """Return a file to enrol from what JSON gave for each of its groups. Raises: Refused.

    `person`: as in `File`.
    """
    groups = {group: read_group(group, value) for group, value in data.items()}
    if "names" not in groups:
        groups["names"] = read_group("names", {})
    birth = groups.get("birth")
    if isinstance(birth, Birth):
        at_the_latest(birth, at.date())
    return File(groups, family, person)


def enrol(
    data: Mapping[str, Any], *, at: datetime, programme: str | None = None, family: UUID | None = None
) -> Enrolled:
    """Make the file of a person in the actor's own office, sealed. Raises: Refused, Forbidden, Stale,
    MasterKeyProblem.

    `data`: by field group, as `rules.read_group` reads it; `names` must be there. `programme`: as for `enrol_many`.
    """
    return enrol_many([file_from(data, at=at, family=family)], at=at, programme=programme)[0]


def enrol_many(files: Iterable[File], *, at: datetime, programme: str | None = None) -> list[Enrolled]:
    """Make the files of several people at once, all or none. Raises: Refused, Forbidden, MasterKeyProblem.

    `programme`: the key of that in which they take part. The ledger then gets an `enrolled` of each, in the same
    transaction. None where there is no programme yet: the ledger learns nothing of them.
    Some are sealed while the database stores those before them, so that a long list takes two cores. Where `files` come
    from must not use the application's connection meanwhile.
    """
    reserve.check()
    if programme is not None:
        ledger.open_for_writing()  # before the locks of the index and of the access record, as in `correct`
    epoch, left, people, facts = current_epoch(), iter(files), list[Enrolled](), list[dict[str, Any]]()
    with refusals(), ahead() as queue:
        writer = _writer(epoch, None, queue.run)
        while some := list(islice(left, AT_ONCE)):
            made, columns = writer.written(some)
            queue.send(_ENROL, [at, epoch, *columns])
            people += made
            facts += [ledger_facts(_named(file.groups)[1]) for file in some]
    if programme is not None and people:
        each = zip(people, facts, strict=True)
        fields = [{"person": str(one.person), "programme": programme, **theirs} for one, theirs in each]
        append_own("enrolled", fields, occurred_at=at)
    return people


_ENROL = "select people_enrol(" + ", ".join(["%s"] * 13) + ")"


def _writer(epoch: int, person: UUID | None, run: Run) -> Writer:
    """Lock the index of the actor's office, or of a person's, to the transaction's end; return who writes in it."""
    ((office,),) = called("select people_to_write(%s, %s)", [epoch, person])

    def there(tokens: Sequence[bytes]) -> set[int]:
        return {n - 1 for (n,) in run("select n from people_there(%s) n", [arrays.array(UUIDS, tokens)])}

    return Writer(epoch, master_keys(), keyed(epoch, office), there)


def opened(task: UUID, groups: Iterable[str], how: str = "page") -> Opened:
    """Open field groups of the file that a task is about: the one verb that gives plaintext.

    The look is written first; then what it opens is read and unsealed, in the same transaction.
    Raises: Forbidden; SealRefusal, if what is stored does not open in its place; MasterKeyProblem.
    """
    held_keys()
    look = access.look(task, list(groups), how)
    key, rows = _read(look)
    return Opened(look, _unsealed(look.person, key, rows), {group: version for group, version, *_ in rows})


def open_once(secret: str, task: UUID, groups: Iterable[str], how: str = "page") -> Opened:
    """Do as `acting` and `opened` in a transaction of its own, in one trip to the database.

    The look and what it opens are read there together, by whoever acts and under the policies. Unsealing goes on while
    the look is written to the disk; what it gives is returned once it is there. A value that does not open leaves the
    look on the record. Within a longer transaction it is a part of that. Raises: as `opened`; Unbound.
    """
    wanted = list(groups)
    if connection.in_atomic_block:
        with access.acting(secret):
            return opened(task, wanted, how)
    trip = in_one_trip((access.AS_WHOM, [secret]), (QUERY, []), (_OPEN, [task, text_array(wanted), how]))
    with refusals(), trip as (session, known, rows):
        access.check_bound(session[0][2])
        compare(master_keys(), known_keys(lambda _: known))
        if {row[4] for row in rows} != set(wanted):
            raise sealing.SealRefusal("length", _MISSING)
        place, person, epoch, wrapped, *_ = rows[0]
        key = master_keys().unwrap(epoch, person, wrapped)
        found = _unsealed(person, key, [row[4:] for row in rows])
    return Opened(Look(place, person, tuple(wanted)), found, {row[4]: row[5] for row in rows})


_OPEN = "select place, whose, key_epoch, wrapped, grp, version, epoch_made, sealed from people_opened(%s, %s, %s)"
_MISSING = "a field group of this file is missing from the database"


def _unsealed(person: UUID, key: bytes, rows: Iterable[tuple[str, int, int, bytes]]) -> dict[str, Group]:
    of_person = Sealing(key)
    return {
        group: stored_group(group, of_person.unseal(Place(person, group, version, epoch_made), bytes(sealed)))
        for group, version, epoch_made, sealed in rows
    }


def _read(look: Look) -> tuple[bytes, list[tuple[str, int, int, bytes]]]:
    """Return the data key and the sealed values that a look opens. Raises: as `opened`."""
    rows = run(
        "select k.epoch, k.wrapped, s.grp, s.version, s.epoch_made, s.sealed from people_key k"
        " join people_sealed s using (person) where person = %s and s.grp = any(%s)",
        [look.person, array(look.groups)],
    )
    if {row[2] for row in rows} != set(look.groups):
        raise sealing.SealRefusal("length", _MISSING)
    epoch, wrapped, *_ = rows[0]
    return master_keys().unwrap(epoch, look.person, bytes(wrapped)), [row[2:] for row in rows]


def correct(task: UUID, group: str, data: Any, *, version: int, at: datetime, how: str = "page") -> Look:
    """Put a new version of a field group in the place of the one that was read as `version`.

    Names and birth are looked at together, because each is searched with the other. What the ledger knows of the
    person is corrected there in the same transaction, if it is otherwise now (`facts_corrected`).
    Raises: Refused, Forbidden, Stale, SealRefusal, MasterKeyProblem.
    """
    value = read_group(group, data)
    if isinstance(value, Birth):
        at_the_latest(value, at.date())
    plain = write_group(value)  # before the look: what is refused leaves none
    reserve.check()
    if group in ("names", "birth"):
        ledger.open_for_writing()  # before the locks of the access record and of the index, as in `enrol_many`
    held_keys()
    needs = ["names", "birth"] if group in ("names", "birth") else [group]
    look = access.look(task, needs, how)
    key, rows = _read(look)
    if not _put(look.person, group, key, version, plain):
        raise Stale(group)
    if group in ("names", "birth"):
        _name_again(look.person, key, rows, value, current_epoch())
    if isinstance(value, Birth):
        _correct_facts(look.person, key, rows, value, at)
    return look


def enrol_in(task: UUID, programme: str, *, at: datetime, how: str = "page") -> Look:
    """Have somebody take part in a programme who was registered while there was none: the ledger gets their `enrolled`.

    A look at the birth comes first. Raises: Refused, also for somebody whom the ledger knows already; Forbidden,
    SealRefusal, MasterKeyProblem.
    """
    reserve.check()
    ledger.open_for_writing()  # before the lock of the access record, as in `correct`
    held_keys()
    look = access.look(task, ["birth"], how)
    if ledger_queries.has(str(look.person), "enrolled"):
        raise Refused("programme", "is chosen already; who takes part in one is in the ledger once")
    birth = _unsealed(look.person, *_read(look))["birth"]
    assert isinstance(birth, Birth)
    fields = {"person": str(look.person), "programme": programme, **ledger_facts(birth)}
    append_own("enrolled", [fields], occurred_at=at)
    return look


def _correct_facts(
    person: UUID, key: bytes, rows: Iterable[tuple[str, int, int, bytes]], now: Birth, at: datetime
) -> None:
    """Tell the ledger those of a person's coded facts that are otherwise now; nothing of somebody it does not know."""
    before = _unsealed(person, key, [row for row in rows if row[0] == "birth"])["birth"]
    assert isinstance(before, Birth)
    known, facts = ledger_facts(before), ledger_facts(now)
    changed = {name: value for name, value in facts.items() if value != known[name]}
    if changed and ledger_queries.has(str(person), "enrolled"):
        append_own("facts_corrected", [{"person": str(person), "facts": changed}], occurred_at=at)


def _put(person: UUID, group: str, key: bytes, version: int, plain: bytes) -> bool:
    """Seal a field group in the place of the version that was read; return False if that is there no more."""
    epoch = current_epoch()
    sealed = sealing.seal(key, Place(person, group, version + 1, epoch), plain)
    with connection.cursor() as cursor:
        cursor.execute(
            "update people_sealed set version = %s, epoch_made = %s, sealed = %s"
            " where person = %s and grp = %s and version = %s",
            [version + 1, epoch, sealed, person, group, version],
        )
        return int(cursor.rowcount) == 1


def add_note(task: UUID, text: str, *, on: date, how: str = "page") -> Look:
    """Add a note to a file, with its day. Of two colleagues who do so at once each finds their note there.

    Raises: Refused, also when there are as many as a file holds; Forbidden, SealRefusal, MasterKeyProblem.
    """
    added = read_group("notes", {"notes": [{"on": on.isoformat(), "text": text}]})
    reserve.check()
    held_keys()
    look = access.look(task, ["notes"], how)
    while True:  # what was written meanwhile is read, and added to
        key, rows = _read(look)
        ((_, version, *_),) = rows
        known = _unsealed(look.person, key, rows)["notes"]
        assert isinstance(known, Notes)
        assert isinstance(added, Notes)
        if len(known.notes) >= LIST_LIMIT:
            raise Refused("notes.notes", f"are {len(known.notes)} already; a file holds {LIST_LIMIT}")
        plain = write_group(Notes((*known.notes, *added.notes)))
        if _put(look.person, "notes", key, version, plain):
            return look


def _name_again(
    person: UUID, key: bytes, rows: Iterable[tuple[str, int, int, bytes]], value: Group, epoch: int
) -> None:
    """Make a person's tokens and mark anew, of the corrected group and the other one as it is stored."""
    groups = _unsealed(person, key, rows) | {group_of(value): value}
    with refusals():
        writer = _writer(epoch, person, run)
        (tokens,), signs = writer.rows([groups])
        columns = [arrays.array(UUIDS, some) for some in (tokens, signs)]
        mark = writer.mark(person, _named(groups)[0])
        run("select people_name_again(%s, %s, %s, %s, %s)", [person, epoch, mark, *columns])


def erase(request: UUID, *, read_until: int) -> UUID:
    """Erase the person for whom a colleague asked it: the actor is the second one, and says yes by this.

    Their key, sealed values, tokens and mark are deleted; only `REMAINS` stays. What older backups hold opens until the
    epoch of then is destroyed. `read_until`: the last entry about the file that the actor has read. Returns who it was.
    Raises: Forbidden, with `file_changed` if something happened in the file since.
    """
    ((person,),) = called("select people_erase(%s, %s)", [request, read_until])
    return UUID(str(person))
