#!/bin/bash
# Runs one of Kafka's Java classes: kafka-run-class.sh CLASS [ARGUMENT...]
set -euo pipefail
# The archive of classes (archive.sh) is used as it lies in memory, at the address that it is meant for: java would copy
# all of it to another one. It is good for one class path alone, and java fills in `libs/*` in the order of the file
# system: here it is sorted. Where it does not fit, java loads the classes from their jars.
printf -v jars '%s:' /opt/kafka/libs/*.jar
# shellcheck disable=SC2086  # several options in one variable each, as Kafka's own script has it
exec java -XX:SharedArchiveFile=/opt/kafka/kafka.jsa -Xshare:auto \
    -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0 -Xlog:disable -Xlog:all=warning:stderr \
    ${KAFKA_HEAP_OPTS:--Xmx256m} ${KAFKA_JVM_PERFORMANCE_OPTS:-} \
    -Dlog4j2.configurationFile="${KAFKA_LOG4J_CONFIG:-/opt/kafka/config/log4j2.xml}" \
    -cp "${jars%:}" "$@"
