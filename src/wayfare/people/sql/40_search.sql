-- A search begins once: what it asks for and whom it may show hang on the line that it writes.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function people_search(wanted_case text) returns uuid language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  limits people_limits;
  in_a_minute int;
  in_a_day int;
begin
  if actor is null or not access_has_role('counsellor', 'supervisor', 'travel_officer', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  perform pg_advisory_xact_lock(1347374930, hashtext(actor::text));
  select * into limits from people_limits;
  select count(*) filter (where l.at > clock_timestamp() - interval '1 minute'), count(*) into in_a_minute, in_a_day
    from people_search_log l where l.staff = actor and l.at > clock_timestamp() - interval '1 day';
  if in_a_minute >= limits.searches_a_minute or in_a_day >= limits.searches_a_day then
    perform access_refuse('too_many_searches');
  end if;
  if (in_a_minute + 1 >= limits.searches_a_minute or in_a_day + 1 >= limits.searches_a_day)
      and not exists (select from access_notice n where n.about = 'many_searches' and n.staff = actor
        and n.at > clock_timestamp() - interval '1 hour') then
    insert into access_notice (at, reader, about, staff)
      values (clock_timestamp(), 'data_protection_officer', 'many_searches', actor);
  end if;
  insert into people_search_log (at, staff, office, asked, found, tx, began, server)
    values (clock_timestamp(), actor, mine, 0, 0, pg_current_xact_id(), now(), pg_postmaster_start_time());
  return (select id from people_person where case_number = wanted_case and office = mine);
end $$;

create function people_searching() returns bigint language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  search bigint;
begin
  select max(l.id) into search from people_search_log l
    where access_is_now(l.tx, l.began, l.server) and l.staff = access_actor() and l.shown = '{}';
  if search is null then perform access_refuse('not_yours'); end if;
  return search;
end $$;

create function people_found(tokens uuid[]) returns table (n bigint, person uuid) language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  mine text := access_own_office();
  search bigint := people_searching();
  in_all int;
begin
  update people_search_log l set asked = l.asked + cardinality(tokens) where l.id = search returning l.asked into in_all;
  if in_all > 200000 then perform access_refuse('too_much_asked'); end if;
  return query select u.n, k.person from unnest(tokens) with ordinality u (one, n)
    cross join lateral (select k.office, k.person from people_token k where k.token = u.one limit 1) k
    where k.office = mine;
end $$;

-- All that finds some people of the office, once a search: whoever asks with the key sees which of it they asked for.
create function people_found_by(persons uuid[]) returns table (person uuid, epoch int, tokens bytea)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  mine text := access_own_office();
  search bigint := people_searching();
begin
  update people_search_log l set found = cardinality(persons) where l.id = search and l.found = 0;
  if not found or cardinality(persons) > 300 then perform access_refuse('too_much_asked'); end if;
  return query select k.person, k.epoch, string_agg(uuid_send(k.token), '') from people_token k
    where k.person = any (persons) and k.office = mine group by k.person, k.epoch;
end $$;

create function people_shown(wanted uuid[])
returns table (person uuid, case_number text, epoch int, mark bytea)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  search bigint := people_searching();
begin
  if cardinality(wanted) > 50 then perform access_refuse('not_yours'); end if;
  update people_search_log l set shown = wanted, found = greatest(l.found, cardinality(wanted)) where l.id = search;
  return query select p.id, p.case_number, m.epoch, m.sealed from people_person p join people_mark m on m.person = p.id
    where p.id = any (wanted) and p.office = access_own_office() and p.erased_at is null;
end $$;
