-- Erasing a person: keys, sealed groups, index rows, team, tasks. The second colleague's yes does it, at once.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function people_erase(request uuid, read_until bigint) returns uuid language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  wanted uuid := access_decide_erasure(request, 'erased', '', read_until);
  moment timestamptz := now();
begin
  update access_erasure set key_epoch = (select epoch from people_key where person = wanted) where id = request;
  update people_person set erased_at = moment, case_number = null, family = null where id = wanted and erased_at is null;
  if not found then perform access_refuse('not_yours'); end if;
  delete from people_key where person = wanted;
  delete from people_sealed where person = wanted;
  delete from people_mark where person = wanted;
  delete from people_token where person = wanted;
  delete from access_team where person = wanted;
  update access_task set closed_at = moment where person = wanted and closed_at is null;
  update access_file set erased_at = moment where person = wanted;
  update people_search_log set shown = array_remove(shown, wanted) where wanted = any (shown);
  return wanted;
end $$;

-- For the command that asks for an erasure: a person by their case number, with the door's key and nobody's session.
create function people_numbered(number text) returns uuid language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if access_actor() is not null or not access_door_open() then perform access_refuse('no_door'); end if;
  return (select id from people_person where case_number = number);
end $$;
