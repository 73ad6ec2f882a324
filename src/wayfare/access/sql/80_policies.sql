-- What the application's role sees and does; without somebody's session it sees no file, no task and no access entry.
alter table access_file enable row level security;
create policy own_office on access_file for select using (office = (select access_own_office())
  or (select access_has_role('data_protection_officer')));
create policy enrolled on access_file for insert with check (office = (select access_own_office())
  and (select access_has_role('counsellor', 'supervisor')));

alter table access_team enable row level security;
create policy of_files on access_team for select
  using (exists (select from access_file f where f.person = access_team.person));

alter table access_task enable row level security;
create policy own on access_task using (staff = (select access_actor())) with check (staff = (select access_actor()));
create policy to_approve on access_task for select using (purpose = 'break_glass'
  and (select access_has_role('supervisor', 'data_protection_officer')));

alter table access_log enable row level security;
create policy own on access_log for select using (staff = (select access_actor()));
create policy of_office on access_log for select using ((select access_has_role('supervisor'))
  and exists (select from access_file f where f.person = access_log.person));
create policy every on access_log for select using ((select access_has_role('auditor', 'data_protection_officer')));
create policy staff_matters on access_log for select using (person is null and (select access_has_role('administrator')));

alter table access_words enable row level security;
create policy of_lines on access_words for select
  using (exists (select from access_log l where l.position = access_words.position));

alter table access_hold enable row level security;
create policy every on access_hold for select using ((select access_has_role('auditor', 'data_protection_officer')));

alter table access_notice enable row level security;
create policy officer on access_notice using (reader = 'data_protection_officer'
  and (select access_has_role('data_protection_officer')));
create policy own on access_notice using (reader = 'staff' and staff = (select access_actor()));

alter table access_session enable row level security;
create policy door on access_session using ((select access_door_open())) with check ((select access_door_open()));
create policy own on access_session for select using (staff = (select access_actor()));

do $$
declare name text;
begin
  foreach name in array array['passkey', 'password', 'totp', 'challenge', 'invitation', 'recovery', 'recovery_approval',
    'password_tries', 'device', 'pace'] loop
    execute format('alter table access_%s enable row level security', name);
    execute format('create policy door on access_%s using ((select access_door_open()))'
      ' with check ((select access_door_open()))', name);
  end loop;
end $$;
