#!/usr/bin/env bash
set -e
cd "$(dirname "$0")" && pwd

if ! [ "`which docker-compose`" ]; then
  echo 'Error: docker-compose must be installed' >&2
  exit 1
fi

sudo docker network create --driver bridge cluster || true
sudo docker-compose up -d --build
retVal=$?
if [ $retVal -ne 0 ]; then
    echo "failed"
    exit $retVal
fi
sleep 10
sudo docker-compose logs
sudo docker-compose down
sudo docker network rm cluster || true
