-- What each role may do with each table.
do $$
declare name text;
begin
  for name in select relation.oid::regclass::text from pg_class relation
      where relation.relname like 'departures\_%' and relation.relkind in ('r', 'S')
      and relation.relnamespace = 'public'::regnamespace
  loop
    execute format('revoke all on %s from wayfare_app, wayfare_reader', name);
  end loop;
  grant select, insert on departures_programme, departures_zones, departures_zonecell to wayfare_app;
  grant usage on sequence departures_programme_id_seq, departures_zones_id_seq to wayfare_app;
  grant select, insert, update, delete on departures_programme_office, departures_counted, departures_monthcell,
    departures_daycell, departures_finding to wayfare_app;
  grant select on departures_programme, departures_programme_office, departures_counted, departures_monthcell,
    departures_daycell, departures_finding, departures_zones, departures_zonecell to wayfare_reader;
end $$;
