"""The access room's tables; its functions, policies and grants are in `sql/`."""

from django.db import migrations, models

TOKENS = """
alter table access_token add constraint access_token_hash check (length(secret_hash) = 32);
alter table access_token add constraint access_token_scopes check (scopes <> '' and string_to_array(scopes, ' ')
  <@ array['ledger:write', 'ledger:own', 'ledger:read', 'statistics:exact']);
"""

TABLES = """
create table access_purpose (code text primary key, version int not null, groups text[] not null, hours int not null,
  needs text not null check (needs in ('', 'reason', 'basis', 'approval')));
create table access_purpose_role (purpose text not null references access_purpose, role text not null,
  scope text not null check (scope in ('team', 'office', 'any')), primary key (purpose, role));

create table access_office (id text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,39}$'), name text not null,
  timezone text not null);
create table access_staff (id uuid primary key, name text not null, email text not null, office text not null
  references access_office, language text not null, joined_at timestamptz not null, left_at timestamptz);
create unique index access_staff_email on access_staff (lower(email)) where left_at is null;
create table access_role (staff uuid not null references access_staff, role text not null check (role in
  ('counsellor', 'supervisor', 'travel_officer', 'verifier', 'statistician', 'auditor', 'data_protection_officer',
   'administrator')), since timestamptz not null, confirmed_by uuid references access_staff, primary key (staff, role),
  check (confirmed_by <> staff));
create table access_session (hash bytea primary key check (length(hash) = 32), staff uuid not null references
  access_staff, began_at timestamptz not null, used_at timestamptz not null, ends_at timestamptz not null,
  ended_at timestamptz, how text not null check (how in ('passkey', 'totp', 'recovery', 'command', 'example')));
create index access_session_staff on access_session (staff) where ended_at is null;

create table access_file (person uuid primary key, office text not null references access_office,
  made_at timestamptz not null, erased_at timestamptz);
create index access_file_office on access_file (office);
create table access_team (person uuid not null references access_file, staff uuid not null references access_staff,
  primary key (person, staff));
create table access_task (id uuid primary key, purpose text not null references access_purpose, person uuid not null,
  staff uuid not null references access_staff, opened_at timestamptz not null, ends_at timestamptz not null,
  closed_at timestamptz, basis text not null, reason text not null, approved_by uuid references access_staff,
  approved_at timestamptz, check (ends_at > opened_at), check (approved_by <> staff));
create index access_task_staff on access_task (staff) where closed_at is null;

create table access_log (position bigint primary key, at timestamptz not null, kind text not null
  check (kind in ('look', 'correction', 'approval', 'refusal', 'hold', 'team', 'erasure', 'erasure_asked',
    'erasure_confirmed', 'erasure_approved', 'erasure_refused', 'erasure_withdrawn',
    'session', 'invited', 'withdrawn', 'joined', 'left', 'roles', 'confirmed', 'refused', 'office', 'ended',
    'recovery_asked', 'recovery_approved', 'recovery_stopped', 'recovery_used', 'password_blocked',
    'password_unblocked', 'ledger_read', 'programme', 'token_made', 'token_revoked')),
  staff uuid, person uuid, groups text[] not null, task uuid, body text not null, tx xid8 not null,
  began timestamptz not null, server timestamptz not null, try bigint,
  check (person is not null or kind not in ('look', 'correction', 'approval', 'refusal', 'hold', 'team', 'erasure',
    'erasure_asked', 'erasure_confirmed', 'erasure_approved', 'erasure_refused', 'erasure_withdrawn')));
create sequence access_try;
create index access_log_tx on access_log (tx);
create index access_log_person on access_log (person, position);
create index access_log_staff on access_log (staff, at);
create index access_log_staff_person on access_log (staff, person, at);
create index access_log_at on access_log using brin (at);
create index access_log_task on access_log (task, position) where task is not null;
create index access_log_staff_matters on access_log (position) where person is null;
create table access_hold (position bigint primary key, until timestamptz not null, basis text not null);
create table access_notice (id bigint generated always as identity primary key, at timestamptz not null,
  reader text not null check (reader in ('data_protection_officer', 'person', 'staff')), about text not null
  check (about in ('many_files', 'many_searches', 'break_glass', 'roles', 'emergency_approved', 'emergency_refused',
    'erasure_asked', 'erasure_by_command', 'erasure_done', 'erasure_refused', 'recovery_asked', 'recovery_approved',
    'recovery_stopped', 'recovery_used', 'password_blocked')), staff uuid, person uuid, seen_at timestamptz, entry bigint);
create index access_notice_staff on access_notice (staff) where reader = 'staff' and seen_at is null;
-- Why a file may be erased: the grounds of Article 17(1) GDPR, and another law that obliges us.
create table access_erasure (id uuid primary key, person uuid not null references access_file,
  office text not null references access_office, ground text not null check (ground in ('asked', 'no_longer_needed',
    'consent_withdrawn', 'unlawful', 'legal_duty')), asked_by uuid not null references access_staff,
  by_command boolean not null, asked_at timestamptz not null, ends_at timestamptz not null, entry bigint not null,
  confirmed_at timestamptz, -- by the asker, signed in; what a command asks for counts only from then on
  decided_by uuid references access_staff, decided_at timestamptz, outcome text check (outcome in
    ('erased', 'refused', 'withdrawn', 'lapsed')), decision bigint, key_epoch int,
  check (ends_at > asked_at), check ((outcome is null) = (decided_at is null)),
  check (by_command or confirmed_at is not null), check (outcome <> 'erased' or confirmed_at is not null),
  check (decided_by <> asked_by or outcome not in ('erased', 'refused')));
create unique index access_erasure_open on access_erasure (person) where outcome is null;
create table access_limits (alone boolean primary key default true check (alone), people_an_hour int not null,
  slow_seconds int not null, settled_days int not null check (settled_days >= 0),
  recovery_wait_hours int not null check (recovery_wait_hours >= 0),
  password_failures int not null check (password_failures between 1 and 100));
insert into access_limits (people_an_hour, slow_seconds, settled_days, recovery_wait_hours, password_failures)
  values (30, 120, 7, 24, 60);
"""

SIGN_IN = """
create table access_passkey (id bytea primary key check (length(id) between 1 and 1023), staff uuid not null references
  access_staff, credential bytea not null, sign_count bigint not null check (sign_count >= 0), name text not null,
  made_at timestamptz not null, used_at timestamptz, copied_at timestamptz);
create index access_passkey_staff on access_passkey (staff);
create table access_password (staff uuid primary key references access_staff, encoded text not null,
  set_at timestamptz not null);
create table access_totp (staff uuid primary key references access_staff, sealed bytea not null,
  last_step bigint not null, set_at timestamptz not null default now());
create table access_password_tries (staff uuid primary key references access_staff, failures int not null,
  blocked_at timestamptz);
create table access_device (hash bytea primary key check (length(hash) = 32), staff uuid not null references access_staff,
  made_at timestamptz not null, failures int not null);
create index access_device_staff on access_device (staff);
create table access_pace (what text not null, key bytea not null check (length(key) = 32), due timestamptz not null,
  primary key (what, key));
create index access_pace_due on access_pace (due);
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
  expires_at timestamptz not null, confirmed_at timestamptz, usable_at timestamptz, link_ends_at timestamptz,
  used_at timestamptz, stopped_at timestamptz, stopped_by uuid references access_staff,
  by_command boolean not null default false, unique (id, staff),
  check ((confirmed_at is null) = (link_ends_at is null)), check ((confirmed_at is null) = (usable_at is null)),
  check (used_at is null or confirmed_at is not null));
create index access_recovery_staff on access_recovery (staff);
create table access_recovery_approval (recovery uuid not null, subject uuid not null, staff uuid not null references
  access_staff, at timestamptz not null, primary key (recovery, staff), check (staff <> subject),
  foreign key (recovery, subject) references access_recovery (id, staff));

-- Empty: who writes the access record locks it. Nobody but the functions of its owner can; an advisory lock anybody could.
create table access_gate (alone boolean);
create table access_door (alone boolean primary key default true check (alone),
  inner_pad bytea not null check (length(inner_pad) = 64), outer_pad bytea not null check (length(outer_pad) = 64));
-- Keys that lie in the home, by what they are known again by: one that is missing or wrong is told, not made anew.
create table access_key (name text primary key check (name in ('staff-codes')),
  mark bytea not null check (length(mark) = 16), noted_at timestamptz not null);
-- Colleagues of the example of `wayfare demo`; empty in every other installation (sql/68_example.sql).
create table access_example (email text primary key check (email like '%@example.org'));
create table access_role_asked (staff uuid primary key, office text not null references access_office,
  roles text[] not null check (cardinality(roles) > 0), asked_by uuid not null references access_staff,
  asked_at timestamptz not null, confirmed_by uuid references access_staff, confirmed_at timestamptz,
  check (confirmed_by <> asked_by), check (confirmed_by <> staff), check ((confirmed_by is null) = (confirmed_at is null)));
create table access_words (position bigint not null, field text not null check (field in ('reason', 'basis')),
  person uuid, nonce bytea not null check (length(nonce) = 32), words text not null, primary key (position, field));
create index access_words_person on access_words (person);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("secret_hash", models.BinaryField()),
                ("source", models.TextField()),
                ("scopes", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "access_token"},
        ),
        migrations.RunSQL(TOKENS),
        migrations.RunSQL(TABLES),
        migrations.RunSQL(SIGN_IN),
    )
