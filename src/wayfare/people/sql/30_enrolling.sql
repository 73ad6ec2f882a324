-- Making a file, and giving it other names.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

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
