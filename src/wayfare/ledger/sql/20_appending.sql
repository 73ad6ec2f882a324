-- What an append reads before it writes.
-- Ids are looked up by index, one probe an id, whatever the planner thinks of the table, which may have grown a
-- thousandfold since it was last analysed.

-- The writers' lock, then the head and the clock: each statement within has a snapshot of its own.
create function ledger_open(writers_lock bigint, out head bigint, out now_us bigint) language plpgsql as $$
begin
  perform pg_advisory_xact_lock(writers_lock);
  select coalesce(max(position), 0) into head from ledger_entry;
  now_us := extract(epoch from clock_timestamp()) * 1000000;
end $$;

-- What one projection is told: every entry of its kinds (`own`) that references connect to some ids, directly or through
-- others. An id is sought in a role: 0 as a subject, 1 as an object, 2 as an entry. Each id is sought once in each role.
-- The last six arguments are the kinds of the projection, and those of them that it connects by their subject and by
-- their object, whose subject is an entry, whose subject may be an object, whose entry may be a subject.
create function ledger_connected(
  ids uuid[], kinds text[], subjects uuid[], objects uuid[],
  own text[], by_subject text[], by_object text[], naming text[], shared text[], nameable text[])
  returns table (entry_position bigint, entry_id text, kind text, subject text, object text, body text)
  language plpgsql stable set enable_seqscan = off set jit = off set work_mem = '1MB' as $$
begin
  return query
    with recursive sought(id, role) as (
      select near.id, near.role
      from unnest(ids, kinds, subjects, objects) as e(entry_id, kind, subject, object), lateral (values
        (case when e.kind = any(by_subject) then e.subject end, case when e.kind = any(naming) then 2 else 0 end),
        (case when e.kind = any(shared) then e.subject end, 1),
        (case when e.kind = any(by_object) then e.object end, 0),
        (case when e.kind = any(by_object) then e.object end, 1),
        (case when e.kind = any(nameable) then e.entry_id end, 0)) as near(id, role)
      where near.id is not null
      union
      select near.id, near.role
      from sought s, lateral (
        select l.entry_id, l.kind, l.subject, l.object from ledger_entry l
        where s.role = 0 and l.subject = s.id and l.kind = any(by_subject)
        union all
        select l.entry_id, l.kind, l.subject, l.object from ledger_entry l
        where s.role = 1 and l.object = s.id and l.kind = any(by_object)
        union all
        select l.entry_id, l.kind, l.subject, l.object from ledger_entry l
        where s.role = 2 and l.entry_id = s.id and l.kind = any(own)
        offset 0) as e, lateral (values
        (case when e.kind = any(by_subject) then e.subject end, case when e.kind = any(naming) then 2 else 0 end),
        (case when e.kind = any(shared) then e.subject end, 1),
        (case when e.kind = any(by_object) then e.object end, 0),
        (case when e.kind = any(by_object) then e.object end, 1),
        (case when e.kind = any(nameable) then e.entry_id end, 0)) as near(id, role)
      where near.id is not null
    )
    select distinct on (e.position) e.position, e.entry_id::text, e.kind, e.subject::text, e.object::text, e.body
    from sought s, lateral (
      select * from ledger_entry l where s.role = 0 and l.subject = s.id and l.kind = any(by_subject)
      union all
      select * from ledger_entry l where s.role = 1 and l.object = s.id and l.kind = any(by_object)
      union all
      select * from ledger_entry l where s.role = 2 and l.entry_id = s.id and l.kind = any(own)
      offset 0) as e
    order by e.position;
end $$;

-- All of it in one call: the head and the clock once the writers' lock is its own, those of the sent entries that are
-- there, and for each projection what they are connected to. A question is the ten arguments of ledger_connected as text;
-- its answers bear its number.
create function ledger_look(writers_lock bigint, sent uuid[], questions text[])
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
  for n in 1 .. coalesce(array_length(questions, 1), 0) loop
    return query
      select n::text, c.*
      from ledger_connected(
        questions[n][1]::uuid[], questions[n][2]::text[], questions[n][3]::uuid[], questions[n][4]::uuid[],
        questions[n][5]::text[], questions[n][6]::text[], questions[n][7]::text[], questions[n][8]::text[],
        questions[n][9]::text[], questions[n][10]::text[]) c;
  end loop;
end $$;
