from django.db import migrations, models

APPEND_ONLY = """
create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'ledger_is_append_only: % on % is refused; the ledger keeps what happened for ever', tg_op, tg_table_name
    using errcode = 'insufficient_privilege', hint = 'Append an entry that corrects, retracts or withdraws.';
end $$;
create trigger ledger_entry_append_only before update or delete on ledger_entry
  for each row execute function ledger_is_append_only();
create trigger ledger_entry_no_truncate before truncate on ledger_entry
  for each statement execute function ledger_is_append_only();
alter table ledger_entry add constraint ledger_entry_position check (position > 0);
alter table ledger_entry add constraint ledger_entry_digest check (length(digest) = 32);
do $$ begin
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    revoke all on ledger_entry from wayfare_app;
    grant select, insert on ledger_entry to wayfare_app;
    grant select, insert, update on ledger_tally to wayfare_app;
  end if;
  if exists (select from pg_roles where rolname = 'wayfare_reader') then
    grant select on ledger_entry, ledger_tally to wayfare_reader;
  end if;
end $$;
"""

UNDO = "drop trigger ledger_entry_append_only on ledger_entry; drop trigger ledger_entry_no_truncate on ledger_entry; drop function ledger_is_append_only()"


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (
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
                        condition=models.Q(("object__isnull", False)),
                        fields=["object"],
                        name="ledger_entry_object",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerTally",
            fields=[
                ("kind", models.TextField(primary_key=True, serialize=False)),
                ("entries", models.BigIntegerField()),
            ],
            options={"db_table": "ledger_tally"},
        ),
        migrations.RunSQL(APPEND_ONLY, UNDO),
    )
