from django.db import migrations

TABLES = """
create table access_passkey (id bytea primary key check (length(id) between 1 and 1023), staff uuid not null references
  access_staff, credential bytea not null, sign_count bigint not null check (sign_count >= 0), name text not null,
  made_at timestamptz not null, used_at timestamptz, copied_at timestamptz);
create index access_passkey_staff on access_passkey (staff);
create table access_password (staff uuid primary key references access_staff, encoded text not null,
  set_at timestamptz not null);
create table access_totp (staff uuid primary key references access_staff, sealed bytea not null,
  last_step bigint not null);
create table access_challenge (hash bytea primary key check (length(hash) = 32), used_at timestamptz not null);
create index access_challenge_used on access_challenge (used_at);

create table access_invitation (hash bytea primary key check (length(hash) = 32), staff uuid not null unique,
  name text not null, email text not null, office text not null references access_office, roles text[] not null
  check (cardinality(roles) > 0), language text not null, invited_by uuid references access_staff,
  made_at timestamptz not null, expires_at timestamptz not null, used_at timestamptz, withdrawn_at timestamptz,
  check (expires_at > made_at), check (used_at is null or withdrawn_at is null));
create unique index access_invitation_open on access_invitation (lower(email))
  where used_at is null and withdrawn_at is null;

create table access_recovery (id uuid primary key, hash bytea not null unique check (length(hash) = 32),
  staff uuid references access_staff, code text not null, asked_at timestamptz not null,
  expires_at timestamptz not null, confirmed_at timestamptz, link_ends_at timestamptz, used_at timestamptz,
  refused_at timestamptz, refused_by uuid references access_staff, unique (id, staff),
  check ((confirmed_at is null) = (link_ends_at is null)), check (used_at is null or confirmed_at is not null));
create index access_recovery_staff on access_recovery (staff);
create table access_recovery_voice (recovery uuid not null, subject uuid not null, staff uuid not null references
  access_staff, at timestamptz not null, primary key (recovery, staff), check (staff <> subject),
  foreign key (recovery, subject) references access_recovery (id, staff));

do $$
declare name text;
begin
  foreach name in array array['passkey', 'password', 'totp', 'challenge', 'invitation', 'recovery', 'recovery_voice']
  loop
    if exists (select from pg_roles where rolname = 'wayfare_app') then
      execute format('revoke all on access_%s from wayfare_app', name);
      execute format('grant select, insert on access_%s to wayfare_app', name);
    end if;
    if exists (select from pg_roles where rolname = 'wayfare_reader') then
      execute format('revoke all on access_%s from wayfare_reader', name);
    end if;
  end loop;
  if exists (select from pg_roles where rolname = 'wayfare_app') then
    grant update (sign_count, used_at, copied_at), delete on access_passkey to wayfare_app;
    grant update (encoded, set_at), delete on access_password to wayfare_app;
    grant update (last_step), delete on access_totp to wayfare_app;
    grant delete on access_challenge to wayfare_app;
    grant update (used_at, withdrawn_at) on access_invitation to wayfare_app;
    grant update (confirmed_at, link_ends_at, used_at, refused_at, refused_by) on access_recovery to wayfare_app;
  end if;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = (("access", "0002_staff"),)
    operations = (migrations.RunSQL(TABLES),)
