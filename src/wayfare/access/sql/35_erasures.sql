-- Erasing a person takes two colleagues: one asks, another decides within two weeks. A request made by a command counts
-- once the colleague whom it names has confirmed it, signed in: whoever has the machine can type any name.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- Whether a request is the actor's to decide. Whether their yes counts is asked when they say it (15_duties.sql).
create function access_decides_erasure(one access_erasure) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce(one.outcome is null and one.ends_at > now() and one.asked_by <> access_actor()
    and (access_has_role('data_protection_officer')
      or access_has_role('supervisor') and one.office = access_own_office()), false)
$$;

-- Whether a colleague may ask: who works on the file or supervises its office, and data protection.
create function access_asks_erasure(colleague uuid, whose uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_staff s join access_role r on r.staff = s.id
      join access_file f on f.person = whose and f.erased_at is null
    where s.id = colleague and s.left_at is null and (r.role = 'data_protection_officer'
      or r.role = 'supervisor' and f.office = s.office
      or r.role = 'counsellor' and exists (select from access_team t where t.person = whose and t.staff = s.id)))
$$;

create function access_may_ask_erasure(wanted uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce(access_asks_erasure(access_actor(), wanted), false)
$$;

-- A command asks for a colleague whom it names: with the door's key, and nobody's session. That colleague is told at
-- once, and confirms or withdraws it. An account that was recovered lately neither asks nor confirms: whoever has the
-- machine can recover any account, and would ask with one and approve with another.
create function access_ask_erasure(wanted uuid, its_ground text, why text, asked_for uuid default null) returns uuid
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  asker uuid := coalesce(actor, asked_for);
  request uuid := gen_random_uuid();
  place bigint;
begin
  if actor is null and not access_door_open() or actor is not null and asked_for is not null
      or not access_asks_erasure(asker, wanted) then
    perform access_refuse('not_yours');
  end if;
  if access_recovered_lately(asker) then perform access_refuse('recovered_lately'); end if;
  if length(trim(coalesce(why, ''))) < 10 then perform access_refuse('no_words'); end if;
  perform from access_file where person = wanted for update;
  update access_erasure set outcome = 'lapsed', decided_at = ends_at
    where person = wanted and outcome is null and ends_at <= now();
  if exists (select from access_erasure where person = wanted and outcome is null) then
    perform access_refuse('asked_already');
  end if;
  place := access_write('erasure_asked', actor, wanted, '{}', null, jsonb_build_object('request', request,
    'ground', its_ground, 'for', asker), jsonb_build_object('reason', trim(why)));
  insert into access_erasure (id, person, office, ground, asked_by, by_command, asked_at, ends_at, entry, confirmed_at)
    select request, wanted, f.office, its_ground, asker, actor is null, now(), now() + interval '14 days', place,
      case when actor is not null then now() end
    from access_file f where f.person = wanted;
  perform access_tell_officers(case when actor is null then 'erasure_by_command' else 'erasure_asked' end, asker, wanted,
    place);
  if actor is null then perform access_tell(asker, 'erasure_by_command', wanted, place); end if;
  return request;
end $$;

-- The colleague whom a command named says that they asked for it: signed in, and as one who may ask.
create function access_confirm_erasure(request uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  one access_erasure;
  place bigint;
begin
  lock table access_gate in exclusive mode;  -- before the row, as who decides does
  select * into one from access_erasure where id = request and outcome is null and ends_at > now()
    and confirmed_at is null for update;
  if one.id is null or actor is null or one.asked_by <> actor or not access_asks_erasure(actor, one.person) then
    perform access_refuse('not_yours');
  end if;
  if access_recovered_lately(actor) then perform access_refuse('recovered_lately'); end if;
  place := access_write('erasure_confirmed', actor, one.person, '{}', null, jsonb_build_object('request', request,
    'ground', one.ground));
  update access_erasure set confirmed_at = now() where id = request;
  perform access_tell_officers('erasure_asked', actor, one.person, place);
end $$;

-- The last entry about a file that its erasure must take into account: who decides says up to which they have read.
create function access_last_activity(whose uuid) returns bigint language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select coalesce(max(position), 0) from access_log
  where person = whose and kind in ('look', 'correction', 'team', 'approval')
$$;

-- Decide one request: once, by another colleague, who has read what happened in the file until now.
create function access_decide_erasure(request uuid, its_outcome text, why text, read_until bigint)
returns uuid language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  one access_erasure;
  place bigint;
begin
  lock table access_gate in exclusive mode;  -- as each look takes it: nobody opens or corrects the file meanwhile
  select * into one from access_erasure where id = request for update;
  if one.id is null or actor is null or not access_decides_erasure(one) then perform access_refuse('not_yours'); end if;
  if its_outcome = 'refused' and length(trim(coalesce(why, ''))) < 10 then perform access_refuse('no_words'); end if;
  if its_outcome = 'erased' and one.confirmed_at is null then perform access_refuse('not_confirmed'); end if;
  if its_outcome = 'erased' then
    perform access_check_approval(case when one.office = access_own_office()
      then array['supervisor', 'data_protection_officer'] else array['data_protection_officer'] end, array[one.asked_by]);
  end if;
  if its_outcome = 'erased' and access_last_activity(one.person) is distinct from read_until then
    perform access_refuse('file_changed');
  end if;
  place := access_write(case its_outcome when 'erased' then 'erasure_approved' else 'erasure_refused' end, actor,
    one.person, '{}', null, jsonb_build_object('request', request, 'ground', one.ground, 'for', one.asked_by),
    jsonb_build_object('reason', trim(why)));
  update access_erasure set outcome = its_outcome, decided_by = actor, decided_at = now(), decision = place
    where id = request;
  perform access_tell(one.asked_by, case its_outcome when 'erased' then 'erasure_done' else 'erasure_refused' end,
    one.person, place);
  return one.person;
end $$;

create function access_refuse_erasure(request uuid, why text) returns void language sql security definer
set search_path = pg_catalog, public, pg_temp as $$
  select access_decide_erasure(request, 'refused', why, null)
$$;

create function access_withdraw_erasure(request uuid) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
  one access_erasure;
  place bigint;
begin
  lock table access_gate in exclusive mode;  -- before the row, as who decides does
  select * into one from access_erasure where id = request and outcome is null and ends_at > now() for update;
  if one.id is null or one.asked_by is distinct from actor then perform access_refuse('not_yours'); end if;
  place := access_write('erasure_withdrawn', actor, one.person, '{}', null, jsonb_build_object('request', request));
  update access_erasure set outcome = 'withdrawn', decided_by = actor, decided_at = now(), decision = place
    where id = request;
end $$;

-- A request as its asker and those who may decide it see it. `changes`: entries since it was asked for.
create function access_erasures(wanted uuid default null) returns table (id uuid, person uuid, ground text, asked_by uuid,
  asker text, asker_office text, by_command boolean, asked_at timestamptz, ends_at timestamptz, words text,
  state text, decided_at timestamptz, decider text, answer text, key_epoch int, decides boolean, read_until bigint,
  looks bigint, corrections bigint, decision bigint, confirmed_at timestamptz)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select e.id, e.person, e.ground, e.asked_by, a.name, o.name, e.by_command, e.asked_at, e.ends_at, access_words_of(e.entry),
    coalesce(e.outcome, case when e.ends_at > now() then 'waits' else 'lapsed' end), e.decided_at, d.name, access_words_of(e.decision),
    e.key_epoch, access_decides_erasure(e), access_last_activity(e.person), since.looks, since.corrections, e.decision,
    e.confirmed_at
  from access_erasure e join access_staff a on a.id = e.asked_by join access_office o on o.id = a.office
    left join access_staff d on d.id = e.decided_by
    cross join lateral (select count(*) filter (where kind = 'look') as looks,
      count(*) filter (where kind = 'correction') as corrections from access_log l
      where l.person = e.person and l.position > e.entry) since
  where (e.id = wanted or wanted is null and e.outcome is null and e.ends_at > now())
    and (e.asked_by = access_actor() or access_has_role('data_protection_officer')
      or access_has_role('supervisor') and e.office = access_own_office())
  order by e.asked_at, e.id
$$;

revoke execute on function access_decide_erasure(uuid, text, text, bigint) from public;
revoke execute on function access_asks_erasure(uuid, uuid) from public;
revoke execute on function access_last_activity(uuid) from public;
revoke execute on function access_decides_erasure(access_erasure) from public;
