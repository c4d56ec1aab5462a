#!/bin/bash
# Runs one of Kafka's Java classes: kafka-run-class.sh CLASS [ARGUMENT...]
set -euo pipefail
# shellcheck disable=SC2086  # several options in one variable each, as Kafka's own script has it
exec java ${KAFKA_HEAP_OPTS:--Xmx256m} ${KAFKA_JVM_PERFORMANCE_OPTS:-} \
    -Dlog4j2.configurationFile="${KAFKA_LOG4J_CONFIG:-/opt/kafka/config/log4j2.xml}" \
    -cp '/opt/kafka/libs/*' "$@"
