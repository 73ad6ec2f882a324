"""Turning over the master key while the system runs: a new epoch begins, everything is moved to it, the old one ends.

By the owner's connection, which no policy binds, and which without the master key reads nothing. No name is opened:
data keys are wrapped anew and tokens moved as they are; only the initials of search results are sealed anew. Each
batch is a transaction of its own, so that it can be broken off at any moment and goes on where it stopped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connections, transaction

from wayfare.common.postgres import arrays
from wayfare.common.postgres.statements import Ahead
from wayfare.ledger.rules import Refused
from wayfare.people import sealing
from wayfare.people.enrolling import MARK
from wayfare.people.index import Rows, Slots
from wayfare.people.installed import keyed, make_first, master_keys
from wayfare.people.knownkeys import compare, known_keys
from wayfare.people.masterkeys import MEND, MasterKeyProblem, MasterKeys
from wayfare.people.sealing import Place

BATCH = 20_000
A_BLOCK = 40
"""Rows that a block holds, about: of people_key half as many as it has room for, so that new ones stay beside them."""
AT_ONCE = 2_000
"""Rows that are made anew while the database writes those before them."""
_NOBODY = UUID(int=0)
Progress = Callable[[str, int], None]
"""Told what was moved (keys, tokens, marks) and how many just now."""
Move = Callable[[Any, int, Any, int], tuple[Any, int]]
"""Moves the next of a kind to an epoch: by a cursor, from where the move before ended, about so many."""


class State(NamedTuple):
    """An epoch and what is still in it."""

    epoch: int
    began_at: Any
    closed_at: Any
    destroyed_at: Any
    keys: int
    tokens: int
    marks: int


def _nothing(_: str, __: int) -> None:
    pass


def _owner() -> Any:
    return connections["owner"].cursor()


def held_keys(cursor: Any) -> MasterKeys:
    """Return the master keys, held to those that the database knows. As owner. Raises: MasterKeyProblem."""

    def run(query: str) -> Sequence[tuple[Any, ...]]:
        cursor.execute(query)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found

    keys = master_keys()
    compare(keys, known_keys(run))
    return keys


def check_keys() -> None:
    """Hold the master keys to those that the database knows, and find one that was to be destroyed and is still here.

    Raises: MasterKeyProblem.
    """
    with _owner() as cursor:
        keys = held_keys(cursor)
        cursor.execute("select epoch from people_epoch where destroyed_at is not null")
        left = [epoch for (epoch,) in cursor.fetchall() if epoch in keys.epochs()]
    if left:
        text = f"epoch-{left[0]} in {keys.place} was to be destroyed and is still here"
        raise MasterKeyProblem("left", f"{text}; run `wayfare people erase-epoch {left[0]}` again")


def states() -> list[State]:
    """Return every epoch that the database knows, oldest first."""
    with _owner() as cursor:
        cursor.execute(
            "select epoch, began_at, closed_at, destroyed_at, (select count(*) from people_key where epoch = e.epoch),"
            " (select count(*) from people_token where epoch = e.epoch),"
            " (select count(*) from people_mark where epoch = e.epoch) from people_epoch e order by epoch"
        )
        return [State(*row) for row in cursor.fetchall()]


def begin() -> int:
    """Begin the next epoch and close those before it: who is writing in one ends first, and nobody begins to."""
    with transaction.atomic(using="owner"), _owner() as cursor:
        cursor.execute("lock table people_epoch in share row exclusive mode")
        keys = held_keys(cursor)
        cursor.execute("select coalesce(max(epoch), 0) from people_epoch")
        (known,) = cursor.fetchone()
        begun = known == 0 or keys.current() > known  # by one that was killed before the database was told
        epoch = keys.begin_epoch() if not begun else keys.current() if known else make_first(keys)
        cursor.execute("insert into people_index (mark) values (%s) on conflict do nothing", [keys.index_mark()])
        cursor.execute(
            "insert into people_epoch (epoch, mark, began_at) values (%s, %s, clock_timestamp())"
            " on conflict do nothing",
            [epoch, keys.mark(epoch)],
        )
        cursor.execute("update people_epoch set closed_at = clock_timestamp() where epoch < %s", [epoch])
    return epoch


def rewrap(epoch: int, *, batch: int = BATCH, progress: Progress = _nothing) -> None:
    """Move everything of older epochs to this one. Raises: MasterKeyProblem, SealRefusal."""
    with _owner() as cursor:
        held_keys(cursor)
    moves: list[tuple[str, Move]] = [("keys", _move_keys), ("marks", _move_marks), ("tokens", _move_tokens)]
    for what, move in moves:
        after: Any = None
        while True:
            with transaction.atomic(using="owner"), _owner() as cursor:
                after, moved = move(cursor, epoch, after, batch)
            progress(what, moved)
            if after is None:
                break


def _move_keys(cursor: Any, epoch: int, block: int | None, batch: int) -> tuple[int | None, int]:
    """Wrap the next data keys anew, from a block of the table on; return the block to go on from, and how many."""
    keys = master_keys()
    after, rows = _stored(cursor, "people_key", "wrapped", epoch, block or 0, batch)
    to, known = keys.wrapping(epoch), {old: keys.wrapping(old) for old in {row[2] for row in rows}}
    _put(
        "people_key",
        "wrapped",
        epoch,
        rows,
        lambda _, person, old, one: to.wrap(person, known[old].unwrap(person, one)),
    )
    return after, len(rows)


def _move_marks(cursor: Any, epoch: int, block: int | None, batch: int) -> tuple[int | None, int]:
    """Seal the next initials anew; return as `_move_keys`."""
    keys = master_keys()
    after, rows = _stored(cursor, "people_mark", "sealed", epoch, block or 0, batch)
    to = sealing.Sealing(keys.token_key(epoch, "marks"))
    known = {old: sealing.Sealing(keys.token_key(old, "marks")) for old in {row[2] for row in rows}}

    def anew(_: bytes, person: UUID, old: int, mark: bytes) -> bytes:
        plain = known[old].unseal(Place(person, MARK, 1, old), mark)
        return to.seal(Place(person, MARK, 1, epoch), plain)

    _put("people_mark", "sealed", epoch, rows, anew)
    return after, len(rows)


Stored = tuple[bytes, UUID, int, bytes]
"""Where a row is (a `tid` in binary), whose it is, its epoch and what is sealed or wrapped in it."""


def _stored(
    cursor: Any, table: str, column: str, epoch: int, block: int, batch: int
) -> tuple[int | None, list[Stored]]:
    """Lock what some blocks of a table hold of older epochs; return the block after them, None for the last, and it.

    In the order of the disk, where neighbours are written together: what is moved stays in its block, if there is room,
    and else lies further on, in the new epoch already.
    """
    cursor.execute("select pg_relation_size(%s::regclass) / current_setting('block_size')::int", [table])
    ((blocks,),) = cursor.fetchall()
    after = block + max(1, batch // A_BLOCK)
    found = psycopg.Cursor(connections["owner"].connection).execute(
        f"select ctid, person, epoch, {column} from {table}"  # noqa: S608 - fixed names
        " where ctid >= %s::tid and ctid < %s::tid and epoch < %s for update",
        [f"({block},0)", f"({after},0)", epoch],
        binary=True,
    )
    return after if after < blocks else None, found.fetchall()


def _put(table: str, column: str, epoch: int, rows: Sequence[Stored], anew: Callable[..., bytes]) -> None:
    """Put a new value and its epoch into rows that are locked; some are made while those before them are written."""
    queue = Ahead(connections["owner"].connection)
    for at in range(0, len(rows), AT_ONCE):
        some = rows[at : at + AT_ONCE]
        values = arrays.array(arrays.BYTES, [anew(*row) for row in some])
        places = arrays.array(arrays.PLACES, [row[0] for row in some])
        queue.send(
            f"update {table} k set epoch = %s, {column} = m.value from unnest(%s::tid[], %s::bytea[]) m (at, value)"  # noqa: S608 - fixed names
            " where k.ctid = m.at",
            [epoch, places, values],
        )
    queue.wait()


def _move_tokens(cursor: Any, epoch: int, last: UUID | None, batch: int) -> tuple[UUID | None, int]:
    """Move the rows by which the next people are found; return the last of those people, if any, and how many rows.

    They are new ones, in slots that are free in the new epoch: what levels the old one had, it had for people of then.
    """
    cursor.execute(
        "select person from people_mark where person > %s order by person limit %s", [last or _NOBODY, batch // 10 + 1]
    )
    people = [person for (person,) in cursor.fetchall()]
    if not people:
        cursor.execute("delete from people_token where epoch < %s and person is null", [epoch])
        return None, 0
    cursor.execute("select distinct office from people_person where id = any (%s) order by office", [people])
    offices = [office for (office,) in cursor.fetchall()]
    for office in offices:  # before any row of theirs, as whoever corrects a name does
        cursor.execute("select people_lock_index(%s)", [office])
    cursor.execute("select from people_mark where person = any (%s) order by person for update", [people])
    cursor.execute(
        "delete from people_token where person = any (%s) and epoch < %s returning office, epoch, person, token",
        [people, epoch],
    )
    rows = defaultdict[str, list[tuple[int, UUID, UUID]]](list)
    for office, *row in cursor.fetchall():
        rows[office].append((row[0], row[1], row[2]))
    for office, some in rows.items():
        _place(cursor, epoch, office, some)
    return people[-1], sum(map(len, rows.values()))


def _place(cursor: Any, epoch: int, office: str, rows: Sequence[tuple[int, UUID, UUID]]) -> None:
    """Put rows of older epochs, each with its person and token, into free slots of a new one."""

    def there(tokens: Sequence[bytes]) -> set[int]:
        cursor.execute(
            "select n - 1 from unnest(%s::uuid[]) with ordinality u (one, n)"
            " cross join lateral (select from people_token where token = one limit 1) k",
            [[UUID(bytes=token) for token in tokens]],
        )
        return {n for (n,) in cursor.fetchall()}

    blocks = defaultdict[UUID, list[bytes]](list)
    for old in {row[0] for row in rows}:
        mine = [row for row in rows if row[0] == old]
        made = keyed(old, office).blocks(b"".join(token.bytes for *_, token in mine))
        for (_, person, _), block in zip(mine, made, strict=True):
            blocks[person].append(block)
    store(cursor, epoch, office, list(blocks), Slots(keyed(epoch, office), there).rows(list(blocks.values())))


def store(cursor: Any, epoch: int, office: str, people: Sequence[UUID], rows: Rows) -> None:
    """Copy new rows into the index: of people, in their order, and of nobody."""
    with cursor.copy("copy people_token (token, epoch, office, person) from stdin (format binary)") as copy:
        copy.set_types(["uuid", "int4", "text", "uuid"])
        for person, some in zip((*people, None), (*rows.tokens, rows.signs), strict=True):
            for token in some:
                copy.write_row((UUID(bytes=token), epoch, office, person))


def destroy(epoch: int) -> None:
    """Destroy a closed epoch that nothing is in any more: what older backups hold of it never opens again.

    Raises: Refused, MasterKeyProblem.
    """
    found = {state.epoch: state for state in states()}.get(epoch)
    if found is None or found.closed_at is None:
        raise Refused("epoch", f"{epoch} is not one that ended; see `wayfare people epochs`")
    if left := found.keys + found.tokens + found.marks:
        raise Refused("epoch", f"{epoch} still has {left} keys, tokens and marks; run `wayfare people rewrap` first")
    _check_it_is_ours(epoch)
    with (
        transaction.atomic(using="owner"),
        _owner() as cursor,
    ):  # first: whoever is killed after this does the rest again
        cursor.execute(
            "update people_epoch set destroyed_at = coalesce(destroyed_at, clock_timestamp()) where epoch = %s", [epoch]
        )
    try:
        master_keys().destroy_epoch(epoch)
    except MasterKeyProblem as problem:
        if problem.code != "no_epoch":
            raise


def _check_it_is_ours(epoch: int) -> None:
    """Refuse to destroy another installation's key. Raises: MasterKeyProblem."""
    keys = master_keys()
    with _owner() as cursor:
        cursor.execute("select mark from people_epoch where epoch = %s", [epoch])
        (mark,) = cursor.fetchone()
    try:
        here = keys.mark(epoch)
    except MasterKeyProblem:  # it is gone already, or what opens it is: there is nothing to compare
        return
    if here != bytes(mark):
        text = f"epoch-{epoch} in {keys.place} is not the key that the database knows; {MEND}"
        raise MasterKeyProblem("wrong", text)
