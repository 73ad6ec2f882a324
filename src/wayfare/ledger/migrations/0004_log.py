from django.db import migrations, models

# What a log holds only grows. What begins otherwise than it did is refused to everyone, the owner too.
ONLY_GROWS = """
create function log_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'log_only_grows: % on % is refused; what a log has published stays', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;
create trigger log_head_only_grows before update on log_head for each row
  when (new.log <> old.log or new.size <= old.size) execute function log_only_grows();
create trigger log_tile_only_grows before update on log_tile for each row
  when ((new.log, new.level, new.number) <> (old.log, old.level, old.number)
    or substring(new.hashes from 1 for length(old.hashes)) <> old.hashes) execute function log_only_grows();
create trigger log_bundle_only_grows before update on log_bundle for each row
  when ((new.log, new.number) <> (old.log, old.number)
    or substring(new.commitments from 1 for length(old.commitments)) <> old.commitments
    or substring(new.nonces from 1 for length(old.nonces)) <> old.nonces) execute function log_only_grows();
create trigger log_checkpoint_only_grows before update on log_checkpoint for each row execute function log_only_grows();
create trigger log_key_only_grows before update on log_key for each row
  when ((new.verifier, new.log, new.since) <> (old.verifier, old.log, old.since) or old.retired is not null)
  execute function log_only_grows();
do $$
declare name text;
begin
  foreach name in array array['head', 'tile', 'bundle', 'checkpoint', 'key'] loop
    execute format('create trigger log_%1$s_stays before delete on log_%1$s'
      ' for each row execute function log_only_grows()', name);
    execute format('create trigger log_%1$s_is_not_emptied before truncate on log_%1$s'
      ' for each statement execute function log_only_grows()', name);
    if exists (select from pg_roles where rolname = 'wayfare_app') then
      execute format('revoke all on log_%s from wayfare_app', name);
      execute format('grant select, insert, update on log_%s to wayfare_app', name);
    end if;
    if exists (select from pg_roles where rolname = 'wayfare_reader') and name <> 'bundle' then
      execute format('grant select on log_%s to wayfare_reader', name);
    end if;
  end loop;
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant select, insert, update on log_cosignature to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on log_cosignature to wayfare_reader;
    grant select (log, number, commitments) on log_bundle to wayfare_reader;
  end if;
end $$;
alter table log_tile alter column hashes set storage external;
alter table log_bundle alter column commitments set storage external, alter column nonces set storage external;
alter table log_bundle add constraint log_bundle_lengths
  check (length(commitments) = length(nonces) and length(commitments) between 32 and 8192 and length(nonces) % 32 = 0);
alter table log_tile add constraint log_tile_length check (length(hashes) between 32 and 8192 and length(hashes) % 32 = 0);
alter table log_head add constraint log_head_root check (length(root) = 32 and size >= 0);
"""


class Migration(migrations.Migration):
    dependencies = (("ledger", "0003_one_look"),)
    operations = (
        migrations.CreateModel(
            name="LogHead",
            fields=[
                ("log", models.TextField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField()),
            ],
            options={"db_table": "log_head"},
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
            options={"db_table": "log_tile"},
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
            options={"db_table": "log_bundle"},
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
            options={"db_table": "log_checkpoint"},
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
            options={"db_table": "log_cosignature"},
        ),
        migrations.CreateModel(
            name="LogKey",
            fields=[
                ("verifier", models.TextField(primary_key=True, serialize=False)),
                ("log", models.TextField()),
                ("since", models.DateTimeField()),
                ("retired", models.DateTimeField(null=True)),
            ],
            options={"db_table": "log_key"},
        ),
        migrations.RunSQL(ONLY_GROWS, "drop function log_only_grows() cascade"),
    )
