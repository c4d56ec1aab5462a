#!/bin/bash
# Airflow's metadata live in the same server, in a database and under a role of their own. Service migrate gives that role
# its password, as it does for all others.
set -euo pipefail
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE airflow LOGIN;
CREATE DATABASE airflow OWNER airflow;
SQL
