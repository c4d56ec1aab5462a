#!/bin/bash
# what the team types

clear ()
{
  docker rm -f $(docker ps -aq)
  docker rmi -f $(docker images -aq)
}

build() {
  docker-compose build
}

start() {
  build
  docker-compose up
}

case "$1" in
  start) start ;;
  stop|halt)
    docker-compose stop
    ;;
  sh) docker-compose exec -T app bash -c "ls; pwd" ;;
  *) echo "usage: $0 start|stop" ;;
esac
