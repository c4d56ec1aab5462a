#!/bin/bash
set -e

function finish {
    docker-compose --file a.yml --file b.yml logs
    docker-compose --file a.yml --file b.yml down --volumes --rmi local
}

trap finish EXIT

docker-compose --file a.yml --file b.yml up -d
http_code=$(curl -sS http://localhost:8889/ -o /dev/null -w '%{http_code}' 2>&1)
[[ "$http_code" == "200" ]]
