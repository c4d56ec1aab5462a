#!/bin/bash
docker-compose up --build -d
while [[ "$(curl -s -o /dev/null -w '%{http_code}' localhost:8080)" != "200" ]]; do sleep 5; done
open http://localhost:8080
