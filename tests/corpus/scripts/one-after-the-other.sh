#!/bin/bash
echo "Starting..."
docker-compose up -d zookeeper broker
./wait-for-it.sh localhost:9092 --timeout=60
until docker inspect -f '{{.State.Health.Status}}' database | grep -q healthy
do
  echo -n .
  sleep 2
done
docker-compose up -d database
docker exec -it broker topics --create --topic posts
docker-compose up -d job
docker-compose logs -f --tail=50 job dashboard
python3 train.py "a text
over two lines"
