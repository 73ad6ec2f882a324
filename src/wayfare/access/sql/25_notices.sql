-- Notices: to a colleague about their own requests, what came of them and what a command asked in their name; and to the
-- data-protection officers.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_tell(colleague uuid, what text, whose uuid, place bigint) returns void language sql
security definer set search_path = pg_catalog, public, pg_temp as $$
  insert into access_notice (at, reader, about, staff, person, entry)
    values (clock_timestamp(), 'staff', what, colleague, whose, place)
$$;

-- A notice to the data-protection officers: about a colleague, and a person or an entry of the access record if it is.
create function access_tell_officers(what text, colleague uuid, whose uuid default null, place bigint default null)
returns void language sql security definer set search_path = pg_catalog, public, pg_temp as $$
  insert into access_notice (at, reader, about, staff, person, entry)
    values (clock_timestamp(), 'data_protection_officer', what, colleague, whose, place)
$$;

-- The words of an entry's reason; null once they went with an erasure, or if they are not those that it commits to.
create function access_words_of(place bigint) returns text language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select w.words from access_words w join access_log l using (position)
  where w.position = place and w.field = 'reason'
    and encode(sha256(w.nonce || convert_to(w.words, 'UTF8')), 'hex') = l.body::jsonb ->> 'reason'
$$;

-- What the actor was told and has not marked as read: with who decided, and their words, which an erasure takes away.
-- `erasure`: the request for an erasure that it is about.
create function access_own_notices() returns table (id bigint, at timestamptz, about text, person uuid, who text,
  words text, erasure uuid) language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select n.id, n.at, n.about, n.person, s.name,
    case when l.kind in ('refusal', 'erasure_refused') then coalesce(access_words_of(n.entry), '') else '' end,
    case when l.kind in ('erasure_asked', 'erasure_approved', 'erasure_refused') then (l.body::jsonb ->> 'request')::uuid end
  from access_notice n left join access_log l on l.position = n.entry left join access_staff s on s.id = l.staff
  where n.reader = 'staff' and n.staff = access_actor() and n.seen_at is null order by n.id desc limit 20
$$;

revoke execute on function access_words_of(bigint) from public;
revoke execute on function access_tell(uuid, text, uuid, bigint) from public;
revoke execute on function access_tell_officers(text, uuid, uuid, bigint) from public;
