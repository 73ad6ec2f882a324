-- Lines of the access record about no file: readings of the ledger, and which office's staff read a programme's figures.

-- By a token with the scope ledger:read, by an auditor who is signed in, or by a command on this machine.
create function access_ledger_read(first bigint, last bigint, entries bigint, by_token text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  known access_token;
begin
  if by_token is not null then
    select * into known from access_token t where t.id = by_token and t.revoked_at is null
      and (t.expires_at is null or t.expires_at > clock_timestamp())
      and 'ledger:read' = any (string_to_array(t.scopes, ' '));
    if known.id is null then perform access_refuse('not_yours'); end if;
    actor := null;
  elsif actor is null and not access_door_open() or actor is not null and not access_has_role('auditor') then
    perform access_refuse('not_yours');
  end if;
  return access_write('ledger_read', actor, null, '{}', null, jsonb_build_object('from', first::text, 'to', last::text,
    'count', entries::text, 'token', known.id, 'source', known.source,
    'how', case when by_token is null and actor is null then 'command' else 'api' end));
end $$;

-- By an administrator who acts, or by a command. Without an office no office's staff read them.
create function access_note_programme(programme text, its_office text) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_administers();
begin
  return access_write('programme', actor, null, '{}', null, jsonb_build_object('programme', programme,
    'office', its_office));
end $$;
