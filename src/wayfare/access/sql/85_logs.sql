-- What a log publishes is written by the owner, or by a process that has the door's key: with the application's password
-- alone nobody puts keys or checkpoints of their own in the place of true ones, which could never be taken out again.
create function access_guards_log() returns trigger language plpgsql as $$
begin
  if not access_door_open()
      and not pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'member') then
    perform access_refuse('no_door');
  end if;
  return null;
end $$;
do $$
declare name text;
begin
  foreach name in array array['head', 'tile', 'bundle', 'checkpoint', 'cosignature', 'key'] loop
    execute format('create trigger access_guards_%1$s before insert or update on log_%1$s'
      ' for each statement execute function access_guards_log()', name);
  end loop;
end $$;
