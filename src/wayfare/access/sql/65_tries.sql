-- Tries at signing in: how often one may try, when the password of an account is blocked, which devices are known.
-- All of it needs the sign-in key, and holds for every web process together.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- At most `burst` tries at once and one more every so many seconds (the generic cell rate algorithm): takes one try and
-- returns 0, or takes none and returns the seconds to wait.
create function access_take_try(wanted text, its_key bytea, every_seconds int, burst int) returns int language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  moment timestamptz := clock_timestamp();
  step interval := make_interval(secs => every_seconds);
  next timestamptz;
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  insert into access_pace values (wanted, its_key, moment) on conflict do nothing;
  select greatest(due, moment) + step into next from access_pace where what = wanted and key = its_key for update;
  if next - moment > step * (burst + 0.5) then return ceil(extract(epoch from next - moment - step * burst)); end if;
  update access_pace set due = next where what = wanted and key = its_key;
  if random() < 0.01 then
    delete from access_pace where ctid = any (array(select ctid from access_pace where due < moment - interval '1 hour'
      limit 1000 for update skip locked));
  end if;
  return 0;
end $$;

-- Counts a try with the password before it is looked at; false if this way is blocked. A device on which the owner signed in
-- before has a count of its own, so that strangers do not block it.
create function access_try_password(colleague uuid, device bytea) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  most int := (select password_failures from access_limits);
  count int;
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  update access_device set failures = failures + 1 where hash = device and staff = colleague and failures < most;
  if found then return true; end if;
  insert into access_password_tries as t (staff, failures) values (colleague, 1)
    on conflict (staff) do update set failures = t.failures + 1 where t.blocked_at is null returning failures into count;
  if count is null then return false; end if;
  if count <= most then return true; end if;
  update access_password_tries set blocked_at = clock_timestamp() where staff = colleague;
  perform access_write('password_blocked', null, null, '{}', null, jsonb_build_object('about', colleague));
  perform access_tell_officers('password_blocked', colleague);
  return false;
end $$;

-- The try was right. What strangers tried before stays counted: the owner's own sign-in gives them no more tries.
create function access_password_was_right(colleague uuid, device bytea) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  update access_device set failures = 0 where hash = device and staff = colleague;
  if not found then update access_password_tries set failures = failures - 1 where staff = colleague; end if;
end $$;

-- By the owner, who signed in another way, by an administrator, or by a command on the machine.
create function access_unblock_password(colleague uuid) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
begin
  if actor is null and not access_door_open()
      or actor is not null and actor <> colleague and not access_has_role('administrator') then
    perform access_refuse('not_yours');
  end if;
  delete from access_password_tries where staff = colleague and blocked_at is not null;
  if not found then return false; end if;
  perform access_write('password_unblocked', actor, null, '{}', null, jsonb_build_object('about', colleague));
  return true;
end $$;

-- A device is known by a secret that is new at each sign-in, so that a stolen one is worth little. Ten for each account.
create function access_remember_device(its_hash bytea, colleague uuid, earlier bytea[], at timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  delete from access_device where staff = colleague and (hash = any (earlier) or made_at < at - interval '1 year'
    or hash in (select hash from access_device where staff = colleague order by made_at desc offset 9));
  insert into access_device values (its_hash, colleague, at, 0);
end $$;

create function access_forget_devices(colleague uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  delete from access_device where staff = colleague;
end $$;
