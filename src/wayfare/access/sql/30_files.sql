-- Files: opening one for a task, emergency access, teams, erasure.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_scope_holds(actor uuid, wanted_purpose text, wanted_person uuid) returns boolean language sql
stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select exists (
    select from access_role r join access_purpose_role p using (role) join access_staff s on s.id = r.staff
      join access_file f on f.person = wanted_person
    where r.staff = actor and p.purpose = wanted_purpose and f.erased_at is null and (p.scope = 'any'
      or p.scope = 'office' and f.office = s.office
      or p.scope = 'team' and exists (select from access_team t where t.person = wanted_person and t.staff = actor)))
$$;

create function access_opened(wanted uuid, wanted_group text default null) returns boolean language sql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_log where access_is_now(tx, began, server) and kind = 'look'
    and person = wanted and (wanted_group is null or wanted_group = any (groups)))
$$;

-- Attempts to open one more person's file are counted in a sequence a colleague, since a rollback undoes nothing of it.
-- Its value is the microsecond up to which the attempts so far use up one in `slow_seconds` (generic cell rate algorithm).
-- Twice `people_an_hour` may come at once: work that commits meets the stricter limit of `access_look` long before.
create function access_attempts_of(colleague uuid) returns text language sql immutable as $$
  select 'access_attempts_' || replace(colleague::text, '-', '')
$$;

create function access_make_attempts() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  execute format('create sequence if not exists public.%I', access_attempts_of(new.id));
  return null;
end $$;

create function access_count_attempt(colleague uuid, limits access_limits) returns boolean language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  counter regclass := access_attempts_of(colleague)::regclass;
  moment bigint := extract(epoch from clock_timestamp()) * 1000000;
  step bigint := limits.slow_seconds * 1000000::bigint;
  used bigint := greatest(coalesce(pg_sequence_last_value(counter), 0), moment);
begin
  if used - moment > step * (2 * limits.people_an_hour - 1) and step > 0 then return false; end if;
  perform setval(counter, used + step);
  return true;
end $$;

create function access_look(wanted_task uuid, wanted text[], how text, out place bigint, out whose uuid)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  task access_task;
  purpose access_purpose;
  limits access_limits;
  others int;
  newest timestamptz;
  attempt bigint;
begin
  if actor is null then perform access_refuse('no_session'); end if;
  lock table access_gate in exclusive mode;  -- first: what was decided while this waited, such as an erasure, counts
  select * into task from access_task where id = wanted_task and staff = actor and closed_at is null
    and ends_at > now();
  if task.id is null or not access_scope_holds(actor, task.purpose, task.person) then
    perform access_refuse('not_yours');
  end if;
  select * into purpose from access_purpose where code = task.purpose;
  if task.opened_at > now() + interval '1 minute' or task.ends_at > task.opened_at + make_interval(hours => purpose.hours)
      or purpose.needs in ('reason', 'approval') and length(trim(task.reason)) < 10
      or purpose.needs = 'basis' and length(trim(task.basis)) < 10 then
    perform access_refuse('not_yours');
  end if;
  if coalesce(cardinality(wanted), 0) = 0 or not wanted <@ purpose.groups then
    perform access_refuse('group_not_for_purpose');
  end if;
  if how is null or how not in ('page', 'api', 'command', 'job') then perform access_refuse('unknown_way'); end if;
  if purpose.needs = 'approval' and task.approved_by is null then perform access_refuse('not_approved'); end if;
  if not exists (select from access_log l where l.staff = actor and l.person = task.person and l.kind = 'look'
      and l.at > now() - interval '1 hour') then
    select * into limits from access_limits;
    select count(*), max(first) into others, newest from (select min(l.at) as first from access_log l
      where l.staff = actor and l.kind = 'look' and l.at > now() - interval '1 hour' group by l.person) recent;
    if others >= limits.people_an_hour and newest > clock_timestamp() - make_interval(secs => limits.slow_seconds) then
      perform access_refuse('too_many_files');
    end if;
    if not access_count_attempt(actor, limits) then perform access_refuse('too_many_files'); end if;
    if others + 1 >= limits.people_an_hour and not exists (select from access_notice n where n.about = 'many_files'
        and n.staff = actor and n.at > now() - interval '1 hour') then
      perform access_tell_officers('many_files', actor);
    end if;
  end if;
  -- Neither the number nor the line in the server's journal is undone with the transaction: who rolls back leaves a gap.
  attempt := nextval('access_try');
  raise log 'wayfare look % of % at % for task %', attempt, actor, task.person, task.id;
  whose := task.person;
  place := access_write('look', actor, task.person, wanted, task.id, jsonb_build_object('how', how,
    'purpose', task.purpose, 'purposes', purpose.version::text, 'task', task.id, 'try', attempt::text,
    'office', access_own_office()), jsonb_build_object('reason', task.reason, 'basis', task.basis));
end $$;

-- The task that asks for emergency access, locked, for a colleague who may decide on it; refused where there is none.
create function access_emergency_to_decide(wanted_task uuid) returns access_task language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  task access_task;
begin
  select * into task from access_task where id = wanted_task and closed_at is null and ends_at > now()
    and approved_by is null for update;
  if task.id is null or actor is null or task.staff = actor
      or not access_has_role('supervisor', 'data_protection_officer')
      or not exists (select from access_purpose where code = task.purpose and needs = 'approval') then
    perform access_refuse('not_yours');
  end if;
  return task;
end $$;
revoke execute on function access_emergency_to_decide(uuid) from public;

create function access_approve(wanted_task uuid) returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  task access_task := access_emergency_to_decide(wanted_task);
  place bigint;
begin
  perform access_check_approval(array['supervisor', 'data_protection_officer'], array[task.staff]);
  perform access_tell_officers('break_glass', task.staff, task.person);
  insert into access_notice (at, reader, about, staff, person)
    values (clock_timestamp(), 'person', 'break_glass', task.staff, task.person);
  place := access_write('approval', actor, task.person, '{}', task.id, jsonb_build_object('purpose', task.purpose,
    'task', task.id, 'for', task.staff), jsonb_build_object('reason', task.reason));
  update access_task set approved_by = actor, approved_at = access_at(place) where id = wanted_task;
  perform access_tell(task.staff, 'emergency_approved', task.person, place);
  return place;
end $$;

-- Refuse emergency access, in words that the asker reads: the task ends.
create function access_refuse_emergency(wanted_task uuid, why text) returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  task access_task := access_emergency_to_decide(wanted_task);
  place bigint;
begin
  if length(trim(coalesce(why, ''))) < 10 then perform access_refuse('no_words'); end if;
  update access_task set closed_at = now() where id = wanted_task;
  place := access_write('refusal', actor, task.person, '{}', task.id, jsonb_build_object('purpose', task.purpose,
    'task', task.id, 'for', task.staff), jsonb_build_object('reason', trim(why)));
  perform access_tell(task.staff, 'emergency_refused', task.person, place);
  return place;
end $$;

-- A task that is over stays over: whoever was refused does not open it again, to ask somebody else.
create function access_task_stays_closed() returns trigger language plpgsql as $$
begin
  perform access_refuse('not_yours');
end $$;

create trigger access_task_stays_closed before update on access_task for each row
  when (old.closed_at is not null and new.closed_at is distinct from old.closed_at)
  execute function access_task_stays_closed();

-- Words about a person who is erased are not kept: the erasure that takes them away is over. The task itself is made and
-- opens nothing, as for a person of whom there is no file, so that nobody learns which of the two it is. The file is
-- locked, so that a task made beside an erasure loses its words here or there.
create function access_task_keeps_no_words() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  perform from access_file where person = new.person for share;
  if not exists (select from access_file where person = new.person and erased_at is null) then
    new.reason := '';
    new.basis := '';
  end if;
  return new;
end $$;

create trigger access_task_keeps_no_words before insert on access_task for each row
  execute function access_task_keeps_no_words();

create function access_join_team(wanted uuid, colleague uuid, why text) returns void language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
begin
  perform from access_file f where f.person = wanted and f.office = access_own_office() and f.erased_at is null for update;
  if not found or not access_has_role('counsellor', 'supervisor')
      or colleague <> actor and not access_has_role('supervisor')
      or not exists (select from access_staff where id = colleague and left_at is null) then
    perform access_refuse('not_yours');
  end if;
  if exists (select from access_team t where t.person = wanted and t.staff = colleague) then return; end if;
  if colleague = actor and not access_has_role('supervisor') and length(trim(coalesce(why, ''))) < 10
      and exists (select from access_team t where t.person = wanted) then
    perform access_refuse('no_words');
  end if;
  insert into access_team values (wanted, colleague);
  perform access_write('team', actor, wanted, '{}', null, jsonb_build_object('for', colleague, 'joined', 'yes'),
    jsonb_build_object('reason', trim(why)));
end $$;

create function access_leave_team(wanted uuid, colleague uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
begin
  perform from access_file f where f.person = wanted and f.office = access_own_office() for update;
  if not found or colleague <> actor and not access_has_role('supervisor') then perform access_refuse('not_yours'); end if;
  delete from access_team where person = wanted and staff = colleague;
  if found then
    perform access_write('team', actor, wanted, '{}', null, jsonb_build_object('for', colleague, 'joined', 'no'));
  end if;
end $$;

create function access_file_is_erased() returns trigger language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  delete from access_words where person = new.person;
  update access_task set reason = '', basis = '' where person = new.person;
  update access_hold set basis = '' where position in (select l.position from access_log l where l.person = new.person);
  perform access_write('erasure', access_actor(), new.person, '{}', null, '{}');
  return null;
end $$;

do $$
declare colleague uuid;
begin
  for colleague in select id from access_staff loop
    execute format('create sequence if not exists public.%I', access_attempts_of(colleague));
  end loop;
end $$;
create trigger access_staff_has_attempts after insert on access_staff for each row
  execute function access_make_attempts();

revoke execute on function access_count_attempt(uuid, access_limits) from public;
create trigger access_file_is_erased after update on access_file for each row
  when (old.erased_at is null and new.erased_at is not null) execute function access_file_is_erased();

-- Emergencies that wait for a second person: what the actor may decide, and their own. Case numbers are not in it.
create function access_emergencies_waiting() returns table (task uuid, staff uuid, who text, office text, roles text[],
  person uuid, at timestamptz, until timestamptz, reason text)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select t.id, t.staff, s.name, o.name, array(select r.role from access_role r where r.staff = s.id order by r.role),
    t.person, t.opened_at, t.ends_at, t.reason
  from access_task t join access_purpose p on p.code = t.purpose and p.needs = 'approval'
    join access_staff s on s.id = t.staff join access_office o on o.id = s.office
  where t.approved_by is null and t.closed_at is null and t.ends_at > now()
    and (t.staff = access_actor() or access_has_role('supervisor', 'data_protection_officer'))
  order by t.opened_at, t.id
$$;

revoke execute on function access_scope_holds(uuid, text, uuid) from public;
