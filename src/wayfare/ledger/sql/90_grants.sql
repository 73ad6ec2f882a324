-- What each role may do with each table.
do $$
declare name text;
begin
  for name in select relation.oid::regclass::text from pg_class relation
      where relation.relname like any (array['ledger\_%', 'log\_%']) and relation.relkind = 'r'
      and relation.relnamespace = 'public'::regnamespace
  loop
    execute format('revoke all on %s from wayfare_app, wayfare_reader', name);
  end loop;
  grant select, insert on ledger_entry to wayfare_app;
  grant select, insert, update on ledger_tally, log_head, log_tile, log_bundle, log_checkpoint, log_cosignature, log_key
    to wayfare_app;
  grant select on ledger_entry, ledger_tally, log_head, log_tile, log_checkpoint, log_cosignature, log_key
    to wayfare_reader;
  grant select (log, number, commitments) on log_bundle to wayfare_reader;  -- not the nonces
end $$;
