#!/bin/sh
# Makes the database of one service ($SERVICE_DATABASE), owned by a role of that name that is no superuser.
# The postgres image runs this once, as it initialises an empty volume.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set name="$SERVICE_DATABASE" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat /run/secrets/database_password`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
