-- What is counted is counted with the version of the time zones on record. A connection says with which one it counts
-- (`wayfare.departures.zones.tell`); one that says another, or nothing, counts no departure.
create function departures_zones_agree() returns trigger language plpgsql as $$
declare
  used text := (select to_version from departures_zones order by id desc limit 1);
  mine text := nullif(current_setting('wayfare.zones', true), '');
begin
  if mine is distinct from used then
    raise exception 'the figures stand under time zones %, this process counts with %; run wayfare ledger zones',
      coalesce(used, '(none on record)'), coalesce(mine, '(none)') using errcode = 'object_not_in_prerequisite_state';
  end if;
  return null;
end $$;
create trigger departures_counted_zones before insert on departures_counted
  for each statement execute function departures_zones_agree();

create function departures_zones_stay() returns trigger language plpgsql as $$
begin
  raise exception 'departures_zones_stay: % on % is refused; what was taken into use stays on record', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;
create trigger departures_zones_stay before update or delete or truncate on departures_zones
  for each statement execute function departures_zones_stay();
create trigger departures_zonecell_stay before update or delete or truncate on departures_zonecell
  for each statement execute function departures_zones_stay();
