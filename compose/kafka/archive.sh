#!/bin/bash
# Makes /opt/kafka/kafka.jsa: the classes that a broker and the console's tools load, from their formatting and start
# to a message that went through, as java maps them into memory. (kafka-run-class.sh uses it.)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work" /opt/kafka/config/server.properties' EXIT
bin=/opt/kafka/bin
export KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:DumpLoadedClassList=$work/%p.classes"

CLUSTER_ID=archive KAFKA_NODE_ID=1 KAFKA_PROCESS_ROLES=broker,controller \
    KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:9093 KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER \
    KAFKA_LISTENERS=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093 \
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT \
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1 KAFKA_LOG_DIRS="$work/data" \
    "$bin/start.sh" > "$work/log" &
broker=$!
trap 'tail -20 "$work/log"' ERR
tries=240
until (exec 3<> /dev/tcp/localhost/9092) 2> "$work/refused"; do
    kill -0 "$broker"
    ((tries--)) # a failure when none is left
    sleep 0.5
done
here=(--bootstrap-server localhost:9092)
"$bin/kafka-topics.sh" "${here[@]}" --create --topic posts
"$bin/kafka-console-producer.sh" "${here[@]}" --topic posts <<< message
"$bin/kafka-console-consumer.sh" "${here[@]}" --topic posts --from-beginning --max-messages 1 --timeout-ms 60000
"$bin/kafka-consumer-groups.sh" "${here[@]}" --list
kill "$broker"
wait "$broker" || [[ $? == 143 ]]

sort -u "$work"/*.classes > "$work/classes"
KAFKA_JVM_PERFORMANCE_OPTS="-Xshare:dump -XX:SharedClassListFile=$work/classes -Xlog:cds=error:stderr" \
    "$bin/kafka-run-class.sh" > "$work/log" || {
    tail -20 "$work/log"
    rm -f /opt/kafka/kafka.jsa
    echo "no archive of the classes could be made: they are loaded from the jars"
}
