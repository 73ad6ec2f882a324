-- The search index: rows are written by those who enrol or correct, and no two rows are alike (people/index.py).
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function people_lock_index(office text) returns void language sql
set search_path = pg_catalog, public, pg_temp as $$
  select pg_advisory_xact_lock(1347374931, hashtext(office))
$$;

create function people_to_write(in_epoch int, wanted uuid) returns text language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  theirs text := access_own_office();
begin
  if wanted is null then
    if not access_has_role('counsellor', 'supervisor') then perform access_refuse('not_yours'); end if;
  else
    if not access_opened(wanted, 'names') or not access_opened(wanted, 'birth') then
      perform access_refuse('not_opened');
    end if;
    select office into theirs from people_person where id = wanted and erased_at is null;
  end if;
  perform people_lock_index(theirs);
  perform people_use_epoch(in_epoch);
  return theirs;
end $$;

create function people_there(tokens uuid[]) returns setof bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_has_role('counsellor', 'supervisor') and people_open() is null then
    perform access_refuse('not_yours');
  end if;
  return query select u.n from unnest(tokens) with ordinality u (one, n)
    cross join lateral (select from people_token k where k.token = u.one limit 1) k;
end $$;

revoke execute on function people_lock_index(text) from public;
