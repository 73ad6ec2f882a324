#!/bin/sh
# Runs once, as superuser, when the database is made. The owner may create roles and owns its database, and no more.
set -eu
WAYFARE_OWNER_PASSWORD=$(cat /run/secrets/database_password)
export WAYFARE_OWNER_PASSWORD
psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 --quiet <<'SQL'
\getenv password WAYFARE_OWNER_PASSWORD
create role wayfare_owner login createrole nosuperuser nocreatedb noreplication nobypassrls password :'password';
create database wayfare owner wayfare_owner;
\connect wayfare
revoke usage on language plpgsql from public;
grant usage on language plpgsql to wayfare_owner;
SQL
