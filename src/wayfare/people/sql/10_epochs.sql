-- Epochs of the master key: which there are, and which may be written under.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function people_note_epoch(wanted int, its_mark bytea) returns bytea language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  found bytea;
begin
  select mark into found from people_epoch where epoch = wanted;
  if found is null then
    if not access_has_role('counsellor', 'supervisor') then perform access_refuse('not_yours'); end if;
    if exists (select from people_epoch where epoch > wanted) then perform access_refuse('epoch_closed'); end if;
    insert into people_epoch values (wanted, its_mark, clock_timestamp()) on conflict do nothing;
    select mark into found from people_epoch where epoch = wanted;
  end if;
  return found;
end $$;

-- An epoch in use is locked to the commit, so that it cannot be closed beneath what is being written in it.
create function people_use_epoch(wanted int) returns void language plpgsql as $$
begin
  perform from people_epoch where epoch = wanted and closed_at is null for share;
  if not found then perform access_refuse('epoch_closed'); end if;
end $$;

revoke execute on function people_use_epoch(int) from public;
