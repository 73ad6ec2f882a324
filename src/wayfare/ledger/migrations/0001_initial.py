"""The ledger's tables; their functions, triggers and grants are in `sql/`."""

from uuid import UUID

from django.db import migrations, models

NIL, MAX = UUID(int=0), UUID(int=2**128 - 1)
LENGTHS = """
alter table ledger_entry add constraint ledger_entry_position check (position > 0);
alter table ledger_entry add constraint ledger_entry_digest check (length(digest) = 32);
"""
OWN = """
create table ledger_own (alone boolean primary key default true check (alone),
  source text not null check (source ~ '^wayfare-[0-9a-f]{8}$'));
insert into ledger_own (source) select 'wayfare-' || left(gen_random_uuid()::text, 8);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="LedgerTally",
            fields=[
                ("kind", models.TextField(primary_key=True, serialize=False)),
                ("entries", models.BigIntegerField()),
            ],
            options={
                "db_table": "ledger_tally",
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.UUIDField(unique=True)),
                ("kind", models.TextField()),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("source", models.TextField()),
                ("subject", models.UUIDField()),
                ("object", models.UUIDField(null=True)),
                ("body", models.TextField()),
                ("digest", models.BinaryField()),
            ],
            options={
                "db_table": "ledger_entry",
                "indexes": [
                    models.Index(fields=["subject"], name="ledger_entry_subject"),
                    models.Index(
                        condition=models.Q(("object__isnull", False)), fields=["object"], name="ledger_entry_object"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("entry_id__gt", NIL), ("entry_id__lt", MAX)),
                            models.Q(("subject__gt", NIL), ("subject__lt", MAX)),
                            models.Q(
                                ("object__isnull", True),
                                models.Q(("object__gt", NIL), ("object__lt", MAX)),
                                _connector="OR",
                            ),
                        ),
                        name="ledger_entry_ids",
                    )
                ],
            },
        ),
        migrations.RunSQL(LENGTHS),
        migrations.RunSQL(OWN),
    )
