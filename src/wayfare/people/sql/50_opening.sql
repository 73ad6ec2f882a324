-- Opening a file. `people_opened` runs as whoever asks: the policies of both tables decide what of the file is read.

-- What is open in this transaction, found once a statement and not once a row: people, and groups as person/group.
create function people_open() returns uuid[] language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select array_agg(person) from access_log where access_is_now(tx, began, server) and kind = 'look'
$$;

create function people_open_groups() returns text[] language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select array_agg(person || '/' || one) from access_log cross join unnest(groups) one
  where access_is_now(tx, began, server) and kind = 'look'
$$;

-- Case numbers of the files that the actor may open now, of whatever office: emergency access and disclosure reach them.
create function people_numbers_open_to_actor(wanted uuid[]) returns table (id uuid, case_number text) language sql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
  select distinct p.id, p.case_number from people_person p join access_task t on t.person = p.id
    join access_purpose w on w.code = t.purpose
  where p.id = any (wanted) and t.staff = access_actor() and t.closed_at is null and t.ends_at > now()
    and (w.needs <> 'approval' or t.approved_by is not null) and access_scope_holds(t.staff, t.purpose, t.person)
$$;

create function people_opened(task uuid, wanted text[], how text) returns table (place bigint, whose uuid, key_epoch int,
  wrapped bytea, grp text, version int, epoch_made int, sealed bytea) language plpgsql as $$
#variable_conflict use_column
declare
  look record;
begin
  select l.place, l.whose into look from access_look(task, wanted, how) l;
  return query select look.place, look.whose, k.epoch, k.wrapped, s.grp, s.version, s.epoch_made, s.sealed
    from people_key k join people_sealed s using (person) where k.person = look.whose and s.grp = any (wanted);
end $$;

create function people_sealed_goes_on() returns trigger language plpgsql as $$
begin
  raise exception 'people_sealed_goes_on: version % does not follow version %', new.version, old.version
    using errcode = 'integrity_constraint_violation';
end $$;

create trigger people_sealed_goes_on before update on people_sealed for each row
  when (new.version <> old.version + 1 or (new.person, new.grp) <> (old.person, old.grp))
  execute function people_sealed_goes_on();

-- A correction is an entry of its own, beside the look that opened what it replaces.
create function people_sealed_is_corrected() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  look access_log;
begin
  select * into look from access_log where access_is_now(tx, began, server) and kind = 'look'
    and person = new.person and new.grp = any (groups) order by position desc limit 1;
  perform access_write('correction', access_actor(), new.person, array[new.grp], look.task, jsonb_build_object(
    'look', look.position::text, 'purpose', look.body::jsonb ->> 'purpose', 'task', look.task));
  return null;
end $$;

create trigger people_sealed_is_corrected after update on people_sealed for each row
  execute function people_sealed_is_corrected();
