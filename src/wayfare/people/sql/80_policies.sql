-- What the application's role sees: of sealed data, what this very transaction has opened and recorded.
alter table people_person enable row level security;
create policy own_office on people_person for select using (
  office = (select access_own_office()) and (select access_has_role('counsellor', 'supervisor', 'travel_officer'))
  or (select access_has_role('data_protection_officer')));

alter table people_key enable row level security;
create policy looked on people_key for select using (person = any ((select people_open())::uuid[]));

alter table people_sealed enable row level security;
create policy looked on people_sealed for select
  using (person || '/' || grp = any ((select people_open_groups())::text[]));
create policy corrected on people_sealed for update
  using (person || '/' || grp = any ((select people_open_groups())::text[]));

alter table people_token enable row level security;
alter table people_mark enable row level security;

alter table people_search_log enable row level security;
create policy own on people_search_log for select using (staff = (select access_actor()));
create policy every on people_search_log for select
  using ((select access_has_role('auditor', 'data_protection_officer')));
