#!/bin/sh
# Run once, by an empty PostgreSQL: a role and a database each for the service and for Argilla.
set -eu
for name in firstfault argilla; do
  password=$(printenv "$(echo "$name" | tr '[:lower:]' '[:upper:]')_DB_PASSWORD")
  psql --set ON_ERROR_STOP=1 --set name="$name" --set password="$password" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
done
