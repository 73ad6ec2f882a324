from django.db import migrations

TABLES = """
create table access_door (alone boolean primary key default true check (alone),
  inner_pad bytea not null check (length(inner_pad) = 64), outer_pad bytea not null check (length(outer_pad) = 64));
create table access_role_asked (staff uuid primary key, office text not null references access_office,
  roles text[] not null check (cardinality(roles) > 0), asked_by uuid not null references access_staff,
  asked_at timestamptz not null, confirmed_by uuid references access_staff, confirmed_at timestamptz,
  check (confirmed_by <> asked_by), check (confirmed_by <> staff), check ((confirmed_by is null) = (confirmed_at is null)));
create table access_words (position bigint not null, field text not null check (field in ('reason', 'basis')),
  person uuid, nonce bytea not null check (length(nonce) = 32), words text not null, primary key (position, field));
create index access_words_person on access_words (person);

create sequence access_try;
alter table access_log alter staff drop not null, alter person drop not null, add try bigint,
  drop constraint access_log_kind_check, add constraint access_log_kind_check check (kind in ('look', 'approval', 'hold',
    'team', 'erasure', 'session', 'invited', 'withdrawn', 'joined', 'left', 'roles', 'confirmed', 'refused', 'office',
    'ended')),
  add check (person is not null or kind not in ('look', 'approval', 'hold', 'team', 'erasure'));
create index access_log_at on access_log using brin (at);
create index access_log_staff_matters on access_log (position) where person is null;
alter table access_notice drop constraint access_notice_about_check,
  add constraint access_notice_about_check check (about in ('many_files', 'break_glass', 'roles'));
"""

# Each runs as the owner of the tables, whoever calls: it is the only way that the application's role has.
FUNCTIONS = """
-- RFC 2104 over SHA-256, of this very transaction's number; compared as hashes, so that time tells nothing.
create function access_door_open() returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce((select sha256(convert_to(current_setting('app.door', true), 'UTF8')) = sha256(convert_to(encode(
    sha256(outer_pad || sha256(inner_pad || convert_to('wayfare door ' || pg_current_xact_id_if_assigned(), 'UTF8'))),
    'hex'), 'UTF8')) from access_door), false)
$$;

drop function access_write(text, uuid, uuid, text[], uuid, jsonb);
create function access_write(kind text, staff uuid, person uuid, groups text[], task uuid, more jsonb,
  words jsonb default '{}') returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  place bigint;
  moment timestamptz;
  said text;
  named text;
  spoken text;
  salt bytea;
begin
  perform pg_advisory_xact_lock(1464156239);  -- held to the commit, so that positions are in commit order, without gaps
  select coalesce(max(l.position), 0) + 1 into place from access_log l;
  moment := clock_timestamp();
  for named, spoken in select key, coalesce(value, '') from jsonb_each_text(words) loop
    if spoken <> '' then  -- what is committed to hides them, so that erasure can take them
      salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
      insert into access_words values (place, named, person, salt, spoken);
      spoken := encode(sha256(salt || convert_to(spoken, 'UTF8')), 'hex');
    end if;
    more := more || jsonb_build_object(named, spoken);
  end loop;
  -- RFC 8785: the keys in order, strings as json writes them, no blanks
  select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key collate "C") || '}' into said from (
    select key, to_json(value)::text as value from jsonb_each_text(jsonb_strip_nulls(more || jsonb_build_object(
      'at', to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'kind', kind,
      'person', person, 'staff', staff)))
    union all select 'groups', replace(to_json(groups)::text, ', ', ',')
    union all select 'position', place::text) fields;
  insert into access_log values (place, moment, kind, staff, person, groups, task, said, pg_current_xact_id(),
    (more->>'try')::bigint);
  return place;
end $$;

create or replace function access_look(wanted_task uuid, wanted text[], how text, out place bigint, out whose uuid)
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
  perform pg_advisory_xact_lock(1464156239);
  if not exists (select from access_log l where l.staff = actor and l.person = task.person and l.kind = 'look'
      and l.at > now() - interval '1 hour') then
    select * into limits from access_limits;
    select count(*), max(first) into others, newest from (select min(l.at) as first from access_log l
      where l.staff = actor and l.kind = 'look' and l.at > now() - interval '1 hour' group by l.person) recent;
    if others >= limits.people_an_hour and newest > clock_timestamp() - make_interval(secs => limits.slow_seconds) then
      perform access_refuse('too_many_files');
    end if;
    if others + 1 >= limits.people_an_hour and not exists (select from access_notice n where n.about = 'many_files'
        and n.staff = actor and n.at > now() - interval '1 hour') then
      insert into access_notice (at, reader, about, staff) values (now(), 'data_protection_officer', 'many_files', actor);
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

create function access_undone(days int, out looks bigint, out undone bigint) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  first bigint;
  last bigint;
begin
  if not access_has_role('administrator', 'auditor', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  select count(*), min(try) into looks, first from access_log
    where at > now() - make_interval(days => days) and try is not null;
  select case when is_called then last_value else 0 end into last from access_try;
  undone := case when looks = 0 then last - coalesce((select max(try) from access_log), 0) else last - first + 1 - looks end;
end $$;

create or replace function access_approve(wanted_task uuid) returns bigint language plpgsql security definer
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
  update access_task set approved_by = actor, approved_at = now() where id = wanted_task;
  insert into access_notice (at, reader, about, staff, person) values
    (now(), 'data_protection_officer', 'break_glass', task.staff, task.person),
    (now(), 'person', 'break_glass', task.staff, task.person);
  return access_write('approval', actor, task.person, '{}', task.id, jsonb_build_object('purpose', task.purpose,
    'task', task.id, 'for', task.staff), jsonb_build_object('reason', task.reason));
end $$;

create or replace function access_hold_back(wanted bigint, held_until timestamptz, legal_basis text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  look access_log;
begin
  select * into look from access_log l where l.position = wanted and l.kind = 'look';
  if actor is null or not access_has_role('data_protection_officer') or look.position is null then
    perform access_refuse('not_yours');
  end if;
  if held_until is null or held_until <= now() or held_until > now() + interval '1 year' then
    perform access_refuse('hold_too_long');
  end if;
  if coalesce(legal_basis, '') = '' then perform access_refuse('no_basis'); end if;
  insert into access_hold values (wanted, held_until, legal_basis)
    on conflict (position) do update set until = excluded.until, basis = excluded.basis;
  return access_write('hold', actor, look.person, '{}', null, jsonb_build_object('of', wanted::text,
    'until', to_char(held_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
    jsonb_build_object('basis', legal_basis));
end $$;

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
  perform access_write('erasure', access_actor(), new.person, '{}', null, '{}');
  return null;
end $$;
create trigger access_file_is_erased after update on access_file for each row
  when (old.erased_at is null and new.erased_at is not null) execute function access_file_is_erased();

-- Sessions: of whoever brings the secret. A session that was left alone too long is not woken by saying it was used.
create function access_session_of(secret text, at timestamptz, out staff uuid, out began_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select s.staff, s.began_at from access_session s join access_staff p on p.id = s.staff
  where s.hash = sha256(convert_to(secret, 'UTF8')) and s.ended_at is null and s.ends_at > at
    and s.used_at > at - interval '30 minutes' and p.left_at is null
$$;
create function access_use_session(secret text) returns void language sql security definer
set search_path = pg_catalog, public, pg_temp as $$
  update access_session set used_at = clock_timestamp() where hash = sha256(convert_to(secret, 'UTF8'))
    and ended_at is null and used_at between clock_timestamp() - interval '30 minutes'
    and clock_timestamp() - interval '1 minute'
$$;
create function access_end_session(secret text, at timestamptz) returns void language sql security definer
set search_path = pg_catalog, public, pg_temp as $$
  update access_session set ended_at = at where hash = sha256(convert_to(secret, 'UTF8')) and ended_at is null
$$;
create function access_begin_session(its_hash bytea, whose uuid, how text, at timestamptz, until timestamptz)
returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  insert into access_session (hash, staff, began_at, used_at, ends_at, how) values (its_hash, whose, at, at, until, how);
  perform access_write('session', whose, null, '{}', null, jsonb_build_object('how', how));
end $$;

-- Staff: an administrator who acts, or a command, which has the door's key and nobody's session.
create function access_administers() returns uuid language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
begin
  if actor is null and not access_door_open() or actor is not null and not access_has_role('administrator') then
    perform access_refuse('not_yours');
  end if;
  return actor;
end $$;

create function access_set_office(wanted text, its_name text, its_timezone text) returns void language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
begin
  insert into access_office (id, name, timezone) values (wanted, its_name, its_timezone)
    on conflict (id) do update set name = excluded.name, timezone = excluded.timezone
    where (access_office.name, access_office.timezone) <> (excluded.name, excluded.timezone);
  if found then
    perform access_write('office', actor, null, '{}', null, jsonb_build_object('office', wanted,
      'name', its_name, 'timezone', its_timezone));
  end if;
end $$;

create function access_ask_roles(actor uuid, colleague uuid, their_office text, wanted text[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into access_role_asked values (colleague, their_office, wanted, actor, clock_timestamp())
    on conflict (staff) do update set roles = excluded.roles, asked_by = excluded.asked_by, asked_at = excluded.asked_at,
      office = excluded.office, confirmed_by = null, confirmed_at = null;
  insert into access_notice (at, reader, about, staff) values (now(), 'data_protection_officer', 'roles', actor);
end $$;

create function access_invite(its_hash bytea, colleague uuid, its_name text, its_email text, its_office text,
  its_roles text[], its_language text, at timestamptz, until timestamptz) returns void language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
begin
  insert into access_invitation (hash, staff, name, email, office, roles, language, invited_by, made_at, expires_at)
    values (its_hash, colleague, its_name, its_email, its_office, its_roles, its_language, actor, at, until);
  if actor is not null then perform access_ask_roles(actor, colleague, its_office, its_roles); end if;
  perform access_write('invited', actor, null, '{}', null, jsonb_build_object('about', colleague, 'office', its_office,
    'roles', array_to_string(its_roles, ' ')));
end $$;

create function access_withdraw(its_email text, at timestamptz) returns boolean language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
  colleague uuid;
begin
  update access_invitation set withdrawn_at = at where lower(email) = lower(its_email) and used_at is null
    and withdrawn_at is null returning staff into colleague;
  if not found then return false; end if;
  delete from access_role_asked where staff = colleague;
  perform access_write('withdrawn', actor, null, '{}', null, jsonb_build_object('about', colleague));
  return true;
end $$;

create function access_accept(its_hash bytea, at timestamptz) returns uuid language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  one access_invitation;
  asked access_role_asked;
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  update access_invitation set used_at = at where hash = its_hash and used_at is null and withdrawn_at is null
    and expires_at > at returning * into one;
  if one.staff is null then return null; end if;
  insert into access_staff (id, name, email, office, language, joined_at)
    values (one.staff, one.name, one.email, one.office, one.language, at);
  select * into asked from access_role_asked where staff = one.staff for update;
  if one.invited_by is null or asked.confirmed_by is not null then
    insert into access_role select one.staff, unnest(one.roles);
    delete from access_role_asked where staff = one.staff;
  end if;
  perform access_write('joined', one.staff, null, '{}', null, jsonb_build_object('about', one.staff,
    'by', one.invited_by));
  return one.staff;
end $$;

create function access_change_roles(colleague uuid, wanted text[], at timestamptz) returns boolean language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
  theirs access_staff;
  more text[];
  taken text[];
begin
  select * into theirs from access_staff where id = colleague and left_at is null for no key update;
  if theirs.id is null then perform access_refuse('not_yours'); end if;
  with gone as (delete from access_role where staff = colleague and role <> all (wanted) returning role)
    select coalesce(array_agg(role order by role), '{}') into taken from gone;
  select coalesce(array_agg(one order by one), '{}') into more from unnest(wanted) one
    where not exists (select from access_role where staff = colleague and role = one);
  delete from access_role_asked where staff = colleague;
  update access_session set ended_at = at where staff = colleague and ended_at is null;
  if cardinality(more) > 0 then
    if actor is null then insert into access_role select colleague, unnest(more);
    else perform access_ask_roles(actor, colleague, theirs.office, more);
    end if;
  end if;
  perform access_write('roles', actor, null, '{}', null, jsonb_build_object('about', colleague,
    'given', case when actor is null then array_to_string(more, ' ') end,
    'asked', case when actor is not null then array_to_string(more, ' ') end, 'taken', array_to_string(taken, ' ')));
  return actor is not null and cardinality(more) > 0;
end $$;

create function access_end_sessions(colleague uuid, at timestamptz) returns int language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
  gone int;
begin
  update access_session set ended_at = at where ended_at is null and staff is distinct from actor
    and (colleague is null or staff = colleague);
  get diagnostics gone = row_count;
  perform access_write('ended', actor, null, '{}', null, jsonb_build_object('about', colleague, 'sessions', gone::text));
  return gone;
end $$;

create function access_answers(actor uuid, asked access_role_asked) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce(actor not in (asked.staff, asked.asked_by) and (access_has_role('administrator', 'data_protection_officer')
    or access_has_role('supervisor') and access_own_office() = asked.office), false)
$$;

create function access_roles_waiting() returns table (staff uuid, name text, office text, roles text[], asked_by uuid,
  asked_at timestamptz) language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select r.staff, coalesce(s.name, i.name), r.office, r.roles, r.asked_by, r.asked_at from access_role_asked r
    left join access_staff s on s.id = r.staff and s.left_at is null
    left join access_invitation i on i.staff = r.staff and i.withdrawn_at is null and i.expires_at > now()
  where r.confirmed_by is null and coalesce(s.id, i.staff) is not null and (r.staff = access_actor()
    or access_has_role('administrator', 'data_protection_officer')
    or access_has_role('supervisor') and r.office = access_own_office()) order by r.asked_at, r.staff
$$;

create function access_confirm_roles(colleague uuid, wanted text[]) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  asked access_role_asked;
begin
  select * into asked from access_role_asked where staff = colleague and confirmed_by is null and roles = wanted for update;
  if not access_answers(actor, asked) then perform access_refuse('not_yours'); end if;
  if exists (select from access_staff where id = colleague and left_at is null) then
    insert into access_role select colleague, unnest(asked.roles) on conflict do nothing;
    delete from access_role_asked where staff = colleague;
  else
    update access_role_asked set confirmed_by = actor, confirmed_at = clock_timestamp() where staff = colleague;
  end if;
  perform access_write('confirmed', actor, null, '{}', null, jsonb_build_object('about', colleague,
    'roles', array_to_string(asked.roles, ' '), 'for', asked.asked_by));
end $$;

create function access_refuse_roles(colleague uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  asked access_role_asked;
begin
  select * into asked from access_role_asked where staff = colleague and confirmed_by is null for update;
  if actor is null or not access_answers(actor, asked) and actor is distinct from asked.asked_by then
    perform access_refuse('not_yours');
  end if;
  delete from access_role_asked where staff = colleague;
  perform access_write('refused', actor, null, '{}', null, jsonb_build_object('about', colleague,
    'roles', array_to_string(asked.roles, ' '), 'for', asked.asked_by));
end $$;

create function access_leave(colleague uuid, at timestamptz) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
begin
  update access_session set ended_at = at where staff = colleague and ended_at is null;
  update access_staff set left_at = at where id = colleague and left_at is null;
  if not found then return false; end if;
  delete from access_role_asked where staff = colleague;
  perform access_write('left', actor, null, '{}', null, jsonb_build_object('about', colleague));
  return true;
end $$;
"""

POLICIES = """
drop policy of_files on access_team;
create policy of_files on access_team for select
  using (exists (select from access_file f where f.person = access_team.person));
alter table access_session enable row level security;
create policy door on access_session using ((select access_door_open())) with check ((select access_door_open()));
create policy own on access_session for select using (staff = (select access_actor()));
alter table access_words enable row level security;
create policy of_lines on access_words for select
  using (exists (select from access_log l where l.position = access_words.position));
create policy staff_matters on access_log for select using (person is null and (select access_has_role('administrator')));
do $$
declare name text;
begin
  foreach name in array array['passkey', 'password', 'totp', 'challenge', 'invitation', 'recovery', 'recovery_voice'] loop
    execute format('alter table access_%s enable row level security', name);
    execute format('create policy door on access_%s using ((select access_door_open()))'
      ' with check ((select access_door_open()))', name);
  end loop;
  foreach name in array array['access_write(text, uuid, uuid, text[], uuid, jsonb, jsonb)',
      'access_ask_roles(uuid, uuid, text, text[])', 'access_answers(uuid, access_role_asked)'] loop
    execute format('revoke execute on function %s from public', name);
  end loop;
  foreach name in array array['wayfare_app', 'wayfare_reader'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('revoke all on access_door, access_role_asked, access_words from %I', name);
      execute format('revoke all on sequence access_try from %I', name);
    end if;
  end loop;
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select on access_words to wayfare_app;
    revoke insert, update on access_office, access_staff from wayfare_app;
    revoke insert, update on access_invitation from wayfare_app;
    revoke insert, delete on access_role, access_team from wayfare_app;
    revoke insert on access_session from wayfare_app;
    revoke update (name, timezone) on access_office from wayfare_app;
    revoke update (name, email, office, language, left_at) on access_staff from wayfare_app;
    revoke update (used_at) on access_session from wayfare_app;
    revoke update (used_at, withdrawn_at) on access_invitation from wayfare_app;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0003_signin"),)
    operations = (
        migrations.RunSQL(TABLES),
        migrations.RunSQL(FUNCTIONS),
        migrations.RunSQL(POLICIES),
    )
