#!/bin/bash
echo "docker-compose down -v ..." &
docker-compose down -v &
sleep 10 &
COMPOSE_HTTP_TIMEOUT=300 docker-compose up &
wait
