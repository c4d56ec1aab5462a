#!/bin/bash
# Airflow's metadata live in the same server, in a database and under a role of their own.
set -euo pipefail
psql --quiet --set ON_ERROR_STOP=1 --set password="$POSTGRES_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'password';
CREATE DATABASE airflow OWNER airflow;
SQL
