-- Separation of duties: whose approval of somebody else's request counts. Every function that takes a second person's
-- approval asks here (docs/design/duties.md).
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- Who invited a colleague; null if a command on the machine did.
create function access_invited_by(colleague uuid) returns uuid language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select invited_by from access_invitation where staff = colleague
$$;

-- Whether an account was recovered a short time ago: whoever recovered it may be somebody else.
create function access_recovered_lately(colleague uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_recovery r cross join access_limits l
    where r.staff = colleague and r.used_at > clock_timestamp() - make_interval(days => l.settled_days))
$$;

-- Why an approval by this account does not count; null if it counts. `needed`: one of these roles, null for any role.
-- `others`: everybody else with a part in the request: who asks, whom it is about, who has approved it.
-- What a command on the machine made or gave is the owner's word, and counts at once.
create function access_approval_obstacle(approver uuid, needed text[], others uuid[]) returns text language plpgsql
stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  theirs access_staff;
  inviter uuid := access_invited_by(approver);
  parties uuid[] := array_remove(others, null);
  settled timestamptz := clock_timestamp() - (select make_interval(days => settled_days) from access_limits);
begin
  select * into theirs from access_staff where id = approver;
  if theirs.id is null or theirs.left_at is not null then return 'has_left'; end if;
  if approver = any (parties) then return 'own_request'; end if;
  if not exists (select from access_role where staff = approver and (needed is null or role = any (needed)))
    then return 'no_role'; end if;
  if inviter is not null and theirs.joined_at > settled then return 'account_too_new'; end if;
  if not exists (select from access_role where staff = approver and (needed is null or role = any (needed))
      and (confirmed_by is null or since <= settled)) then return 'role_too_new'; end if;
  if access_recovered_lately(approver) then return 'recovered_lately'; end if;
  if exists (select from unnest(parties) one where inviter = one or access_invited_by(one) = approver)
    then return 'not_independent'; end if;
  return null;
end $$;

create function access_may_approve(approver uuid, needed text[], others uuid[]) returns boolean language sql stable
security definer set search_path = pg_catalog, public, pg_temp as $$
  select access_approval_obstacle(approver, needed, others) is null
$$;

-- For the functions that write an approval: refuses by the obstacle, unless the actor's approval counts.
create function access_check_approval(needed text[], others uuid[]) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  obstacle text := access_approval_obstacle(access_actor(), needed, others);
begin
  if obstacle is not null then perform access_refuse(obstacle); end if;
end $$;

revoke execute on function access_invited_by(uuid) from public;
revoke execute on function access_recovered_lately(uuid) from public;
revoke execute on function access_approval_obstacle(uuid, text[], uuid[]) from public;
revoke execute on function access_may_approve(uuid, text[], uuid[]) from public;
revoke execute on function access_check_approval(text[], uuid[]) from public;
