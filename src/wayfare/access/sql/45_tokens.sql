-- API tokens: made and ended by a command on the machine alone, each time with a line of the access record.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- The secret is not in the line, nor its hash.
create function access_make_token(its_id text, its_hash bytea, its_source text, its_scopes text, at timestamptz,
  until timestamptz) returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() or access_actor() is not null then perform access_refuse('no_door'); end if;
  insert into access_token (id, secret_hash, source, scopes, created_at, expires_at)
    values (its_id, its_hash, its_source, its_scopes, at, until);
  return access_write('token_made', null, null, '{}', null, jsonb_build_object('token', its_id, 'source', its_source,
    'scopes', its_scopes, 'expires', to_char(until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
end $$;

-- False for one that was ended before, null for one that there is not.
create function access_revoke_token(its_id text, at timestamptz) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  its_source text;
begin
  if not access_door_open() or access_actor() is not null then perform access_refuse('no_door'); end if;
  update access_token set revoked_at = at where id = its_id and revoked_at is null returning source into its_source;
  if not found then return (select false from access_token where id = its_id); end if;
  perform access_write('token_revoked', null, null, '{}', null, jsonb_build_object('token', its_id, 'source', its_source));
  return true;
end $$;
