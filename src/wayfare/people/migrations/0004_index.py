from typing import Any
from uuid import UUID

from django.db import migrations

# No two rows are alike (people/index.py): a token is of a text and a slot, a row without a person is a level's sign.
TABLE = """
alter table people_token rename to people_token_before;
drop index people_token_person;
create table people_token (token uuid not null, epoch int not null, office text not null, person uuid,
  constraint people_token_once primary key (token) include (office, person));
create index people_token_person on people_token (person) where person is not null;
alter table people_token enable row level security;
"""

FUNCTIONS = """
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

drop function people_enrol(timestamptz, int, uuid[], text[], uuid[], bytea[], bytea[], uuid[], text[], bytea[], uuid[],
  bytea[]);
create function people_enrol(at timestamptz, key_epoch int, persons uuid[], case_numbers text[], families uuid[],
  wrapped bytea[], marks bytea[], sealed_of uuid[], groups text[], sealed bytea[], tokens_of uuid[], tokens uuid[],
  signs uuid[])
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
  insert into people_token select t, key_epoch, mine, p
    from (select * from unnest(tokens_of, tokens) as u(p, t) union all select null, unnest(signs)) as every
    order by t;  -- as they lie in their index; and in no order that tells what a person's are
end $$;

drop function people_name_again(uuid, int, bytea, bytea[]);
create function people_name_again(wanted uuid, in_epoch int, mark bytea, tokens uuid[], signs uuid[]) returns void
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
  delete from people_token where person = wanted;
  insert into people_token select t, in_epoch, theirs, p
    from (select wanted as p, unnest(tokens) as t union all select null, unnest(signs)) as every order by t;
end $$;

-- A search begins here, once: what it asks for and whom it may show hang on the line that is written.
drop function people_search(int[], bytea[], int[], int[], real[], text, int, int);
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
  insert into people_search_log (at, staff, office, asked, found, tx)
    values (clock_timestamp(), actor, mine, 0, 0, pg_current_xact_id());
  return (select id from people_person where case_number = wanted_case and office = mine);
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

create function people_searching() returns bigint language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  search bigint;
begin
  select max(l.id) into search from people_search_log l
    where l.tx = pg_current_xact_id_if_assigned() and l.staff = access_actor() and l.shown = '{}';
  if search is null then perform access_refuse('not_yours'); end if;
  return search;
end $$;

create or replace function people_shown(wanted uuid[])
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

do $$
declare name text;
begin
  revoke execute on function people_lock_index(text) from public;
  foreach name in array array['wayfare_app', 'wayfare_reader'] loop
    if exists (select from pg_roles where rolname = name) then
      execute format('revoke all on people_token from %I', name);
    end if;
  end loop;
end $$;
"""


def place(apps: Any, schema_editor: Any) -> None:
    """Give everybody who was found by the tokens of before rows of the new kind: by the keys, and no name is opened."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import ECB

    from wayfare.people.index import BLOCK_BYTES, TOKEN_BYTES, Slots, padded
    from wayfare.people.installed import keyed, master_keys

    with schema_editor.connection.cursor() as cursor:
        cursor.execute("select distinct epoch, office from people_token_before")
        for epoch, office in cursor.fetchall():
            cursor.execute(
                "select person, string_agg(token, '') from people_token_before where epoch = %s and office = %s"
                " group by person",
                [epoch, office],
            )
            before = cursor.fetchall()
            open_ = Cipher(AES(master_keys().token_key(epoch, "search")), ECB()).decryptor()  # noqa: S305 - as it was
            many = [
                [whole[at : at + BLOCK_BYTES] for at in range(0, len(whole), TOKEN_BYTES)]
                for whole in (open_.update(bytes(tokens)) for _, tokens in before)
            ]
            tokens, signs = Slots(keyed(epoch, office), lambda _: ()).rows(many)
            people = [person for person, _ in before]
            rows = [(one, who) for who, some in zip(people, tokens, strict=True) for one in padded(some)]
            cursor.executemany(
                "insert into people_token values (%s, %s, %s, %s)",
                [(UUID(bytes=one), epoch, office, who) for one, who in rows + [(one, None) for one in signs]],
            )


class Migration(migrations.Migration):
    dependencies = (("people", "0003_search"),)
    operations = (
        migrations.RunSQL(TABLE),
        migrations.RunSQL(FUNCTIONS),
        migrations.RunPython(place),
        migrations.RunSQL("drop table people_token_before"),
    )
