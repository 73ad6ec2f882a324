-- A search is three transactions. The first writes its line (people_search); only once that line is committed does the
-- second give what is asked for and write down whom the search will show (people_show); only once that is committed does
-- the third give their initials (people_shown). So nothing is shown that could be undone with its record.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- Takes a number that is not undone with the transaction, and writes it to the server's journal: who rolls back leaves a gap.
create function people_number(act text, search bigint, actor uuid) returns bigint language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
declare
  number bigint := nextval('people_try');
begin
  raise log 'wayfare search % of % % (number %)', search, actor, act, number;
  return number;
end $$;

-- Counts the calls of a search, also those that are undone: sequences are the only counter that a rollback leaves alone.
-- Some searches share one, which is no harm: each is given a few calls from where it begins.
create function people_call(search bigint) returns bigint language sql set search_path = pg_catalog, public, pg_temp as $$
  select nextval(('people_call_' || search % 64)::regclass)
$$;

create function people_search() returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  limits people_limits;
  in_a_minute int;
  in_a_day int;
  search bigint;
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
    perform access_tell_officers('many_searches', actor);
  end if;
  search := nextval(pg_get_serial_sequence('people_search_log', 'id'));
  insert into people_search_log (id, at, staff, office, asked, found, tx, numbers, calls)
    overriding system value values (search, clock_timestamp(), actor, mine, 0, 0, pg_current_xact_id(),
    array[people_number('begins', search, actor)], people_call(search));
  return search;
end $$;

-- The line of a search that may still be asked for something; refuses unless another transaction committed it just now.
create function people_searching(search bigint) returns people_search_log language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  line people_search_log;
begin
  select * into line from people_search_log l where l.id = search and l.staff = access_actor() for update;
  if line.id is null or line.tx is not distinct from pg_current_xact_id_if_assigned() or line.shown_tx is not null
      or line.at not between clock_timestamp() - interval '30 seconds' and clock_timestamp() then
    perform access_refuse('not_yours');
  end if;
  if people_call(search) > line.calls + 16 then perform access_refuse('too_much_asked'); end if;
  if cardinality(line.numbers) = 1 then
    update people_search_log l set numbers = l.numbers || people_number('asks', search, line.staff) where l.id = search;
  end if;
  return line;
end $$;

create function people_numbered(search bigint, wanted_case text) returns uuid language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  perform people_searching(search);
  return (select id from people_person where case_number = wanted_case and office = access_own_office());
end $$;

create function people_found(search bigint, tokens uuid[]) returns table (n bigint, person uuid) language plpgsql
security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  mine text := access_own_office();
  in_all int;
begin
  perform people_searching(search);
  update people_search_log l set asked = l.asked + cardinality(tokens) where l.id = search returning l.asked into in_all;
  if in_all > 200000 then perform access_refuse('too_much_asked'); end if;
  return query select u.n, k.person from unnest(tokens) with ordinality u (one, n)
    cross join lateral (select k.office, k.person from people_token k where k.token = u.one limit 1) k
    where k.office = mine;
end $$;

-- All that finds some people of the office, once a search: whoever asks with the key sees which of it they asked for.
create function people_found_by(search bigint, persons uuid[]) returns table (person uuid, epoch int, tokens bytea)
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  mine text := access_own_office();
begin
  perform people_searching(search);
  update people_search_log l set found = cardinality(persons) where l.id = search and l.found = 0;
  if not found or cardinality(persons) > 300 then perform access_refuse('too_much_asked'); end if;
  return query select k.person, k.epoch, string_agg(uuid_send(k.token), '') from people_token k
    where k.person = any (persons) and k.office = mine group by k.person, k.epoch;
end $$;

-- Writes down whom a search will show; from then on it is asked for nothing more.
create function people_show(search bigint, wanted uuid[]) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  line people_search_log := people_searching(search);
begin
  if cardinality(wanted) > 50 then perform access_refuse('not_yours'); end if;
  update people_search_log l set found = greatest(l.found, cardinality(wanted)), shown_tx = pg_current_xact_id(),
    shown = array(select p.id from people_person p where p.id = any (wanted) and p.office = line.office),
    numbers = l.numbers || people_number('shows ' || cardinality(wanted), search, line.staff) where l.id = search;
end $$;

create function people_shown(search bigint) returns table (person uuid, case_number text, epoch int, mark bytea)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  line people_search_log;
begin
  select * into line from people_search_log l where l.id = search and l.staff = access_actor();
  if line.shown_tx is null or line.shown_tx is not distinct from pg_current_xact_id_if_assigned()
      or line.at not between clock_timestamp() - interval '1 minute' and clock_timestamp() then
    perform access_refuse('not_yours');
  end if;
  return query select p.id, p.case_number, m.epoch, m.sealed from people_person p join people_mark m on m.person = p.id
    where p.id = any (line.shown) and p.office = access_own_office() and p.erased_at is null;
end $$;

-- Numbers of some days, and those without a line: searches, or showings of initials, that were undone.
create function people_undone(days int, out numbers bigint, out undone bigint) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  since timestamptz := now() - make_interval(days => days);
  first bigint;
  last bigint;
begin
  if not access_has_role('administrator', 'auditor', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  select coalesce(max(one), 0) + 1 into first from (select l.numbers as taken from people_search_log l
    where l.at <= since order by l.id desc limit 100) before, unnest(taken) one;
  select case when is_called then last_value else 0 end into last from people_try;
  select count(*) into numbers from people_search_log l, unnest(l.numbers) one
    where l.at > since - interval '1 minute' and one >= first;
  undone := last - first + 1 - numbers;
end $$;

revoke execute on function people_number(text, bigint, uuid), people_call(bigint), people_searching(bigint) from public;
