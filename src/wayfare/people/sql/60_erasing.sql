-- Erasing a person: keys, sealed groups, index rows, team, tasks.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function people_erase(wanted uuid, at timestamptz) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not exists (select from people_person p where p.id = wanted and (access_has_role('data_protection_officer')
      or access_has_role('supervisor') and p.office = access_own_office())) then
    perform access_refuse('not_yours');
  end if;
  update people_person set erased_at = at, case_number = null, family = null where id = wanted and erased_at is null;
  if not found then return false; end if;
  delete from people_key where person = wanted;
  delete from people_sealed where person = wanted;
  delete from people_mark where person = wanted;
  delete from people_token where person = wanted;
  delete from access_team where person = wanted;
  update access_task set closed_at = at where person = wanted and closed_at is null;
  update access_file set erased_at = at where person = wanted;
  update people_search_log set shown = array_remove(shown, wanted) where wanted = any (shown);
  return true;
end $$;
