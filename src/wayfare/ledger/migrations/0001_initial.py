"""The ledger's and the logs' tables; their functions, triggers and grants are in `sql/`."""

from uuid import UUID

from django.db import migrations, models

NIL, MAX = UUID(int=0), UUID(int=2**128 - 1)
LENGTHS = """
alter table ledger_entry add constraint ledger_entry_position check (position > 0);
alter table ledger_entry add constraint ledger_entry_digest check (length(digest) = 32);
alter table log_tile alter column hashes set storage external;
alter table log_bundle alter column commitments set storage external, alter column nonces set storage external;
alter table log_bundle add constraint log_bundle_lengths
  check (length(commitments) = length(nonces) and length(commitments) between 32 and 8192 and length(nonces) % 32 = 0);
alter table log_tile add constraint log_tile_length check (length(hashes) between 32 and 8192 and length(hashes) % 32 = 0);
alter table log_head add constraint log_head_root check (length(root) = 32 and size >= 0);
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
            name="LogBundle",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "log", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log", models.TextField()),
                ("number", models.BigIntegerField()),
                ("commitments", models.BinaryField()),
                ("nonces", models.BinaryField()),
            ],
            options={
                "db_table": "log_bundle",
            },
        ),
        migrations.CreateModel(
            name="LogCheckpoint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "log", "size", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log", models.TextField()),
                ("size", models.BigIntegerField()),
                ("note", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "log_checkpoint",
            },
        ),
        migrations.CreateModel(
            name="LogCosignature",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "log", "size", "witness", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log", models.TextField()),
                ("size", models.BigIntegerField()),
                ("witness", models.TextField()),
                ("line", models.TextField()),
            ],
            options={
                "db_table": "log_cosignature",
            },
        ),
        migrations.CreateModel(
            name="LogHead",
            fields=[
                ("log", models.TextField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField()),
            ],
            options={
                "db_table": "log_head",
            },
        ),
        migrations.CreateModel(
            name="LogKey",
            fields=[
                ("verifier", models.TextField(primary_key=True, serialize=False)),
                ("log", models.TextField()),
                ("since", models.DateTimeField()),
                ("retired", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "log_key",
            },
        ),
        migrations.CreateModel(
            name="LogTile",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "log", "level", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("log", models.TextField()),
                ("level", models.SmallIntegerField()),
                ("number", models.BigIntegerField()),
                ("hashes", models.BinaryField()),
            ],
            options={
                "db_table": "log_tile",
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
    )
