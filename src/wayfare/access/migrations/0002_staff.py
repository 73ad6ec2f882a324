from typing import Any

from django.db import migrations

PURPOSES = (
    ("case_work", "{names,birth,contact,documents,notes}", 12, "", {"counsellor": "team", "supervisor": "office"}),
    ("travel_booking", "{names,birth,documents}", 12, "", {"travel_officer": "office"}),
    (
        "correction_review",
        "{names,birth,contact,documents,notes}",
        12,
        "",
        {"counsellor": "team", "supervisor": "office", "data_protection_officer": "any"},
    ),
    ("duplicate_review", "{names,birth}", 2, "", {"counsellor": "office", "supervisor": "office"}),
    ("support_at_request", "{names,contact}", 2, "reason", {"counsellor": "office", "supervisor": "office"}),
    (
        "legal_duty",
        "{names,birth,contact,documents,notes}",
        12,
        "basis",
        {"supervisor": "office", "data_protection_officer": "any"},
    ),
    (
        "break_glass",
        "{names,birth,contact,documents,notes}",
        2,
        "approval",
        {"counsellor": "any", "supervisor": "any", "data_protection_officer": "any"},
    ),
)

TABLES = """
create table access_purpose (code text primary key, version int not null, groups text[] not null, hours int not null,
  needs text not null check (needs in ('', 'reason', 'basis', 'approval')));
create table access_purpose_role (purpose text not null references access_purpose, role text not null,
  scope text not null check (scope in ('team', 'office', 'any')), primary key (purpose, role));

create table access_office (id text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,39}$'), name text not null,
  timezone text not null);
create table access_staff (id uuid primary key, name text not null, email text not null, office text not null
  references access_office, language text not null, joined_at timestamptz not null, left_at timestamptz);
create unique index access_staff_email on access_staff (lower(email)) where left_at is null;
create table access_role (staff uuid not null references access_staff, role text not null check (role in
  ('counsellor', 'supervisor', 'travel_officer', 'verifier', 'statistician', 'auditor', 'data_protection_officer',
   'administrator')), primary key (staff, role));
create table access_session (hash bytea primary key check (length(hash) = 32), staff uuid not null references
  access_staff, began_at timestamptz not null, used_at timestamptz not null, ends_at timestamptz not null,
  ended_at timestamptz, how text not null check (how in ('passkey', 'totp', 'recovery', 'command')));
create index access_session_staff on access_session (staff) where ended_at is null;

create table access_file (person uuid primary key, office text not null references access_office,
  made_at timestamptz not null, erased_at timestamptz);
create index access_file_office on access_file (office);
create table access_team (person uuid not null references access_file, staff uuid not null references access_staff,
  primary key (person, staff));
create table access_task (id uuid primary key, purpose text not null references access_purpose, person uuid not null,
  staff uuid not null references access_staff, opened_at timestamptz not null, ends_at timestamptz not null,
  closed_at timestamptz, basis text not null, reason text not null, approved_by uuid references access_staff,
  approved_at timestamptz, check (ends_at > opened_at), check (approved_by <> staff));
create index access_task_staff on access_task (staff) where closed_at is null;

create table access_log (position bigint primary key, at timestamptz not null, kind text not null
  check (kind in ('look', 'approval', 'hold')), staff uuid not null, person uuid not null, groups text[] not null,
  task uuid, body text not null, tx xid8 not null);
create index access_log_tx on access_log (tx);
create index access_log_person on access_log (person, position);
create index access_log_staff on access_log (staff, at);
create index access_log_staff_person on access_log (staff, person, at);
create table access_hold (position bigint primary key, until timestamptz not null, basis text not null);
create table access_notice (id bigint generated always as identity primary key, at timestamptz not null,
  reader text not null check (reader in ('data_protection_officer', 'person')), about text not null
  check (about in ('many_files', 'break_glass')), staff uuid, person uuid, seen_at timestamptz);
create table access_limits (alone boolean primary key default true check (alone), people_an_hour int not null,
  slow_seconds int not null);
insert into access_limits (people_an_hour, slow_seconds) values (30, 120);
"""

# Each runs as the owner of the tables, whoever calls: it is the only way that the application's role has.
FUNCTIONS = """
create function access_actor() returns uuid language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select s.staff from access_session s join access_staff p on p.id = s.staff
  where s.hash = sha256(convert_to(current_setting('app.session', true), 'UTF8')) and s.ended_at is null
    and s.ends_at > now() and s.used_at > now() - interval '30 minutes' and p.left_at is null
$$;

create function access_has_role(variadic wanted text[]) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_role where staff = access_actor() and role = any (wanted))
$$;

create function access_own_office() returns text language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select office from access_staff where id = access_actor()
$$;

create function access_opened(wanted uuid, wanted_group text default null) returns boolean language sql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_log where tx = pg_current_xact_id_if_assigned() and kind = 'look'
    and person = wanted and (wanted_group is null or wanted_group = any (groups)))
$$;

create function access_refuse(word text) returns void language plpgsql as $$
begin
  raise exception 'access: %', word using errcode = 'insufficient_privilege';
end $$;

create function access_scope_holds(actor uuid, wanted_purpose text, wanted_person uuid) returns boolean language sql
stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select exists (
    select from access_role r join access_purpose_role p using (role) join access_staff s on s.id = r.staff
      join access_file f on f.person = wanted_person
    where r.staff = actor and p.purpose = wanted_purpose and f.erased_at is null and (p.scope = 'any'
      or p.scope = 'office' and f.office = s.office
      or p.scope = 'team' and exists (select from access_team t where t.person = wanted_person and t.staff = actor)))
$$;

create function access_write(kind text, staff uuid, person uuid, groups text[], task uuid, more jsonb) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  place bigint;
  moment timestamptz;
  said text;
begin
  perform pg_advisory_xact_lock(1464156239);  -- held to the commit, so that positions are in commit order, without gaps
  select coalesce(max(l.position), 0) + 1 into place from access_log l;
  moment := clock_timestamp();
  -- RFC 8785: the keys in order, strings as json writes them, no blanks
  select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key collate "C") || '}' into said from (
    select key, to_json(value)::text as value from jsonb_each_text(more || jsonb_build_object(
      'at', to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'kind', kind,
      'person', person, 'staff', staff))
    union all select 'groups', replace(to_json(groups)::text, ', ', ',')
    union all select 'position', place::text) fields;
  insert into access_log values (place, moment, kind, staff, person, groups, task, said, pg_current_xact_id());
  return place;
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
  whose := task.person;
  place := access_write('look', actor, task.person, wanted, task.id, jsonb_build_object('how', how,
    'purpose', task.purpose, 'purposes', purpose.version::text, 'task', task.id, 'reason', task.reason,
    'basis', task.basis, 'office', access_own_office()));
end $$;

create function access_approve(wanted_task uuid) returns bigint language plpgsql security definer
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
    'task', task.id, 'reason', task.reason, 'for', task.staff));
end $$;

create function access_hold_back(wanted bigint, held_until timestamptz, legal_basis text) returns bigint
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
    'until', to_char(held_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'basis', legal_basis));
end $$;

create function access_log_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'access_log_only_grows: % on % is refused; the record of looks is for ever', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;
create trigger access_log_stays before update or delete on access_log for each row
  execute function access_log_only_grows();
create trigger access_log_is_not_emptied before truncate on access_log for each statement
  execute function access_log_only_grows();
"""

# What the application's role sees and does; without a session of somebody it sees no file, no task and no look.
POLICIES = """
alter table access_file enable row level security;
create policy own_office on access_file for select using (office = (select access_own_office())
  or (select access_has_role('data_protection_officer')));
create policy enrolled on access_file for insert with check (office = (select access_own_office())
  and (select access_has_role('counsellor', 'supervisor')));
alter table access_team enable row level security;
create policy of_files on access_team using (exists (select from access_file f where f.person = access_team.person))
  with check ((select access_has_role('counsellor', 'supervisor'))
    and exists (select from access_file f where f.person = access_team.person)
    and (staff = (select access_actor()) or (select access_has_role('supervisor'))));
alter table access_task enable row level security;
create policy own on access_task using (staff = (select access_actor())) with check (staff = (select access_actor()));
create policy to_approve on access_task for select using (purpose = 'break_glass'
  and (select access_has_role('supervisor', 'data_protection_officer')));
alter table access_log enable row level security;
create policy own on access_log for select using (staff = (select access_actor()));
create policy of_office on access_log for select using ((select access_has_role('supervisor'))
  and exists (select from access_file f where f.person = access_log.person));
create policy every on access_log for select using ((select access_has_role('auditor', 'data_protection_officer')));
alter table access_hold enable row level security;
create policy every on access_hold for select using ((select access_has_role('auditor', 'data_protection_officer')));
alter table access_notice enable row level security;
create policy officer on access_notice using (reader = 'data_protection_officer' and (select access_has_role('data_protection_officer')));
do $$
declare name text;
begin
  revoke execute on function access_write(text, uuid, uuid, text[], uuid, jsonb) from public;
  revoke execute on function access_scope_holds(uuid, text, uuid) from public;
  if not exists (select from pg_roles where rolname = 'wayfare_app') then return; end if;
  foreach name in array array['purpose', 'purpose_role', 'office', 'staff', 'role', 'session', 'file', 'team', 'task',
      'log', 'hold', 'notice', 'limits'] loop
    execute format('revoke all on access_%s from wayfare_app', name);
    execute format('grant select on access_%s to wayfare_app', name);
  end loop;
  grant insert, update (name, timezone) on access_office to wayfare_app;
  grant insert, update (name, email, office, language, left_at) on access_staff to wayfare_app;
  grant insert, delete on access_role to wayfare_app;
  grant insert, update (used_at, ended_at) on access_session to wayfare_app;
  grant insert on access_file to wayfare_app;
  grant insert, delete on access_team to wayfare_app;
  grant insert (id, purpose, person, staff, opened_at, ends_at, basis, reason), update (closed_at)
    on access_task to wayfare_app;
  grant update (seen_at) on access_notice to wayfare_app;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    for name in select tablename from pg_tables where tablename like 'access\\_%' loop
      execute format('revoke all on %I from wayfare_reader', name);
    end loop;
  end if;
end $$;
"""


def fill(_: Any, editor: Any) -> None:
    with editor.connection.cursor() as cursor:
        for code, groups, hours, needs, roles in PURPOSES:
            cursor.execute("insert into access_purpose values (%s, 1, %s, %s, %s)", [code, groups, hours, needs])
            for role, scope in roles.items():
                cursor.execute("insert into access_purpose_role values (%s, %s, %s)", [code, role, scope])


class Migration(migrations.Migration):
    dependencies = (("access", "0001_initial"),)
    operations = (
        migrations.RunSQL(TABLES),
        migrations.RunPython(fill),
        migrations.RunSQL(FUNCTIONS),
        migrations.RunSQL(POLICIES),
    )
