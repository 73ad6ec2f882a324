"""The access log as what a log commits to: every look, approval and hold, position by position.

What stands beside a line's text, and what the tables hold that lines decide, is compared with the committed text.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DataError, connections

from wayfare.access import record_checks
from wayfare.tlog.source import in_table

_COLUMNS = """select position from access_log cross join lateral (select body::jsonb as b) said
  where (position::text, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), kind, groups, staff::text,
      person::text, task::text, try::text) is distinct from
    (b ->> 'position', b ->> 'at', b ->> 'kind', array(select jsonb_array_elements_text(b -> 'groups')), b ->> 'staff',
     b ->> 'person', b ->> 'task', b ->> 'try')
  order by position limit 1"""
_WORDS = """select l.position, f.field from access_log l cross join (values ('reason'), ('basis')) f (field)
  left join access_words w on w.position = l.position and w.field = f.field
  where l.body::jsonb ->> f.field ~ '^[0-9a-f]{64}$'
    and not exists (select from access_file e where e.person = l.person and e.erased_at is not null)
    and l.body::jsonb ->> f.field is distinct from encode(sha256(w.nonce || convert_to(w.words, 'UTF8')), 'hex')
  order by l.position limit 1"""


def _beside() -> Iterator[str]:
    """Yield the first position at which what stands beside the text is not what the text says or commits to.

    By these columns the database decides who reads a line, and what is open. Words go with their person's erasure.
    Where all is as it says, yield what the tables of approvals, holds, staff and tokens say otherwise than the lines.
    """
    with connections["owner"].cursor() as cursor:
        try:
            cursor.execute(_COLUMNS)
            for (position,) in cursor.fetchall():
                yield f"the columns of position {position} are not what its text says"
                return
            cursor.execute(_WORDS)
            for position, field in cursor.fetchall():
                yield f"the {field} of position {position} is missing, or not what was committed to"
                return
            yield from record_checks.differences(cursor)
        except DataError:
            yield "a line that is not signed yet is no JSON"


ACCESS = in_table("access", "access_log", "owner")._replace(beside=_beside)
"""Read by the owner of the tables: the application's own role sees looks only as the member of staff who acts."""
