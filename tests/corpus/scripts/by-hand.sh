#!/bin/sh
# every container by itself, in order
docker network create backend 2>/dev/null
docker volume create pgdata
docker run -d --name db \
  --network backend \
  -v pgdata:/var/lib/data \
  -e PASSWORD=secret \
  db:15
for i in $(seq 1 30); do
  docker exec db ready && break
  sleep 1
done
docker build -t api:dev ./api
docker rm -f api
docker run -d --name api --network backend -p 8000:8000 api:dev
docker logs -f api
