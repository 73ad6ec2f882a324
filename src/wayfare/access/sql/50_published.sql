-- Figures of access that everybody may see: whole months.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- For everybody: the first month that is not over at a position, or at the last one.
create function access_month_at(as_of bigint, out place bigint, out month date)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  select l.position, date_trunc('month', l.at at time zone 'UTC')::date from access_log l
    where l.position = coalesce(as_of, (select max(position) from access_log))
$$;

-- Looks for one task within one hour, by UTC, are one visit: page loads are not counted. An hour is in one month.
create function access_visit_hour(at timestamptz) returns timestamptz language sql immutable parallel safe as $$
  select date_trunc('hour', at, 'UTC')
$$;

-- For everybody: whole months alone, so that nobody learns of one visit by asking before it and after it. An emergency
-- that nobody approved belongs to the month in which it ended, after which nothing about it changes.
create function access_counted(before date) returns table (month date, what text, n bigint)
language sql stable security definer set search_path = pg_catalog, public, pg_temp as $$
  with ended as (select date_trunc('month', least(before, m.month))::timestamp at time zone 'UTC' as at
    from access_month_at(null) m)
  select date_trunc('month', v.hour at time zone 'UTC')::date, v.purpose, count(*) from (
      select distinct access_visit_hour(l.at) as hour, l.task, l.body::jsonb ->> 'purpose' as purpose
      from access_log l cross join ended where l.kind = 'look' and l.at < ended.at) v group by 1, 2
  union all
  select date_trunc('month', l.at at time zone 'UTC')::date, 'approved', count(*)
    from access_log l cross join ended where l.kind = 'approval' and l.at < ended.at group by 1
  union all
  select date_trunc('month', least(t.closed_at, t.ends_at) at time zone 'UTC')::date, 'unapproved', count(*)
    from access_task t cross join ended where t.purpose = 'break_glass' and t.approved_at is null
      and least(t.closed_at, t.ends_at) < ended.at group by 1
$$;
