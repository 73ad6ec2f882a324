"""What the lines of the access record decide, and tables hold: each compared with the lines (`wayfare log verify`).

The lines are committed to; a row of these tables is not. By them the database decides whose approval counts, what is
held back from a person, who has which role and which token opens what. Not compared, since no line says it: names and
e-mail addresses of staff, ways to sign in, sessions, limits and purposes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LINES = """with line as materialized (select position, at, kind, staff, person, task, body::jsonb as b from access_log
  where kind = any (array[{}]))"""

_ROLES = """, said as (
    select distinct on (about, role) about, role, kind <> 'taken' as held, at, by from (
      select position, 2 as turn, b ->> 'about' as about, unnest(string_to_array(b ->> 'given', ' ')) as role, kind, at,
        case kind when 'confirmed' then staff::text else b ->> 'confirmed_by' end as by from line
      union all
      select position, 1, b ->> 'about', unnest(string_to_array(b ->> 'taken', ' ')), 'taken', at, null from line) one
    where role <> '' order by about, role, position desc, turn desc)
  select coalesce(r.staff::text, s.about) || ', ' || coalesce(r.role, s.role)
  from (select * from said where held) s full join access_role r on (r.staff::text, r.role) = (s.about, s.role)
  where (r.since, r.confirmed_by::text, r.staff) is distinct from (s.at, s.by, s.about::uuid)"""
_INVITATIONS = """
  select coalesce(i.staff::text, b ->> 'about') from line
    full join access_invitation i on i.staff::text = b ->> 'about'
  where (i.staff::text, i.invited_by, i.office, array_to_string(i.roles, ' '))
    is distinct from (b ->> 'about', line.staff, b ->> 'office', b ->> 'roles')"""
_ASKED = """, said as (select distinct on (b ->> 'about') * from line order by b ->> 'about', position desc)
  select a.staff::text from access_role_asked a left join said on b ->> 'about' = a.staff::text
  where (array_to_string(a.roles, ' '), case kind when 'confirmed' then a.confirmed_by end,
      case kind when 'confirmed' then b ->> 'for' else said.staff::text end)
    is distinct from (case kind when 'roles' then b ->> 'asked' else b ->> 'roles' end,
      case kind when 'confirmed' then said.staff end, a.asked_by::text)
    or (a.confirmed_by is not null) <> (kind = 'confirmed')"""
_STAFF = """
  select coalesce(s.id::text, b ->> 'about') from (select * from line where kind = 'joined') joined
    full join access_staff s on s.id::text = b ->> 'about' left join access_invitation i on i.staff = s.id
  where s.id is null or s.joined_at < joined.at is not false or s.office is distinct from i.office
    or (s.left_at is not null) <> exists (select from line where kind = 'left' and b ->> 'about' = s.id::text)"""
_TASKS = """
  select coalesce(t.id, line.task)::text from line
    full join (select * from access_task where approved_by is not null or approved_at is not null) t on t.id = line.task
  where (t.approved_by, t.approved_at, t.person, t.staff::text, t.purpose)
    is distinct from (line.staff, line.at, line.person, b ->> 'for', b ->> 'purpose')"""
_HOLDS = """, said as (select distinct on (b ->> 'of') * from line order by b ->> 'of', position desc)
  select coalesce(h.position::text, b ->> 'of') from said full join access_hold h on h.position::text = b ->> 'of'
    left join access_words w on w.position = said.position and w.field = 'basis'
  where (h.position::text, to_char(h.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      is distinct from (b ->> 'of', replace(b ->> 'until', 'Z', '.000000Z'))
    or h.basis is distinct from coalesce(w.words, '')"""
_ERASURES = """, said as (select b ->> 'request' as id, max(position) filter (where kind = 'erasure_asked') as asked,
      max(position) filter (where kind = 'erasure_confirmed') as confirmed,
      max(position) filter (where kind not in ('erasure_asked', 'erasure_confirmed')) as decided from line group by 1)
  select coalesce(e.id::text, said.id) from said left join line a on a.position = said.asked
    left join line c on c.position = said.confirmed left join line d on d.position = said.decided
    full join access_erasure e on e.id::text = said.id
  where (e.id::text, e.entry, e.person, e.ground, e.asked_by::text, e.by_command, e.confirmed_at is not null)
      is distinct from (said.id, said.asked, a.person, a.b ->> 'ground', a.b ->> 'for', a.staff is null,
        a.staff is not null or c.staff::text is not distinct from a.b ->> 'for')
    or (e.decision, e.decided_by, nullif(e.outcome, 'lapsed')) is distinct from (said.decided, d.staff,
      case d.kind when 'erasure_approved' then 'erased' when 'erasure_refused' then 'refused'
        when 'erasure_withdrawn' then 'withdrawn' end)"""
_APPROVALS = """
  select coalesce(a.recovery::text, b ->> 'recovery') from (select * from line where staff is not null) line
    full join access_recovery_approval a on (a.recovery::text, a.staff) = (b ->> 'recovery', line.staff)
  where (a.recovery::text, a.subject::text) is distinct from (b ->> 'recovery', b ->> 'about')"""
_RECOVERIES = """, said as (select b ->> 'recovery' as id, max(b ->> 'about') as about,
      bool_or(kind = 'recovery_approved' and staff is null) as by_command, max(b ->> 'usable_from') as usable_from,
      bool_or(kind = 'recovery_stopped') as stopped,
      max(at) filter (where kind = 'recovery_used') as used from line group by 1)
  select coalesce(r.id::text, said.id) from said
    full join (select * from access_recovery where staff is not null) r on r.id::text = said.id
  where (r.id::text, r.staff::text, r.by_command, r.used_at is null)
      is distinct from (said.id, about, said.by_command, used is null)
    or r.used_at < used or said.stopped and r.stopped_at is null
    or not r.by_command and to_char(r.usable_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      is distinct from usable_from"""
_TEAMS = """, said as (select distinct on (person, b ->> 'for') * from line
    where not exists (select from access_file f where f.person = line.person and f.erased_at is not null)
    order by person, b ->> 'for', position desc)
  select coalesce(t.person, s.person) || ', ' || coalesce(t.staff::text, b ->> 'for')
  from (select * from said where b ->> 'joined' = 'yes') s
    full join access_team t on (t.person, t.staff::text) = (s.person, b ->> 'for')
  where t.person is null or s.person is null"""
_TOKENS = """, said as (select b ->> 'token' as id, max(b ->> 'source') as source, max(b ->> 'scopes') as scopes,
      max(b ->> 'expires') as expires, bool_or(kind = 'token_revoked') as revoked from line group by 1)
  select coalesce(t.id, said.id) from said full join access_token t using (id)
  where (t.id, t.source, t.scopes, t.revoked_at is not null)
      is distinct from (said.id, said.source, said.scopes, revoked)
    or to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') is distinct from expires"""

CHECKS = (
    ("the role", ("joined", "confirmed", "roles"), _ROLES),
    ("the invitation of colleague", ("invited",), _INVITATIONS),
    ("the request for roles of", ("invited", "roles", "confirmed"), _ASKED),
    ("the account of colleague", ("joined", "left"), _STAFF),
    ("the approval of task", ("approval",), _TASKS),
    ("the hold of position", ("hold",), _HOLDS),
    (
        "the erasure",
        ("erasure_asked", "erasure_confirmed", "erasure_approved", "erasure_refused", "erasure_withdrawn"),
        _ERASURES,
    ),
    ("an approval of account recovery", ("recovery_approved",), _APPROVALS),
    ("account recovery", ("recovery_asked", "recovery_approved", "recovery_stopped", "recovery_used"), _RECOVERIES),
    ("the case team", ("team",), _TEAMS),
    ("the API token", ("token_made", "token_revoked"), _TOKENS),
)
"""What a row is called; the kinds of lines that decide it; a statement for the rows that are not what they say."""


def differences(cursor: Any) -> Iterator[str]:
    """Yield of each table the first row that is altered, missing or on no line. As the owner of the tables."""
    for what, kinds, statement in CHECKS:
        lines = _LINES.format(", ".join(f"'{kind}'" for kind in kinds))
        cursor.execute(f"{lines}{statement} order by 1 limit 1")
        for (row,) in cursor.fetchall():
            yield f"{what} {row} is not what the access record says"
