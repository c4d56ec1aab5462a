#!/bin/bash
# Quiet: a tool's answer is on standard output, and its log would stand among it.
export KAFKA_LOG4J_CONFIG=/opt/kafka/config/tools-log4j2.xml KAFKA_HEAP_OPTS=-Xmx256m
exec /opt/kafka/bin/kafka-run-class.sh org.apache.kafka.tools.TopicCommand "$@"
