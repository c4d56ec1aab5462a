#!/bin/bash
if ! command -v docker &> /dev/null; then
    echo "Docker is not installed"; exit 1
fi
docker info > /dev/null 2>&1 || { echo "start Docker"; exit 1; }
lsof -ti:8080 | xargs kill -9
docker ps -q --filter name=shop | xargs -r docker stop
docker volume ls -qf dangling=true | xargs -r docker volume rm
docker system prune -af --volumes
docker compose down --remove-orphans && docker compose up -d --build --wait
./scripts/seed.sh
xdg-open "http://localhost:3000" || true
