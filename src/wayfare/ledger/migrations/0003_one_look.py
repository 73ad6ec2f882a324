from importlib import import_module

from django.db import migrations

NEAR = """lateral (values
        (e.subject, case when e.kind = any(naming) then 2 else 0 end),
        (case when e.kind = any(shared) then e.subject end, 1),
        (e.object, 0),
        (e.object, 1),
        (case when e.kind = any(nameable) then e.entry_id end, 0)) as near(id, role)
      where near.id is not null"""
"""The ids by which others may be connected to an entry `e`, each in its role."""


def _found(columns: str) -> str:
    """Return the entries in which an id of `sought s` stands in its role."""
    probes = [
        f"select {columns} from ledger_entry l where s.role = {role} and l.{column} = s.id"  # noqa: S608
        for role, column in enumerate(("subject", "object", "entry_id"))
    ]
    return f"lateral ({' union all '.join(probes)} offset 0) as e"


# Every entry that references connect to some ids, directly or through others. An id is sought in a role: 0 as a
# subject, 1 as an object, 2 as an entry. Each id is sought once in each role, one probe of an index, whatever the
# planner thinks of the table, which may have grown a thousandfold since it was last analysed.
CONNECTED = f"""
create function ledger_connected(
  ids uuid[], kinds text[], subjects uuid[], objects uuid[], naming text[], shared text[], nameable text[])
  returns table (entry_position bigint, entry_id text, kind text, subject text, object text, body text)
  language plpgsql stable set enable_seqscan = off set jit = off set work_mem = '1MB' as $$
begin
  return query
    with recursive sought(id, role) as (
      select near.id, near.role
      from unnest(ids, kinds, subjects, objects) as e(entry_id, kind, subject, object), {NEAR}
      union
      select near.id, near.role
      from sought s, {_found("l.entry_id, l.kind, l.subject, l.object")}, {NEAR}
    )
    select distinct on (e.position) e.position, e.entry_id::text, e.kind, e.subject::text, e.object::text, e.body
    from sought s, {_found("*")}
    order by e.position;
end $$;
"""  # noqa: S608 - fixed text

# What an append looks at, in one journey: the head and the clock once the writers' lock is its own (each statement
# within has a snapshot of its own), those of its entries that are there, and what they are connected to.
LOOK = """
create function ledger_look(writers_lock bigint, sent uuid[],
  ids uuid[], kinds text[], subjects uuid[], objects uuid[], naming text[], shared text[], nameable text[])
  returns table (what text, entry_position bigint, entry_id text, kind text, subject text, object text, body text)
  language plpgsql volatile set enable_seqscan = off set jit = off as $$
begin
  perform pg_advisory_xact_lock(writers_lock);
  return query
    select 'head', coalesce(max(l.position), 0),
      ((extract(epoch from clock_timestamp()) * 1000000)::bigint)::text, null, null, null, null
    from ledger_entry l;
  return query
    select 'known', e.position, e.entry_id::text, null, null, null, e.body
    from unnest(sent) as s(id), lateral (select * from ledger_entry l where l.entry_id = s.id offset 0) e;
  return query
    select 'connected', c.*
    from ledger_connected(ids, kinds, subjects, objects, naming, shared, nameable) c;
end $$;
"""
LOOKUPS = import_module("wayfare.ledger.migrations.0002_lookups").LOOKUPS

UNDO = """
drop function ledger_look(bigint, uuid[], uuid[], text[], uuid[], uuid[], text[], text[], text[]);
drop function ledger_connected(uuid[], text[], uuid[], uuid[], text[], text[], text[]);
"""
DROP = """
drop function ledger_known(uuid[]);
drop function ledger_referring(uuid[], uuid[], uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = (("ledger", "0002_lookups"),)
    operations = (migrations.RunSQL(CONNECTED + LOOK + DROP, UNDO + LOOKUPS),)
