#!/bin/bash
# Runs the command as the user spark. Root only for as long as it takes to hand that user the mounted state
# folders, which the engine, or git, made for root.
set -euo pipefail

# A worker takes the machine's cores, four at most: each holds a Python with the models beside the JVM, and more workers
# are had by --scale.
if [[ ${SPARK_WORKER_CORES:-0} == 0 ]]; then
    cores=$(nproc)
    export SPARK_WORKER_CORES=$((cores < 4 ? cores : 4))
fi

# A container on several networks has an address on each, and Spark would be known by any of them: the right one is that
# by which it reaches its master.
if [[ ${SPARK_MASTER:-} =~ ^spark://([^:]+) ]]; then
    until SPARK_LOCAL_HOSTNAME=$(curl -fsS -o /dev/null -w '%{local_ip}' "http://${BASH_REMATCH[1]}:8080/json/"); do
        sleep 1
    done
    export SPARK_LOCAL_HOSTNAME
fi

if [[ $(id -u) == 0 ]]; then
    for folder in /tmp/.ivy2 /opt/spark/checkpoints; do
        find "$folder" ! -user spark -exec chown -h spark:spark {} + \
            || echo "$folder keeps its owner: if the job can't write there, look at its permissions" >&2
    done
    exec setpriv --reuid=spark --regid=spark --init-groups --inh-caps=-all -- env HOME=/home/spark "$@"
fi
exec "$@"
