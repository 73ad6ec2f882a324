"""The logs' tables; their functions, triggers and grants are in `sql/`."""

from django.db import migrations, models

LENGTHS = """
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
        migrations.RunSQL(LENGTHS),
    )
