#!/bin/bash
# Writes server.properties from the KAFKA_* variables, formats the storage once, and becomes the broker.
set -euo pipefail

properties=/opt/kafka/config/server.properties

# KAFKA_LOG_DIRS is log.dirs; _ is a dot, __ an underscore, ___ a dash: the official image's rule.
# Variables of Kafka's own scripts (heap, logging) are no broker settings.
env -0 | while IFS='=' read -r -d '' name value; do
    case $name in
        KAFKA_HEAP_OPTS | KAFKA_JVM_PERFORMANCE_OPTS | KAFKA_OPTS | KAFKA_LOG4J_*) continue ;;
        KAFKA_*) ;;
        *) continue ;;
    esac
    key=${name#KAFKA_}
    key=${key//___/-}
    key=${key//__/$'\x01'}
    key=${key//_/.}
    key=${key//$'\x01'/_}
    printf '%s=%s\n' "${key,,}" "$value"
done > "$properties"

/opt/kafka/bin/kafka-run-class.sh kafka.tools.StorageTool format --ignore-formatted \
    --cluster-id "${CLUSTER_ID:?is needed to format the storage}" --config "$properties"
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka "$properties"
