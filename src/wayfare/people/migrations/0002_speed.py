from django.db import migrations

# As whoever asks: the policies of both tables decide what of the file is read, as for every other statement.
OPENING = """
create function people_opened(task uuid, wanted text[], how text) returns table (place bigint, whose uuid, key_epoch int,
  wrapped bytea, grp text, version int, epoch_made int, sealed bytea) language plpgsql as $$
#variable_conflict use_column
declare
  look record;
begin
  select l.place, l.whose into look from access_look(task, wanted, how) l;
  return query select look.place, look.whose, k.epoch, k.wrapped, s.grp, s.version, s.epoch_made, s.sealed
    from people_key k join people_sealed s using (person) where k.person = look.whose and s.grp = any (wanted);
end $$;
"""

# As before; but tokens come in the order of their index, in which neighbours are written together.
ENROLLING = """
create or replace function people_enrol(at timestamptz, key_epoch int, persons uuid[], case_numbers text[], families uuid[],
  wrapped bytea[], marks bytea[], sealed_of uuid[], groups text[], sealed bytea[], tokens_of uuid[], tokens bytea[])
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
  insert into people_token select key_epoch, 'search', mine, t, p from unnest(tokens_of, tokens) as u(p, t)
    order by t;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("people", "0001_initial"),)
    operations = (migrations.RunSQL(OPENING), migrations.RunSQL(ENROLLING))
