"""Finding tokens by the secret that a client presents, actors by their session; reading the access log."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from wayfare.access.rules import Actor, Token, read_secret, scopes_named, secret_hash, state
from wayfare.access.statements import bound, called, rows
from wayfare.tlog.health import Extent

IDLE = timedelta(minutes=30)
"""A session that is not used for so long has ended."""

_COLUMNS = "id, source, scopes, created_at, expires_at, revoked_at, last_used_at"
_NOBODY = bytes(32)
_COMMITTED = re.compile(r"[0-9a-f]{64}")


def _token(row: tuple[object, ...]) -> Token:
    id_, source, scopes, *times = row
    return Token(str(id_), str(source), scopes_named(str(scopes).split()), *times)  # type: ignore[arg-type]


def token_presented(text: str, *, now: datetime) -> Token | None:
    """Return the token whose secret this is, if it is valid at `now`; else None, whatever the reason.

    The row is found by its public id and the hash compared in constant time, so that the answer's delay says
    nothing about how much of a secret was right.
    """
    parts = read_secret(text)
    if parts is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"select secret_hash, {_COLUMNS} from access_token where id = %s",  # noqa: S608 - fixed columns
            [parts[0]],
        )
        row = cursor.fetchone()
    same = hmac.compare_digest(bytes(row[0]) if row else _NOBODY, secret_hash(parts[1]))
    if row is None or not same:
        return None
    token = _token(row[1:])
    return token if state(token, now) == "valid" else None


def tokens() -> list[Token]:
    """Return every token ever made, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {_COLUMNS} from access_token order by created_at, id")  # noqa: S608
        return [_token(row) for row in cursor.fetchall()]


def actor(secret: str, *, at: datetime) -> Actor | None:
    """Return who acts by a session's secret; None if it has ended, is unknown, or its owner has left."""
    found = bound(
        "select p.id, p.name, p.office, p.language, o.timezone,"
        " array(select role from access_role where staff = p.id) from access_session_of(%s, %s) s"
        " join access_staff p on p.id = s.staff join access_office o on o.id = p.office",
        [secret, at],
    )
    for staff, name, office, language, timezone, roles in found:
        return Actor(staff, name, office, frozenset(roles), language, timezone)
    return None


def session_began(secret: str, *, at: datetime) -> datetime | None:
    """Return when the session of this secret began; None if it has ended."""
    return next((began for (began,) in bound("select began_at from access_session_of(%s, %s)", [secret, at])), None)


class Logged(NamedTuple):
    """An entry of the access log as whoever may read it sees it: ids and codes, no identity."""

    position: int
    at: datetime
    kind: str
    staff: UUID | None
    """None for a command on the machine itself."""
    person: UUID | None
    """None for what is about staff."""
    groups: tuple[str, ...]
    body: dict[str, Any]
    """As it is committed to, but `reason` and `basis` as their words; empty once these went with an erasure."""


_LOGGED = "select body from access_log"


def _said(bodies: list[dict[str, Any]]) -> None:
    """Put words in the place of what commits to them; words that are not those that were committed to are not told."""
    found = rows(
        "select position, field, nonce, words from access_words where position = any (%s)",
        [[body["position"] for body in bodies]],
    )
    put_words(bodies, found)


def put_words(bodies: list[dict[str, Any]], found: Iterable[tuple[int, str, bytes, str]]) -> None:
    """Put words in the place of what commits to them; `found`: position, field, nonce and words of each."""
    words = {(position, field): (bytes(nonce), text) for position, field, nonce, text in found}
    for body in bodies:
        for field in ("reason", "basis"):
            if _COMMITTED.fullmatch(body.get(field, "")):
                nonce, text = words.get((body["position"], field), (b"", ""))
                same = hashlib.sha256(nonce + text.encode()).hexdigest() == body[field]
                body[field] = text if same else ""


def _logged(query: str, parameters: list[Any] | dict[str, Any]) -> list[Logged]:
    """Return entries as their committed text tells them, whatever stands beside it."""
    bodies = [orjson.loads(body) for (body,) in rows(query, parameters)]
    _said(bodies)
    return [
        Logged(
            body["position"],
            datetime.fromisoformat(body["at"]),
            body["kind"],
            UUID(body["staff"]) if "staff" in body else None,
            UUID(body["person"]) if "person" in body else None,
            tuple(body["groups"]),
            body,
        )
        for body in bodies
    ]


def log_of(person: UUID | None = None, *, after: int = 0, limit: int = 100) -> list[Logged]:
    """Return entries of the access log that the actor may see, of one person or of all, oldest first. In `acting`."""
    return _logged(
        f"{_LOGGED} where position > %s and (%s::uuid is null or person = %s) order by position limit %s",
        [after, person, person, limit],
    )


class Narrowed(NamedTuple):
    """Which entries are asked for; None for all."""

    person: UUID | None = None
    staff: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Before this instant."""


_BY_VISIT = """
  with ends as (
    select l.position, l.kind, l.task, l.at from access_log l
    where l.person is not null and (%(before)s::bigint is null or l.position < %(before)s)
      and (%(person)s::uuid is null or l.person = %(person)s) and (%(staff)s::uuid is null or l.staff = %(staff)s)
      and (%(since)s::timestamptz is null or l.at >= %(since)s) and (%(until)s::timestamptz is null or l.at < %(until)s)
      and (l.kind not in ('look', 'correction') or not exists (select from access_log n where n.task = l.task
        and n.position > l.position and n.kind in ('look', 'correction') and n.at < access_visit_hour(l.at) + '1 hour'))
    order by l.position desc limit %(limit)s)
  select e.body from ends cross join lateral (
    select l.position, l.body from access_log l where l.position = ends.position
    union select l.position, l.body from access_log l where ends.kind in ('look', 'correction') and l.task = ends.task
      and l.kind in ('look', 'correction') and l.at >= access_visit_hour(ends.at) and l.position < ends.position) e"""
"""`ends`: the last entry of each visit, and each entry of another kind, newest first. Then all of each visit."""


def entries_by_visit(narrowed: Narrowed | None = None, *, before: int | None = None, limit: int = 50) -> list[Logged]:
    """Return entries about people's files that the actor may see: as many whole visits as `limit`, the newest ones.

    `before`: only visits that ended before a position. For `visits.visits`, which puts them together. In `acting`.
    """
    parameters = {**(narrowed or Narrowed())._asdict(), "before": before, "limit": limit}
    return _logged(_BY_VISIT, parameters)


def newest_staff_matters(
    narrowed: Narrowed | None = None, *, before: int | None = None, limit: int = 50
) -> list[Logged]:
    """Return of them what is about staff: sessions, roles, who came and left. Newest first. In `acting`.

    Of `narrowed` a colleague is whoever acted, or whom it is about.
    """
    asked = narrowed or Narrowed()
    return _logged(
        f"{_LOGGED} where person is null and (%(before)s::bigint is null or position < %(before)s)"
        " and (%(staff)s::uuid is null or staff = %(staff)s or body::jsonb ->> 'about' = %(staff)s::text)"
        " and (%(since)s::timestamptz is null or at >= %(since)s)"
        " and (%(until)s::timestamptz is null or at < %(until)s) order by position desc limit %(limit)s",
        {**asked._asdict(), "before": before, "limit": limit},
    )


def own_last_entry() -> int | None:
    """Return the last entry that the actor wrote in this transaction. Within `acting`."""
    ((position,),) = rows(
        "select max(position) from access_log where access_is_now(tx, began, server) and staff = access_actor()"
    )
    return None if position is None else int(position)


def own_entry(position: int) -> Logged | None:
    """Return an entry that the actor wrote within the last hour, None if it is none of theirs. Within `acting`."""
    found = _logged(
        f"{_LOGGED} where position = %s and staff = access_actor() and at > now() - interval '1 hour'", [position]
    )
    return next(iter(found), None)


class Undone(NamedTuple):
    """Looks of the last days, and how many more were written and undone with their transaction."""

    looks: int
    undone: int


def undone(days: int = 30) -> Undone:
    """Return how many looks left no line. Within `acting`, by who watches. Raises: Forbidden.

    A look takes a number that no rollback gives back, and is told to the server's journal by it. An error after the
    look undoes it too, and a server that crashes skips up to 32 numbers: each wants to be looked into.
    """
    ((looks, gone),) = called("select looks, undone from access_undone(%s)", [days])
    return Undone(looks, gone)


OTHERS_UNDONE: list[Callable[[], tuple[int, int]]] = []
"""Of what rooms above record: gives how many steps, and how many were undone. Within `acting`; they put it here."""


class Asked(NamedTuple):
    """Roles that an administrator asked for, of a colleague or of somebody who is invited; a second one answers."""

    staff: UUID
    name: str
    office: str
    roles: tuple[str, ...]
    by: UUID
    at: datetime


def roles_asked() -> list[Asked]:
    """Return the roles that wait for a second colleague and that the actor may know of; oldest first. In `acting`."""
    found = called("select staff, name, office, roles, asked_by, asked_at from access_roles_waiting()", [])
    return [Asked(staff, name, office, tuple(roles), by, at) for staff, name, office, roles, by, at in found]


def staff_known(staff: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of members of staff who are, were or are invited, for who watches staff. Within `acting`."""
    return dict(called("select * from access_staff_known(%s)", [list({*staff})]))


def colleagues() -> list[tuple[UUID, str]]:
    """Return id and name of everybody who is or was a member of staff, by name."""
    return rows("select id, name from access_staff order by name, id")


def staff_names(staff: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of members of staff who are or were, by id."""
    return dict(rows("select id, name from access_staff where id = any (%s)", [list({*staff})]))


def team(person: UUID) -> dict[UUID, str]:
    """Return who is on the case team of a file that the actor may know of: id → name, in their order. In `acting`."""
    return dict(
        rows(
            "select s.id, s.name from access_team t join access_staff s on s.id = t.staff where t.person = %s"
            " order by s.name, s.id",
            [person],
        )
    )


def is_office(office: object) -> bool:
    """Tell whether there is an office with this id."""
    return isinstance(office, str) and bool(rows("select from access_office where id = %s", [office]))


def office_staff(office: str) -> dict[UUID, str]:
    """Return who works in an office now, by id, in the order of names."""
    return dict(
        rows("select id, name from access_staff where office = %s and left_at is null order by name, id", [office])
    )


def log_extent(after: int) -> Extent:
    """Return how far the access log goes, and since when what follows a position waits. Within `acting`.

    For who watches the logs. Raises: Forbidden.
    """
    ((last, waiting_since),) = called("select last, waiting_since from access_extent(%s)", [after])
    return Extent(last, waiting_since)


def colleagues_who_looked() -> list[tuple[UUID, str]]:
    """Return id and name of whoever made a look that the actor may see, by name. Within `acting`."""
    return rows(
        "select id, name from access_staff where id in (select staff from access_log where person is not null)"
        " order by name, id"
    )


class Waiting(NamedTuple):
    """Emergency access that was asked for, and waits for a second person."""

    task: UUID
    staff: UUID
    name: str
    office: str
    roles: tuple[str, ...]
    person: UUID
    at: datetime
    until: datetime
    reason: str


def waiting_for_approval() -> list[Waiting]:
    """Return what the actor may approve, and their own that others may; oldest first. In `acting`."""
    found = called("select * from access_emergencies_waiting()", [])
    return [Waiting(*row)._replace(roles=tuple(row[4])) for row in found]


class Notice(NamedTuple):
    """What a data-protection officer is told; `about` is a code of `web/looks.py`."""

    id: int
    at: datetime
    about: str
    staff: UUID
    person: UUID | None
    body: Mapping[str, str]
    """The entry of the access record that it is about, as its text tells it; empty if it is about none."""


def notices() -> list[Notice]:
    """Return what has not been marked as seen, if the actor is a data-protection officer; oldest first. In `acting`."""
    found = rows(
        "select n.id, n.at, n.about, n.staff, n.person, l.body from access_notice n"
        " left join access_log l on l.position = n.entry"
        " where n.reader = 'data_protection_officer' and n.seen_at is null order by n.id"
    )
    return [
        Notice(id_, at, about, staff, person, orjson.loads(body or "{}"))
        for id_, at, about, staff, person, body in found
    ]


class Told(NamedTuple):
    """What the actor is told about a request of their own, or one that a command made in their name."""

    id: int
    at: datetime
    about: str
    person: UUID
    who: str | None
    """Who decided; None for a command."""
    words: str
    """Why it was refused; empty if it was not, or once the words went with an erasure."""
    erasure: UUID | None
    """The request for an erasure that it is about."""


def own_notices() -> list[Told]:
    """Return what the actor was told and has not marked as read; newest first. Within `acting`."""
    return [Told(*row) for row in called("select * from access_own_notices()", [])]


class Erasure(NamedTuple):
    """A request to erase a person, as its asker and those who may decide it see it."""

    id: UUID
    person: UUID
    ground: str
    asked_by: UUID
    asker: str
    office: str
    by_command: bool
    asked_at: datetime
    ends_at: datetime
    words: str | None
    """Why; None once they went with the erasure."""
    state: str
    """waits, erased, refused, withdrawn or lapsed."""
    decided_at: datetime | None
    decider: str | None
    answer: str | None
    key_epoch: int | None
    """Of the key that was deleted."""
    decides: bool
    """Whether the actor may decide it."""
    read_until: int
    """The last entry about the file: for `people.operations.erase`."""
    looks: int
    """Since it was asked for, as the next."""
    corrections: int
    decision: int | None
    """The entry of the access record that decided it."""
    confirmed_at: datetime | None
    """When the asker asked or confirmed it, signed in; None while a command asked in their name and they did not."""


def may_ask_erasure(person: UUID) -> bool:
    """Tell whether the actor may ask that a person is erased. Within `acting`."""
    ((may,),) = called("select access_may_ask_erasure(%s)", [person])
    return bool(may)


def erasures() -> list[Erasure]:
    """Return the requests that wait and that the actor may know of; oldest first. Within `acting`."""
    return [Erasure(*row) for row in called("select * from access_erasures()", [])]


def erasure(request: UUID) -> Erasure | None:
    """Return a request whatever came of it, None if the actor may know of none. Within `acting`."""
    return next((Erasure(*row) for row in called("select * from access_erasures(%s)", [request])), None)


class Load(NamedTuple):
    """How much work an office has: counts only, of no colleague and of no person."""

    office: str
    name: str
    counsellors: int
    files: int
    """Not erased."""
    recent: int
    """Of them, registered within 30 days."""
    without_team: int
    """Of them, with nobody on the case team."""


def office_load() -> list[Load]:
    """Return the work of each office whose files the actor may know of, by name. Within `acting`.

    The policies of files and case teams decide: a supervisor sees that of their own office.
    """
    found = rows(
        "with team as (select distinct person from access_team),"
        " file as (select f.office, count(*) as files,"
        "  count(*) filter (where f.made_at > now() - interval '30 days') as recent,"
        "  count(*) filter (where t.person is null) as without_team"
        "  from access_file f left join team t on t.person = f.person where f.erased_at is null group by f.office)"
        " select o.id, o.name, (select count(*) from access_staff s join access_role r on r.staff = s.id"
        "  where s.office = o.id and s.left_at is null and r.role = 'counsellor'),"
        " coalesce(f.files, 0), coalesce(f.recent, 0), coalesce(f.without_team, 0)"
        " from access_office o left join file f on f.office = o.id"
        " where f.office is not null or o.id = access_own_office() order by o.name, o.id"
    )
    return [Load(*row) for row in found]


class Task(NamedTuple):
    """Work that a member of staff has in hand: what a file is open to them for, and until when."""

    task: UUID
    purpose: str
    person: UUID
    ends_at: datetime
    waits: bool = False
    """Whether it waits for a second person's approval: nothing is open yet."""


def ended_work(task: UUID) -> UUID | None:
    """Return whose file a task of the actor's own was about, if it has ended; None for any other. Within `acting`."""
    found = rows(
        "select person from access_task where id = %s and staff = access_actor()"
        " and (closed_at is not null or ends_at <= now())",
        [task],
    )
    return found[0][0] if found else None


def took_up(person: UUID, purpose: str) -> bool:
    """Tell whether the actor ever took up work on a person's file for a purpose. Within `acting`."""
    found = rows(
        "select from access_task where staff = access_actor() and person = %s and purpose = %s limit 1",
        [person, purpose],
    )
    return bool(found)


def open_tasks() -> list[Task]:
    """Return the actor's tasks that have not ended, the last taken up first. Within `acting`."""
    found = rows(
        "select t.id, t.purpose, t.person, t.ends_at, p.needs = 'approval' and t.approved_by is null from access_task t"
        " join access_purpose p on p.code = t.purpose where t.staff = access_actor() and t.closed_at is null"
        " and t.ends_at > now() order by t.opened_at desc, t.id limit 100"
    )
    return [Task(*row) for row in found]
