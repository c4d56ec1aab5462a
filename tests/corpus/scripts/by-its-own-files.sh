#!/usr/bin/env bash
set -x
docker-compose -f ./docker/dev.yml build --force-rm --no-cache --pull
docker-compose -f ./docker/dev.yml --profile web up -d --scale worker=3
sleep 25
http :8080
docker-compose -f ./docker/dev.yml down -v

bash ./docker/cleanup.sh
