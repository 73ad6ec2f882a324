-- What the person a file is about sees of the access record, and what is held back from them for a time.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- The looks into a file as its person sees them, and what was corrected: none while it is held back, none taken away. A
-- correction is held back with its look. Everybody who shows them to the person asks here; whether one may ask is decided
-- by who calls this, such as access_shown.
create function access_looks_of(wanted uuid) returns table (body text, who text, roles text[], second text,
  open_until timestamptz, held_until timestamptz, held_basis text, words jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select l.body, s.name, array(select r.role from access_role r join access_purpose_role p using (role)
      where r.staff = l.staff and p.purpose = l.body::jsonb ->> 'purpose' order by r.role),
    (select a.name from access_log y join access_staff a on a.id = y.staff
      where y.person = l.person and y.task = l.task and y.kind = 'approval' order by y.position limit 1),
    least(t.closed_at, t.ends_at), h.until, h.basis,
    (select jsonb_agg(jsonb_build_array(w.field, encode(w.nonce, 'hex'), w.words)) from access_words w
      where w.position = l.position)
  from access_log l left join access_staff s on s.id = l.staff left join access_task t on t.id = l.task
    left join access_hold h
      on h.position = case l.kind when 'correction' then (l.body::jsonb ->> 'look')::bigint else l.position end
  where l.person = wanted and l.kind in ('look', 'correction') and (h.until is null or h.until <= now())
  order by l.position
$$;

create function access_shown(wanted uuid)
returns table (body text, who text, roles text[], second text, open_until timestamptz, held_until timestamptz,
  held_basis text, words jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  officer boolean := access_has_role('data_protection_officer');
  supervisor boolean := access_has_role('supervisor');
  works boolean := exists (select from access_task t join access_purpose p on p.code = t.purpose
    where t.person = wanted and t.staff = actor and t.closed_at is null and t.ends_at > now()
      and (p.needs <> 'approval' or t.approved_by is not null) and access_scope_holds(actor, t.purpose, wanted));
  theirs text := (select f.office from access_file f where f.person = wanted);
begin
  if theirs is null or not coalesce(officer or works or supervisor and theirs = mine, false) then
    perform access_refuse('not_yours');
  end if;
  return query select * from access_looks_of(wanted);
end $$;

-- Until when a look was held back at most, and by which officer first: as the record says, since a hold can be shortened.
create function access_longest_hold(wanted bigint, whose uuid, out until timestamptz, out officer uuid) language sql
stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select (body::jsonb ->> 'until')::timestamptz, staff from access_log
  where person = whose and kind = 'hold' and body::jsonb ->> 'of' = wanted::text
  order by body::jsonb ->> 'until' desc, position limit 1
$$;

-- One officer holds a look back once. Beyond that period it takes another one, independent of the first: longer, or again.
create function access_hold_back(wanted bigint, held_until timestamptz, legal_basis text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  look access_log;
  longest record;
  last_second timestamptz := date_trunc('second', held_until);  -- as the record says it
begin
  lock table access_gate in exclusive mode;  -- as an erasure takes it: no words come after those that it takes away
  select * into look from access_log l where l.position = wanted and l.kind = 'look';
  if actor is null or not access_has_role('data_protection_officer') or look.position is null
      or exists (select from access_file f where f.person = look.person and f.erased_at is not null) then
    perform access_refuse('not_yours');
  end if;
  if held_until is null or last_second <= now() or held_until > now() + interval '1 year' then
    perform access_refuse('hold_too_long');
  end if;
  select * into longest from access_longest_hold(wanted, look.person);
  perform access_check_approval(array['data_protection_officer'],
    array[look.staff, (select t.approved_by from access_task t where t.id = look.task),
      case when last_second > longest.until then longest.officer end]);
  if coalesce(legal_basis, '') = '' then perform access_refuse('no_basis'); end if;
  insert into access_hold values (wanted, last_second, legal_basis)
    on conflict (position) do update set until = excluded.until, basis = excluded.basis;
  return access_write('hold', actor, look.person, '{}', null, jsonb_build_object('of', wanted::text,
    'until', to_char(last_second at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
    jsonb_build_object('basis', legal_basis));
end $$;

revoke execute on function access_looks_of(uuid) from public;
revoke execute on function access_longest_hold(bigint, uuid) from public;
