-- What each role may do with each table, whatever the policies then leave of it.
do $$
declare name text;
begin
  for name in select relation.oid::regclass::text from pg_class relation
      where relation.relname like 'access\_%' and relation.relkind = 'r' and relation.relnamespace = 'public'::regnamespace
  loop
    execute format('revoke all on %s from wayfare_app, wayfare_reader', name);
  end loop;
  revoke all on sequence access_try from wayfare_app, wayfare_reader;

  grant select, update (last_used_at) on access_token to wayfare_app;
  grant select on access_purpose, access_purpose_role, access_office, access_staff, access_role, access_file, access_team,
    access_log, access_hold, access_notice, access_limits, access_words, access_key, access_example to wayfare_app;
  grant select, update (ended_at) on access_session to wayfare_app;
  grant insert on access_file to wayfare_app;
  grant select, insert (id, purpose, person, staff, opened_at, ends_at, basis, reason), update (closed_at)
    on access_task to wayfare_app;
  grant update (seen_at) on access_notice to wayfare_app;
  grant select, insert, update (sign_count, used_at, copied_at), delete on access_passkey to wayfare_app;
  grant select, insert, update (encoded, set_at), delete on access_password to wayfare_app;
  grant select, insert, update (last_step), delete on access_totp to wayfare_app;
  grant select, insert, delete on access_challenge to wayfare_app;
  grant select on access_invitation to wayfare_app;
  grant select on access_recovery, access_recovery_approval, access_password_tries, access_device to wayfare_app;
end $$;
