-- The example of `wayfare demo`: invented colleagues, as whom anybody at that machine signs in without proving anything.
-- An installation of real people has no row here, and cannot get one: the table is filled before anybody works there.
-- Each function runs as the owner of the tables (security definer), whoever calls it.

-- Makes this database that of an example, with the addresses of its colleagues; false if it is in use already. The
-- application's role cannot call it.
create function access_mark_example(emails text[]) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
  if exists (select from access_example) then return true; end if;
  if exists (select from access_staff) or exists (select from access_invitation) or exists (select from access_file) then
    return false;
  end if;
  insert into access_example select unnest(emails);
  return true;
end $$;
revoke execute on function access_mark_example(text[]) from public;

create function access_is_example(colleague uuid) returns boolean language sql stable security definer
set search_path = pg_catalog, public, pg_temp as $$
  select exists (select from access_staff s join access_example e using (email) where s.id = colleague and s.left_at is null)
$$;
