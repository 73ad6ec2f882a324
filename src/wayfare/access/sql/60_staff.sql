-- Staff: invitations, roles and who confirms them, offices, leaving.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

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
  perform access_tell_officers('roles', actor);
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
  given text[] := '{}';
  place bigint;
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  update access_invitation set used_at = at where hash = its_hash and used_at is null and withdrawn_at is null
    and expires_at > at returning * into one;
  if one.staff is null then return null; end if;
  select * into asked from access_role_asked where staff = one.staff for update;
  if one.invited_by is null or asked.confirmed_by is not null then
    given := one.roles;
    delete from access_role_asked where staff = one.staff;
  end if;
  place := access_write('joined', one.staff, null, '{}', null, jsonb_build_object('about', one.staff,
    'by', one.invited_by, 'given', array_to_string(given, ' '), 'confirmed_by', asked.confirmed_by));
  insert into access_staff (id, name, email, office, language, joined_at)
    values (one.staff, one.name, one.email, one.office, one.language, greatest(at, access_at(place)));
  insert into access_role select one.staff, unnest(given), access_at(place), asked.confirmed_by;
  return one.staff;
end $$;

create function access_change_roles(colleague uuid, wanted text[], at timestamptz) returns boolean language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
  theirs access_staff;
  more text[];
  taken text[];
  place bigint;
begin
  select * into theirs from access_staff where id = colleague and left_at is null for no key update;
  if theirs.id is null then perform access_refuse('not_yours'); end if;
  with gone as (delete from access_role where staff = colleague and role <> all (wanted) returning role)
    select coalesce(array_agg(role order by role), '{}') into taken from gone;
  select coalesce(array_agg(one order by one), '{}') into more from unnest(wanted) one
    where not exists (select from access_role where staff = colleague and role = one);
  delete from access_role_asked where staff = colleague;
  update access_session set ended_at = at where staff = colleague and ended_at is null;
  if cardinality(more) > 0 and actor is not null then
    perform access_ask_roles(actor, colleague, theirs.office, more);
  end if;
  place := access_write('roles', actor, null, '{}', null, jsonb_build_object('about', colleague,
    'given', case when actor is null then array_to_string(more, ' ') end,
    'asked', case when actor is not null then array_to_string(more, ' ') end, 'taken', array_to_string(taken, ' ')));
  if actor is null then insert into access_role select colleague, unnest(more), access_at(place), null; end if;
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
  select r.staff, coalesce(s.name, i.name), o.name, r.roles, r.asked_by, r.asked_at from access_role_asked r
    join access_office o on o.id = r.office
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
  given text[] := '{}';
  place bigint;
begin
  select * into asked from access_role_asked where staff = colleague and confirmed_by is null and roles = wanted for update;
  if not access_answers(actor, asked) then perform access_refuse('not_yours'); end if;
  perform access_check_approval(array['supervisor', 'data_protection_officer', 'administrator'],
    array[asked.asked_by, colleague]);
  if exists (select from access_staff where id = colleague and left_at is null) then
    select array_agg(one) into given from unnest(asked.roles) one
      where not exists (select from access_role where staff = colleague and role = one);
    delete from access_role_asked where staff = colleague;
  else
    update access_role_asked set confirmed_by = actor, confirmed_at = clock_timestamp() where staff = colleague;
  end if;
  place := access_write('confirmed', actor, null, '{}', null, jsonb_build_object('about', colleague,
    'roles', array_to_string(asked.roles, ' '), 'given', array_to_string(given, ' '), 'for', asked.asked_by));
  insert into access_role select colleague, unnest(given), access_at(place), actor;
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

-- Names for the list of changes to staff: also of who is or was invited, which the application's role cannot read.
create function access_staff_known(wanted uuid[]) returns table (id uuid, name text) language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_has_role('administrator', 'auditor', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  return query select one, coalesce(s.name, i.name) from unnest(wanted) one left join access_staff s on s.id = one
    left join access_invitation i on i.staff = one where coalesce(s.name, i.name) is not null;
end $$;

revoke execute on function access_ask_roles(uuid, uuid, text, text[]) from public;
revoke execute on function access_answers(uuid, access_role_asked) from public;
