#!/bin/sh
# The three database roles and the database, on a new PostgreSQL: mounted into its image by compose.yaml, or run by hand
# with psql's usual PG* variables as a superuser. Passwords come from OWNER_PASSWORD, APP_PASSWORD, WORKER_PASSWORD: psql reads them
# itself, for its command line is everybody's to see, and what fails is not written into the server's log.
set -eu
: "${OWNER_PASSWORD:?}" "${APP_PASSWORD:?}" "${WORKER_PASSWORD:?}"

psql -v ON_ERROR_STOP=1 --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv app APP_PASSWORD
\getenv worker WORKER_PASSWORD
set log_min_error_statement = panic;
create role ballast_owner login nosuperuser password :'owner';
create role ballast_app login nosuperuser password :'app';
create role ballast_worker login nosuperuser password :'worker';
-- A process that stands still in the middle of a transaction holds its locks for so long at most.
alter role ballast_app set idle_in_transaction_session_timeout = '5min';
alter role ballast_worker set idle_in_transaction_session_timeout = '5min';
create database ballast owner ballast_owner template template0 encoding 'UTF8'
    locale_provider builtin builtin_locale 'C.UTF-8' locale 'C';
SQL
