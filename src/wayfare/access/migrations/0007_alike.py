from django.db import migrations

# As before; but what the colleague may is found out whether or not there is such a file: else the time would tell.
SHOWN = """
create or replace function access_shown(wanted uuid)
returns table (body text, who text, roles text[], second text, open_until timestamptz, held_until timestamptz,
  held_basis text, words jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  mine text := access_own_office();
  officer boolean := access_has_role('data_protection_officer');
  supervisor boolean := access_has_role('supervisor');
  works boolean := exists (select from access_task t join access_purpose p on p.code = t.purpose
    where t.person = wanted and t.staff = actor and t.closed_at is null and t.ends_at > now()
      and (p.needs <> 'approval' or t.approved_by is not null) and access_scope_holds(actor, t.purpose, wanted));
  theirs text := (select f.office from access_file f where f.person = wanted);
begin
  if theirs is null or not coalesce(officer or works or supervisor and theirs = mine, false) then
    perform access_refuse('not_yours');
  end if;
  return query select * from access_looks_of(wanted);
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0006_generator_set_at"),)
    operations = (migrations.RunSQL(SHOWN),)
