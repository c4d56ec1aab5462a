#!/bin/bash
set -a
source .env
set +a
[ -f .env ] || cp .env.example .env
export $(grep -v '^#' .env | xargs)
mkdir -p data/db && chmod -R 777 data
docker-compose --env-file .env pull
docker-compose --env-file .env run --rm app ./manage migrate
docker-compose --env-file .env up --build --force-recreate -d web worker
cat <<EOF
docker is up at
http://localhost:8000
EOF
