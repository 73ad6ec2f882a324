from django.db import migrations

GRANT = """
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select, insert on departures_programme to wayfare_app;
    grant usage on sequence departures_programme_id_seq to wayfare_app;
    grant select, insert, update, delete on departures_counted, departures_monthcell, departures_daycell,
      departures_finding to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on departures_programme, departures_counted, departures_monthcell, departures_daycell,
      departures_finding to wayfare_reader;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("departures", "0001_initial"),)
    operations = (migrations.RunSQL(GRANT, migrations.RunSQL.noop),)
