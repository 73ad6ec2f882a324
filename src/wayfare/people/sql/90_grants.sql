-- What each role may do with each table, whatever the policies then leave of it.
do $$
declare name text;
begin
  for name in select relation.oid::regclass::text from pg_class relation
      where relation.relname like 'people\_%' and relation.relkind = 'r' and relation.relnamespace = 'public'::regnamespace
  loop
    execute format('revoke all on %s from wayfare_app, wayfare_reader', name);
  end loop;
  grant select on people_epoch, people_index, people_person, people_key, people_sealed, people_search_log, people_limits to wayfare_app;
  grant update (version, epoch_made, sealed) on people_sealed to wayfare_app;
end $$;
