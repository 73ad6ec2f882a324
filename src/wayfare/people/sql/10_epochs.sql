-- Epochs of the master key: which there are, and which may be written under.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- Notes what the first keys are known again by, once. Each later epoch is begun by the owner (`wayfare people rotate`).
create function people_note_keys(its_mark bytea, index_mark bytea) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  insert into people_epoch select 1, its_mark, clock_timestamp() where not exists (select from people_epoch)
    on conflict do nothing;
  insert into people_index (mark) values (index_mark) on conflict do nothing;
end $$;

-- An epoch in use is locked to the commit, so that it cannot be closed beneath what is being written in it.
create function people_use_epoch(wanted int) returns void language plpgsql as $$
begin
  perform from people_epoch where epoch = wanted and closed_at is null for share;
  if not found then perform access_refuse('epoch_closed'); end if;
end $$;

revoke execute on function people_use_epoch(int) from public;
