"""The people room's tables; its functions, policies and grants are in `sql/`."""

from django.db import migrations

TABLES = """
create table people_epoch (epoch int primary key check (epoch > 0), mark bytea not null check (length(mark) = 16),
  began_at timestamptz not null, closed_at timestamptz, destroyed_at timestamptz, check (destroyed_at >= closed_at));
create table people_index (alone boolean primary key default true check (alone),
  mark bytea not null check (length(mark) = 16));
create table people_person (id uuid primary key, office text not null references access_office,
  case_number text unique check (case_number ~ '^[0-9A-Z]{4}-[0-9A-Z]{4}$'), family uuid,
  created_at timestamptz not null, erased_at timestamptz,
  check ((erased_at is null) = (case_number is not null)), check (erased_at is null or family is null),
  -- neither nil nor max (RFC 9562): programs write them for "none", and strangers would be one person or one family
  constraint people_person_ids check (id > '00000000-0000-0000-0000-000000000000'
    and id < 'ffffffff-ffff-ffff-ffff-ffffffffffff' and (family is null
    or family > '00000000-0000-0000-0000-000000000000' and family < 'ffffffff-ffff-ffff-ffff-ffffffffffff')));
create index people_person_family on people_person (family) where family is not null;
create table people_key (person uuid primary key, epoch int not null,
  wrapped bytea not null check (length(wrapped) = 48)) with (fillfactor = 50);
create table people_sealed (person uuid not null, grp text not null
  check (grp in ('names', 'birth', 'contact', 'documents', 'notes')), version int not null check (version > 0),
  epoch_made int not null, sealed bytea not null, primary key (person, grp));
-- A token is of a text and a slot (people/index.py), so no two rows are alike; a row without a person is a level's sign.
create table people_token (token uuid not null, epoch int not null, office text not null, person uuid,
  constraint people_token_once primary key (token) include (office, person));
create index people_token_person on people_token (person) where person is not null;
create table people_mark (person uuid primary key, epoch int not null, sealed bytea not null);
create table people_search_log (id bigint generated always as identity primary key, at timestamptz not null,
  staff uuid not null, office text not null, asked int not null, found int not null, shown uuid[] not null default '{}',
  tx xid8 not null, shown_tx xid8, numbers bigint[] not null, calls bigint not null);
create sequence people_try;
do $$ begin for n in 0..63 loop execute format('create sequence people_call_%s', n); end loop; end $$;
create index people_search_log_staff on people_search_log (staff, at);
create table people_limits (alone boolean primary key default true check (alone), searches_a_minute int not null,
  searches_a_day int not null);
insert into people_limits (searches_a_minute, searches_a_day) values (20, 600);
alter table people_sealed alter column sealed set storage external;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = (("access", "0001_initial"),)
    operations = (migrations.RunSQL(TABLES),)
