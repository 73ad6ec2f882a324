from django.db import migrations

# Each runs as the owner of the tables, whoever calls: it is the only way that the application's role has.
FUNCTIONS = """
-- The looks into a file as its person sees them: none while it is held back, none taken away. Everybody who shows them
-- to the person asks here; whether one may ask is decided by who calls this, such as access_shown.
create function access_looks_of(wanted uuid) returns table (body text, who text, roles text[], second text,
  open_until timestamptz, held_until timestamptz, held_basis text, words jsonb)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select l.body, s.name, array(select r.role from access_role r join access_purpose_role p using (role)
      where r.staff = l.staff and p.purpose = l.body::jsonb ->> 'purpose' order by r.role),
    (select a.name from access_log y join access_staff a on a.id = y.staff
      where y.person = l.person and y.task = l.task and y.kind = 'approval' order by y.position limit 1),
    least(t.closed_at, t.ends_at), h.until, h.basis,
    (select jsonb_agg(jsonb_build_array(w.field, encode(w.nonce, 'hex'), w.words)) from access_words w
      where w.position = l.position)
  from access_log l left join access_staff s on s.id = l.staff left join access_task t on t.id = l.task
    left join access_hold h on h.position = l.position
  where l.person = wanted and l.kind = 'look' and (h.until is null or h.until <= now())
  order by l.position
$$;

-- To staff, who print it or show it: with work on the file in hand, as its office's supervisor, or for data protection.
create function access_shown(wanted uuid) returns table (body text, who text, roles text[], second text,
  open_until timestamptz, held_until timestamptz, held_basis text, words jsonb)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  actor uuid := access_actor();
begin
  if not exists (select from access_file f where f.person = wanted and (access_has_role('data_protection_officer')
      or access_has_role('supervisor') and f.office = access_own_office()
      or exists (select from access_task t join access_purpose p on p.code = t.purpose
        where t.person = wanted and t.staff = actor and t.closed_at is null and t.ends_at > now()
          and (p.needs <> 'approval' or t.approved_by is not null)
          and access_scope_holds(actor, t.purpose, wanted)))) then
    perform access_refuse('not_yours');
  end if;
  return query select * from access_looks_of(wanted);
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

-- For everybody: the first month that is not over at a position, or at the last one.
create function access_month_at(as_of bigint, out place bigint, out month date)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select l.position, date_trunc('month', l.at at time zone 'UTC')::date from access_log l
    where l.position = coalesce(as_of, (select max(position) from access_log))
$$;

-- For everybody: whole months alone, so that nobody learns of one look by asking before it and after it. An emergency
-- that nobody approved belongs to the month in which it ended, after which nothing about it changes.
create function access_counted(before date) returns table (month date, what text, n bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  with ended as (select date_trunc('month', least(before, m.month))::timestamp at time zone 'UTC' as at
    from access_month_at(null) m)
  select date_trunc('month', l.at at time zone 'UTC')::date,
      case l.kind when 'look' then l.body::jsonb ->> 'purpose' else 'approved' end, count(*)
    from access_log l cross join ended where l.kind in ('look', 'approval') and l.at < ended.at group by 1, 2
  union all
  select date_trunc('month', least(t.closed_at, t.ends_at) at time zone 'UTC')::date, 'unapproved', count(*)
    from access_task t cross join ended where t.purpose = 'break_glass' and t.approved_at is null
      and least(t.closed_at, t.ends_at) < ended.at group by 1
$$;
revoke execute on function access_looks_of(uuid) from public;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0004_recorded"),)
    operations = (migrations.RunSQL(FUNCTIONS),)
