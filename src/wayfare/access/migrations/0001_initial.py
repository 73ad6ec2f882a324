from django.db import migrations, models

GRANT = """
alter table access_token add constraint access_token_hash check (length(secret_hash) = 32);
alter table access_token add constraint access_token_scopes check (scopes in ('read', 'write', 'read write'));
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    revoke all on access_token from wayfare_app;
    grant select, insert, update (revoked_at, last_used_at) on access_token to wayfare_app;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("secret_hash", models.BinaryField()),
                ("source", models.TextField()),
                ("scopes", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "access_token"},
        ),
        migrations.RunSQL(GRANT, migrations.RunSQL.noop),
    )
