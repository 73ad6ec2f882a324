from django.db import migrations

# Searches over many people, in two steps. First at most `most` people of each token are looked at, and the `best` by
# what they have been found by are kept; then those alone are looked for under the tokens that more people have. So a
# common name costs no more than a rare one, and who is found by a rare word is found by a common one beside it too.
# Who searches as much as may be is told to the data-protection officer, once an hour: at the last search that is
# allowed, because what a refusal writes is undone with it.
SEARCH = """
drop function people_search(int[], bytea[], text, int);
create function people_search(epochs int[], asked bytea[], of_token int[], of_word int[], worth real[],
  wanted_case text, most int, best int)
returns table (person uuid, matched bigint[], common boolean) language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  limits people_limits;
  in_a_minute int;
  in_a_day int;
  rows_found int;
begin
  if actor is null or not access_has_role('counsellor', 'supervisor', 'travel_officer', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  if cardinality(asked) > 40000 or cardinality(worth) > 80000 or most not between 1 and 2000
      or best not between 1 and 1000 then
    perform access_refuse('too_much_asked');
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
  return query
  with query as materialized (select * from unnest(epochs, asked) with ordinality as u(e, t, n)),
  hit as materialized (select q.n, h.person from query q cross join lateral (
    select k.person from people_token k where k.epoch = q.e and k.kind = 'search' and k.office = mine and k.token = q.t
    limit most) h),
  many as materialized (select q.* from query q
    where q.n in (select s.n from hit s group by s.n having count(*) = most)),
  value as materialized (select * from unnest(of_token, of_word, worth) as u(n, word, worth)),
  by_word as (select s.person, v.word, max(v.worth) as worth from hit s join value v on v.n = s.n
    group by s.person, v.word),
  candidate as materialized (select b.person from by_word b group by b.person order by sum(b.worth) desc, b.person
    limit best),
  of_many as (select m.n, k.person from many m cross join lateral (
    select k.person from people_token k where k.epoch = m.e and k.kind = 'search' and k.office = mine
      and k.token = m.t and k.person = any (array(select c.person from candidate c))) k),
  every as (select s.n, s.person from hit s join candidate c on c.person = s.person
    union select o.n, o.person from of_many o)
  select v.person, array_agg(v.n), exists (select from many) from every v group by v.person
  union all select p.id, array[0::bigint], false from people_person p
    where p.case_number = wanted_case and p.office = mine;
  get diagnostics rows_found = row_count;
  insert into people_search_log (at, staff, office, asked, found, tx)
    values (clock_timestamp(), actor, mine, cardinality(asked), rows_found, pg_current_xact_id());
end $$;
alter table access_notice drop constraint access_notice_about_check;
alter table access_notice add constraint access_notice_about_check
  check (about in ('many_files', 'break_glass', 'roles', 'many_searches'));
"""


class Migration(migrations.Migration):
    dependencies = (("people", "0002_speed"), ("access", "0004_recorded"))
    operations = (migrations.RunSQL(SEARCH),)
