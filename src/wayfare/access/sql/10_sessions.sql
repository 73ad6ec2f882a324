-- Sessions: who acts, with which roles, and whether sign-in itself is at work in this transaction.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

create function access_refuse(word text) returns void language plpgsql as $$
begin
  raise exception 'access: %', word using errcode = 'insufficient_privilege';
end $$;

create function access_actor() returns uuid language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
  select s.staff from access_session s join access_staff p on p.id = s.staff
  where s.hash = sha256(convert_to(current_setting('app.session', true), 'UTF8')) and s.ended_at is null
    -- another level would go on seeing, to its end, a session that ended meanwhile
    and current_setting('transaction_isolation') = 'read committed'
    and s.ends_at > now() and s.used_at > now() - interval '30 minutes' and p.left_at is null
$$;

create function access_has_role(variadic wanted text[]) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_role where staff = access_actor() and role = any (wanted))
$$;

create function access_own_office() returns text language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select office from access_staff where id = access_actor()
$$;

-- Names the transaction under way, as no other transaction of this or another cluster is ever named. Its number alone
-- does not: after a restore, a logical copy or pg_resetwal the numbers come round to stored ones. So with it go the
-- microseconds in which the transaction began and in which its server was started.
create function access_transaction(number xid8 default pg_current_xact_id()) returns text language sql stable
set search_path = pg_catalog, pg_temp as $$
  select number || ' ' || extract(epoch from now()) || ' ' || extract(epoch from pg_postmaster_start_time())
$$;

-- Whether the transaction under way wrote a row; each column as access_transaction names it. Inlined, for the index on tx.
create function access_is_now(tx xid8, began timestamptz, server timestamptz) returns boolean language sql stable as $$
  select tx = pg_current_xact_id_if_assigned() and began = now() and server = pg_postmaster_start_time()
$$;

-- RFC 2104 over SHA-256, of this very transaction's name; compared as hashes, so that time tells nothing.
create function access_door_open() returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce((select sha256(convert_to(current_setting('app.door', true), 'UTF8')) = sha256(convert_to(encode(
    sha256(outer_pad || sha256(inner_pad || convert_to('wayfare door '
      || access_transaction(pg_current_xact_id_if_assigned()), 'UTF8'))),
    'hex'), 'UTF8')) from access_door), false)
$$;

-- Notes what a key of the home is known again by, once; returns what is noted.
create function access_note_key(its_name text, its_mark bytea) returns bytea language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  insert into access_key values (its_name, its_mark, clock_timestamp()) on conflict do nothing;
  return (select mark from access_key where name = its_name);
end $$;

-- Sessions: of whoever brings the secret. A session that was left alone too long is not woken by saying it was used.
create function access_session_of(secret text, at timestamptz, out staff uuid, out began_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select s.staff, s.began_at from access_session s join access_staff p on p.id = s.staff
  where s.hash = sha256(convert_to(secret, 'UTF8')) and s.ended_at is null and s.ends_at > at
    and s.used_at > at - interval '30 minutes' and p.left_at is null
$$;

create function access_use_session(secret text) returns void language sql security definer
set search_path = pg_catalog, public, pg_temp as $$
  update access_session set used_at = clock_timestamp() where hash = sha256(convert_to(secret, 'UTF8'))
    and ended_at is null and used_at between clock_timestamp() - interval '30 minutes'
    and clock_timestamp() - interval '1 minute'
$$;

create function access_end_session(secret text, at timestamptz) returns void language sql security definer
set search_path = pg_catalog, public, pg_temp as $$
  update access_session set ended_at = at where hash = sha256(convert_to(secret, 'UTF8')) and ended_at is null
$$;

create function access_begin_session(its_hash bytea, whose uuid, how text, at timestamptz, until timestamptz)
returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  if not access_door_open() then perform access_refuse('no_door'); end if;
  if how = 'example' and not access_is_example(whose) then perform access_refuse('not_yours'); end if;
  insert into access_session (hash, staff, began_at, used_at, ends_at, how) values (its_hash, whose, at, at, until, how);
  perform access_write('session', whose, null, '{}', null, jsonb_build_object('how', how));
end $$;
