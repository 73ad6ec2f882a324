-- Notices to a colleague about what came of their own requests.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_tell(colleague uuid, what text, whose uuid, place bigint) returns void language sql
security definer set search_path = pg_catalog, public, pg_temp as $$
  insert into access_notice (at, reader, about, staff, person, entry)
    values (clock_timestamp(), 'staff', what, colleague, whose, place)
$$;

-- What the actor was told and has not marked as read: with who decided, and their words, which an erasure takes away.
create function access_own_notices() returns table (id bigint, at timestamptz, about text, person uuid, who text,
  words text) language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select n.id, n.at, n.about, n.person, s.name,
    case when l.kind in ('refusal', 'erasure_refused') then coalesce(w.words, '') else '' end
  from access_notice n left join access_log l on l.position = n.entry left join access_staff s on s.id = l.staff
    left join access_words w on w.position = n.entry and w.field = 'reason'
  where n.reader = 'staff' and n.staff = access_actor() and n.seen_at is null order by n.id desc limit 20
$$;

revoke execute on function access_tell(uuid, text, uuid, bigint) from public;
