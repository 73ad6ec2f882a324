-- Account recovery: who lost every way to sign in is let in again by two independent colleagues, after a waiting time.
-- Each step is a line of the access record, and the data-protection officers get a notice.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_note_recovery(kind text, actor uuid, colleague uuid, recovery uuid, more jsonb default '{}')
returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  place bigint := access_write(kind, actor, null, '{}', null, more
    || jsonb_build_object('about', colleague, 'recovery', recovery));
begin
  -- a stranger who asks again and again does not drown what officers are told
  if kind = 'recovery_asked' and exists (select from access_notice where about = kind and staff = colleague
      and seen_at is null) then return place; end if;
  perform access_tell_officers(kind, colleague, null, place);
  return place;
end $$;

-- For an address that nobody has a request is kept as well, about nobody, so that its page looks the same.
create function access_ask_recovery(its_id uuid, its_hash bytea, its_email text, its_code text, at timestamptz,
  until timestamptz) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  colleague uuid := (select id from access_staff where lower(email) = lower(its_email) and left_at is null);
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  insert into access_recovery (id, hash, staff, code, asked_at, expires_at)
    values (its_id, its_hash, colleague, its_code, at, until);
  if colleague is not null then perform access_note_recovery('recovery_asked', null, colleague, its_id); end if;
end $$;

-- By a command on the machine: approved at once, and usable at once.
create function access_recover_by_command(its_id uuid, its_hash bytea, colleague uuid, at timestamptz, until timestamptz)
returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() or access_actor() is not null then perform access_refuse('no_door'); end if;
  insert into access_recovery (id, hash, staff, code, asked_at, expires_at, confirmed_at, usable_at, link_ends_at, by_command)
    values (its_id, its_hash, colleague, '', at, until, at, at, until, true);
  perform access_note_recovery('recovery_approved', null, colleague, its_id);
end $$;

create function access_knows(colleague uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce(colleague <> access_actor() and exists (select from access_role where staff = access_actor()) and (
    access_has_role('supervisor', 'data_protection_officer', 'administrator')
    or access_own_office() = (select office from access_staff where id = colleague)), false)
$$;

create function access_recovery_is_open(one access_recovery) returns boolean language sql stable
set search_path = pg_catalog, public, pg_temp as $$
  select one.staff is not null and one.used_at is null and one.stopped_at is null
    and coalesce(one.link_ends_at, one.expires_at) > clock_timestamp()
$$;

-- The open requests that the actor may approve or stop, and those in their own name.
create function access_recoveries() returns table (id uuid, staff uuid, name text, email text, office text, code text,
  asked_at timestamptz, expires_at timestamptz, usable_at timestamptz, approvals int, mine boolean, obstacle text)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select r.id, s.id, s.name, s.email, o.name, r.code, r.asked_at, r.expires_at, r.usable_at,
    (select count(*)::int from access_recovery_approval a where a.recovery = r.id),
    exists (select from access_recovery_approval a where a.recovery = r.id and a.staff = access_actor()),
    access_approval_obstacle(access_actor(), null, array[r.staff])
  from access_recovery r join access_staff s on s.id = r.staff join access_office o on o.id = s.office
  where access_recovery_is_open(r) and s.left_at is null and (s.id = access_actor() or access_knows(s.id))
  order by r.asked_at, r.id
$$;

-- Two approvals are enough if each counts beside the other, and one is of a senior role.
create function access_recovery_is_approved(wanted uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (
    select from access_recovery_approval a join access_recovery_approval b using (recovery, subject)
    where recovery = wanted and a.staff <> b.staff
      and access_may_approve(a.staff, array['supervisor', 'data_protection_officer', 'administrator'],
        array[subject, b.staff])
      and access_may_approve(b.staff, null, array[subject, a.staff]))
$$;

create function access_approve_recovery(wanted uuid) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  request access_recovery;
  usable timestamptz;
begin
  select * into request from access_recovery where id = wanted and confirmed_at is null for update;
  if request.id is null or not access_recovery_is_open(request) or not access_knows(request.staff)
      or not exists (select from access_staff where id = request.staff and left_at is null) then
    perform access_refuse('not_yours');
  end if;
  if not exists (select from access_session where staff = actor and began_at > clock_timestamp() - interval '15 minutes'
      and hash = sha256(convert_to(current_setting('app.session', true), 'UTF8'))) then
    perform access_refuse('not_fresh');
  end if;
  perform access_check_approval(null, array[request.staff]);
  insert into access_recovery_approval values (wanted, request.staff, actor, clock_timestamp()) on conflict do nothing;
  if not found then return false; end if;
  if access_recovery_is_approved(wanted) then
    usable := clock_timestamp() + (select make_interval(hours => recovery_wait_hours) from access_limits);
    update access_recovery set confirmed_at = clock_timestamp(), usable_at = usable,
      link_ends_at = usable + interval '24 hours' where id = wanted;
  end if;
  perform access_note_recovery('recovery_approved', actor, request.staff, wanted, jsonb_build_object(
    'usable_from', to_char(usable at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'approved_by', (select string_agg(a.staff::text, ' ' order by a.at) from access_recovery_approval a
      where a.recovery = wanted)));
  return usable is not null;
end $$;

-- By the colleague in whose name it was asked, by one who may approve it, or by a command on the machine; until it is used.
create function access_stop_recovery(wanted uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  request access_recovery;
begin
  select * into request from access_recovery where id = wanted for update;
  if request.id is null or not access_recovery_is_open(request)
      or actor is null and not access_door_open()
      or actor is not null and actor <> request.staff and not access_knows(request.staff) then
    perform access_refuse('not_yours');
  end if;
  update access_recovery set stopped_at = clock_timestamp(), stopped_by = actor where id = wanted;
  perform access_note_recovery('recovery_stopped', actor, request.staff, wanted);
end $$;

-- Everything that opened the account before opens nothing any more. Whether the approvals still count is asked again.
create function access_use_recovery(its_hash bytea, at timestamptz) returns uuid language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  request access_recovery;
  place bigint;
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  select * into request from access_recovery where hash = its_hash and used_at is null and stopped_at is null
    and usable_at <= at and link_ends_at > at for update;
  if request.id is null or not exists (select from access_staff where id = request.staff and left_at is null)
      or not request.by_command and not access_recovery_is_approved(request.id) then
    return null;
  end if;
  place := access_note_recovery('recovery_used', request.staff, request.staff, request.id);
  update access_recovery set used_at = greatest(at, access_at(place)) where id = request.id;
  update access_recovery set stopped_at = at where staff = request.staff and used_at is null and stopped_at is null;
  update access_session set ended_at = at where staff = request.staff and ended_at is null;
  delete from access_passkey where staff = request.staff;
  delete from access_password where staff = request.staff;
  delete from access_totp where staff = request.staff;
  delete from access_password_tries where staff = request.staff;
  delete from access_device where staff = request.staff;
  return request.staff;
end $$;

revoke execute on function access_note_recovery(text, uuid, uuid, uuid, jsonb) from public;
revoke execute on function access_knows(uuid) from public;
revoke execute on function access_recovery_is_open(access_recovery) from public;
revoke execute on function access_recovery_is_approved(uuid) from public;
