#!/bin/sh
# The three database roles and the database, on a new PostgreSQL: mounted into its image by compose.yaml, or run by hand
# with psql's usual PG* variables as a superuser. Passwords come from OWNER_PASSWORD, APP_PASSWORD, WORKER_PASSWORD.
set -eu

psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    -v owner="$OWNER_PASSWORD" -v app="$APP_PASSWORD" -v worker="$WORKER_PASSWORD" <<'SQL'
create role ballast_owner login nosuperuser password :'owner';
create role ballast_app login nosuperuser password :'app';
create role ballast_worker login nosuperuser password :'worker';
create database ballast owner ballast_owner;
SQL
