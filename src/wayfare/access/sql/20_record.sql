-- The access record: the only writer, what keeps it append-only, and how far it goes.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_write(kind text, staff uuid, person uuid, groups text[], task uuid, more jsonb,
  words jsonb default '{}') returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  place bigint;
  moment timestamptz;
  said text;
  named text;
  spoken text;
  salt bytea;
begin
  lock table access_gate in exclusive mode;  -- held to the commit, so that positions are in commit order, without gaps
  select coalesce(max(l.position), 0) + 1 into place from access_log l;
  moment := clock_timestamp();
  for named, spoken in select key, coalesce(value, '') from jsonb_each_text(words) loop
    if spoken <> '' then  -- what is committed to hides them, so that erasure can take them
      -- none come after it: an erasure holds the gate from before its decision to its commit
      if exists (select from access_file f where f.person = access_write.person and f.erased_at is not null) then
        perform access_refuse('not_yours');
      end if;
      salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
      insert into access_words values (place, named, person, salt, spoken);
      spoken := encode(sha256(salt || convert_to(spoken, 'UTF8')), 'hex');
    end if;
    more := more || jsonb_build_object(named, spoken);
  end loop;
  -- RFC 8785: the keys in order, strings as json writes them, no blanks
  select '{' || string_agg(to_json(key)::text || ':' || value, ',' order by key collate "C") || '}' into said from (
    select key, to_json(value)::text as value from jsonb_each_text(jsonb_strip_nulls(more || jsonb_build_object(
      'at', to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'kind', kind,
      'person', person, 'staff', staff)))
    union all select 'groups', replace(to_json(groups)::text, ', ', ',')
    union all select 'position', place::text) fields;
  insert into access_log values (place, moment, kind, staff, person, groups, task, said, pg_current_xact_id(),
    now(), pg_postmaster_start_time(), (more->>'try')::bigint);
  return place;
end $$;

-- When an entry was written. What an entry decides is dated so, and `wayfare log verify` compares it (record_checks.py).
create function access_at(place bigint) returns timestamptz language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select at from access_log where position = place
$$;

create function access_log_only_grows() returns trigger language plpgsql as $$
begin
  raise exception 'access_log_only_grows: % on % is refused; the record of looks is for ever', tg_op, tg_table_name
    using errcode = 'insufficient_privilege';
end $$;

-- How far the record goes, and since when what follows a position waits: for the page of the logs' health.
create function access_extent(after bigint, out last bigint, out waiting_since timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_has_role('administrator', 'auditor', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  select coalesce(max(l.position), 0) into last from access_log l;
  select l.at into waiting_since from access_log l where l.position = after + 1;
end $$;

create function access_undone(days int, out looks bigint, out undone bigint) language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  since timestamptz := now() - make_interval(days => days);
  before bigint;
  last bigint;
begin
  if not access_has_role('administrator', 'auditor', 'data_protection_officer') then
    perform access_refuse('not_yours');
  end if;
  select count(*) into looks from access_log where at > since and try is not null;
  select try into before from access_log where at <= since and try is not null order by position desc limit 1;
  select case when is_called then last_value else 0 end into last from access_try;
  undone := last - coalesce(before, 0) - looks;
end $$;

create trigger access_log_stays before update or delete on access_log for each row
  execute function access_log_only_grows();
create trigger access_log_is_not_emptied before truncate on access_log for each statement
  execute function access_log_only_grows();

revoke execute on function access_at(bigint) from public;
revoke execute on function access_write(text, uuid, uuid, text[], uuid, jsonb, jsonb) from public;
