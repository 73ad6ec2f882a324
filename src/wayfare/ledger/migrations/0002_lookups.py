from django.db import migrations

# An append begins with the writers' lock, and only then looks: each statement within has a snapshot of its own.
OPEN = """
create function ledger_open(writers_lock bigint, out head bigint, out now_us bigint) language plpgsql as $$
begin
  perform pg_advisory_xact_lock(writers_lock);
  select coalesce(max(position), 0) into head from ledger_entry;
  now_us := extract(epoch from clock_timestamp()) * 1000000;
end $$;
"""

# Both look things up by index, one probe an id, whatever the planner thinks of the table, which may have grown a
# thousandfold since it was last analysed.
LOOKUPS = """
create function ledger_known(ids uuid[])
  returns table (entry_id text, entry_position bigint, body text)
  language plpgsql stable set enable_seqscan = off set jit = off as $$
begin
  return query
    select e.entry_id::text, e.position, e.body
    from unnest(ids) as sent(id), lateral (select * from ledger_entry l where l.entry_id = sent.id offset 0) e;
end $$;

create function ledger_referring(subjects uuid[], objects uuid[], entries uuid[])
  returns table (entry_position bigint, entry_id text, kind text, subject text, object text, body text)
  language plpgsql stable set enable_seqscan = off set jit = off as $$
begin
  return query
    select e.position, e.entry_id::text, e.kind, e.subject::text, e.object::text, e.body
    from unnest(subjects) as sent(id), lateral (select * from ledger_entry l where l.subject = sent.id offset 0) e
    union all
    select e.position, e.entry_id::text, e.kind, e.subject::text, e.object::text, e.body
    from unnest(objects) as sent(id), lateral (select * from ledger_entry l where l.object = sent.id offset 0) e
    union all
    select e.position, e.entry_id::text, e.kind, e.subject::text, e.object::text, e.body
    from unnest(entries) as sent(id), lateral (select * from ledger_entry l where l.entry_id = sent.id offset 0) e;
end $$;
"""

UNDO = """
drop function ledger_open(bigint);
drop function ledger_known(uuid[]);
drop function ledger_referring(uuid[], uuid[], uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = (("ledger", "0001_initial"),)
    operations = (migrations.RunSQL(OPEN + LOOKUPS, UNDO),)
