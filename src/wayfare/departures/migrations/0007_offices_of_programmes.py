import django.db.models.deletion
from django.db import migrations, models

GRANT = """
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select, insert, update, delete on departures_programme_office to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on departures_programme_office to wayfare_reader;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("departures", "0006_zones"),)
    operations = (
        migrations.CreateModel(
            "ProgrammeOffice",
            [
                (
                    "programme",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="departures.programmerow",
                    ),
                ),
                ("office", models.TextField()),
            ],
            {"db_table": "departures_programme_office"},
        ),
        migrations.RunSQL(GRANT, migrations.RunSQL.noop),
    )
