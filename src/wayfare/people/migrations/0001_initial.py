from django.db import migrations

TABLES = """
create table people_epoch (epoch int primary key check (epoch > 0), mark bytea not null check (length(mark) = 16),
  began_at timestamptz not null, closed_at timestamptz, destroyed_at timestamptz, check (destroyed_at >= closed_at));
create table people_person (id uuid primary key, office text not null references access_office,
  case_number text unique check (case_number ~ '^[0-9A-Z]{4}-[0-9A-Z]{4}$'), family uuid,
  created_at timestamptz not null, erased_at timestamptz,
  check ((erased_at is null) = (case_number is not null)), check (erased_at is null or family is null));
create index people_person_family on people_person (family) where family is not null;
create table people_key (person uuid primary key, epoch int not null,
  wrapped bytea not null check (length(wrapped) = 48)) with (fillfactor = 50);
create table people_sealed (person uuid not null, grp text not null
  check (grp in ('names', 'birth', 'contact', 'documents', 'notes')), version int not null check (version > 0),
  epoch_made int not null, sealed bytea not null, primary key (person, grp));
create table people_token (epoch int not null, kind text not null check (kind in ('search', 'links')),
  office text not null, token bytea not null check (length(token) = 16), person uuid not null,
  primary key (epoch, kind, office, token, person));
create index people_token_person on people_token (person);
create table people_mark (person uuid primary key, epoch int not null, sealed bytea not null);
create table people_search_log (id bigint generated always as identity primary key, at timestamptz not null,
  staff uuid not null, office text not null, asked int not null, found int not null, shown uuid[] not null default '{}',
  tx xid8 not null);
create index people_search_log_staff on people_search_log (staff, at);
create table people_limits (alone boolean primary key default true check (alone), searches_a_minute int not null,
  searches_a_day int not null);
insert into people_limits (searches_a_minute, searches_a_day) values (20, 600);
alter table people_sealed alter column sealed set storage external;
"""

# Each runs as the owner of the tables, whoever calls: it is the only way that the application's role has.
FUNCTIONS = """
create function people_note_epoch(wanted int, its_mark bytea) returns bytea language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  found bytea;
begin
  select mark into found from people_epoch where epoch = wanted;
  if found is null then
    if not access_has_role('counsellor', 'supervisor') then perform access_refuse('not_yours'); end if;
    if exists (select from people_epoch where epoch > wanted) then perform access_refuse('epoch_closed'); end if;
    insert into people_epoch values (wanted, its_mark, clock_timestamp()) on conflict do nothing;
    select mark into found from people_epoch where epoch = wanted;
  end if;
  return found;
end $$;

-- An epoch in use is locked to the commit, so that it cannot be closed beneath what is being written in it.
create function people_use_epoch(wanted int) returns void language plpgsql as $$
begin
  perform from people_epoch where epoch = wanted and closed_at is null for share;
  if not found then perform access_refuse('epoch_closed'); end if;
end $$;

create function people_enrol(at timestamptz, key_epoch int, persons uuid[], case_numbers text[], families uuid[],
  wrapped bytea[], marks bytea[], sealed_of uuid[], groups text[], sealed bytea[], tokens_of uuid[], tokens bytea[])
returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  mine text := access_own_office();
begin
  if not access_has_role('counsellor', 'supervisor') then perform access_refuse('not_yours'); end if;
  perform people_use_epoch(key_epoch);
  if exists (select unnest(sealed_of || tokens_of) except select unnest(persons)) then
    perform access_refuse('not_yours');
  end if;
  insert into access_file (person, office, made_at) select one, mine, at from unnest(persons) one;
  insert into people_person (id, office, case_number, family, created_at)
    select p, mine, c, f, at from unnest(persons, case_numbers, families) as u(p, c, f);
  insert into people_key select p, key_epoch, w from unnest(persons, wrapped) as u(p, w);
  insert into people_mark select p, key_epoch, m from unnest(persons, marks) as u(p, m);
  insert into people_sealed select p, g, 1, key_epoch, s from unnest(sealed_of, groups, sealed) as u(p, g, s);
  insert into people_token select key_epoch, 'search', mine, t, p from unnest(tokens_of, tokens) as u(p, t);
end $$;

create function people_name_again(wanted uuid, in_epoch int, mark bytea, tokens bytea[]) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  theirs text;
begin
  if not access_opened(wanted, 'names') or not access_opened(wanted, 'birth') then
    perform access_refuse('not_opened');
  end if;
  perform people_use_epoch(in_epoch);
  select office into theirs from people_person where id = wanted and erased_at is null;
  update people_mark set epoch = in_epoch, sealed = mark where person = wanted;  -- first, as whoever moves epochs does
  delete from people_token where person = wanted and kind = 'search';
  insert into people_token select in_epoch, 'search', theirs, one, wanted from unnest(tokens) one;
end $$;

create function people_search(epochs int[], asked bytea[], wanted_case text, most int)
returns table (person uuid, matched bigint[], common boolean) language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  limits people_limits;
  rows_found int;
begin
  if actor is null or not access_has_role('counsellor', 'supervisor', 'travel_officer', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  if cardinality(asked) > 20000 or most not between 1 and 200 then perform access_refuse('too_much_asked'); end if;
  perform pg_advisory_xact_lock(1347374930, hashtext(actor::text));
  select * into limits from people_limits;
  if (select count(*) from people_search_log l where l.staff = actor and l.at > clock_timestamp() - interval '1 minute')
      >= limits.searches_a_minute
    or (select count(*) from people_search_log l where l.staff = actor and l.at > clock_timestamp() - interval '1 day')
      >= limits.searches_a_day then
    perform access_refuse('too_many_searches');
  end if;
  return query
  with query as materialized (select * from unnest(epochs, asked) with ordinality as u(e, t, n)),
  hit as materialized (select q.n, h.person from query q cross join lateral (
    select k.person from people_token k where k.epoch = q.e and k.kind = 'search' and k.office = mine and k.token = q.t
    limit most) h),
  many as materialized (select q.* from query q where (select count(*) from hit s where s.n = q.n) = most),
  candidate as materialized (select distinct s.person from hit s),
  every as (select s.n, s.person from hit s union select m.n, c.person from many m cross join candidate c
    where exists (select from people_token k where k.epoch = m.e and k.kind = 'search' and k.office = mine
      and k.token = m.t and k.person = c.person))
  select v.person, array_agg(v.n), exists (select from many) from every v group by v.person
  union all select p.id, array[0::bigint], false from people_person p
    where p.case_number = wanted_case and p.office = mine;
  get diagnostics rows_found = row_count;
  insert into people_search_log (at, staff, office, asked, found, tx)
    values (clock_timestamp(), actor, mine, cardinality(asked), rows_found, pg_current_xact_id());
end $$;

create function people_shown(wanted uuid[]) returns table (person uuid, case_number text, epoch int, mark bytea)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  search bigint;
begin
  select max(l.id) into search from people_search_log l
    where l.tx = pg_current_xact_id_if_assigned() and l.staff = access_actor() and l.shown = '{}';
  if search is null or cardinality(wanted) > 50 then perform access_refuse('not_yours'); end if;
  update people_search_log l set shown = wanted where l.id = search;
  return query select p.id, p.case_number, m.epoch, m.sealed from people_person p join people_mark m on m.person = p.id
    where p.id = any (wanted) and p.office = access_own_office() and p.erased_at is null;
end $$;

create function people_erase(wanted uuid, at timestamptz) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not exists (select from people_person p where p.id = wanted and (access_has_role('data_protection_officer')
      or access_has_role('supervisor') and p.office = access_own_office())) then
    perform access_refuse('not_yours');
  end if;
  update people_person set erased_at = at, case_number = null, family = null where id = wanted and erased_at is null;
  if not found then return false; end if;
  delete from people_key where person = wanted;
  delete from people_sealed where person = wanted;
  delete from people_mark where person = wanted;
  delete from people_token where person = wanted;
  delete from access_team where person = wanted;
  update access_task set closed_at = at where person = wanted and closed_at is null;
  update access_file set erased_at = at where person = wanted;
  update people_search_log set shown = array_remove(shown, wanted) where wanted = any (shown);
  return true;
end $$;

-- What is open in this transaction, found once a statement and not once a row: people, and groups as person/group.
create function people_open() returns uuid[] language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select array_agg(person) from access_log where tx = pg_current_xact_id_if_assigned() and kind = 'look'
$$;
create function people_open_groups() returns text[] language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select array_agg(person || '/' || one) from access_log cross join unnest(groups) one
  where tx = pg_current_xact_id_if_assigned() and kind = 'look'
$$;

create function people_sealed_goes_on() returns trigger language plpgsql as $$
begin
  raise exception 'people_sealed_goes_on: version % does not follow version %', new.version, old.version
    using errcode = 'integrity_constraint_violation';
end $$;
create trigger people_sealed_goes_on before update on people_sealed for each row
  when (new.version <> old.version + 1 or (new.person, new.grp) <> (old.person, old.grp))
  execute function people_sealed_goes_on();
"""

POLICIES = """
alter table people_person enable row level security;
create policy own_office on people_person for select using (
  office = (select access_own_office()) and (select access_has_role('counsellor', 'supervisor', 'travel_officer'))
  or (select access_has_role('data_protection_officer')));
alter table people_key enable row level security;
create policy looked on people_key for select using (person = any ((select people_open())::uuid[]));
alter table people_sealed enable row level security;
create policy looked on people_sealed for select
  using (person || '/' || grp = any ((select people_open_groups())::text[]));
create policy corrected on people_sealed for update
  using (person || '/' || grp = any ((select people_open_groups())::text[]));
alter table people_token enable row level security;
alter table people_mark enable row level security;
alter table people_search_log enable row level security;
create policy own on people_search_log for select using (staff = (select access_actor()));
create policy every on people_search_log for select
  using ((select access_has_role('auditor', 'data_protection_officer')));
do $$
declare name text;
begin
  revoke execute on function people_use_epoch(int) from public;
  foreach name in array array['wayfare_app', 'wayfare_reader'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('revoke all on people_epoch, people_person, people_key, people_sealed, people_token, people_mark,'
        ' people_search_log, people_limits from %I', name);
    end if;
  end loop;
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select on people_epoch, people_person, people_key, people_sealed, people_search_log, people_limits
      to wayfare_app;
    grant update (version, epoch_made, sealed) on people_sealed to wayfare_app;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0002_staff"),)
    operations = (
        migrations.RunSQL(TABLES),
        migrations.RunSQL(FUNCTIONS),
        migrations.RunSQL(POLICIES),
    )
