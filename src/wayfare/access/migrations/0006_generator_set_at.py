"""When a code generator was set, for its owner to be told; of those from before, when their password was."""

from django.db import migrations

COLUMN = """
alter table access_totp add column set_at timestamptz;
update access_totp t set set_at = p.set_at from access_password p where p.staff = t.staff;
update access_totp set set_at = now() where set_at is null;
alter table access_totp alter column set_at set default now(), alter column set_at set not null;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0005_pages"),)
    operations = (migrations.RunSQL(COLUMN),)
