#!/bin/bash
# Puts the connectors among Spark's own jars, and makes an archive of the classes that Spark and our job load from there.
set -euo pipefail

connectors=org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1
have=org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SPARK_LOCAL_HOSTNAME=localhost JDK_JAVA_OPTIONS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

submit() {
    spark-submit --conf spark.log.level=WARN --conf spark.jars.ivy="$work" "$@" > "$work/log" 2>&1
}

: > "$work/nothing.py"
if ! submit --packages "$connectors" --conf spark.jars.excludes="$have" "$work/nothing.py"; then
    tail -20 "$work/log"
    grep -qE "unresolved dependency|download failed" "$work/log" || exit 1
    echo "Maven Central does not answer: the job's first start will fetch the connectors, and no classes are archived"
    exit
fi
for jar in "$work"/jars/*.jar; do
    name=${jar##*/} # GROUP_ARTIFACT-VERSION.jar
    [[ -e $SPARK_HOME/jars/${name#*_} ]] || install -m 0644 "$jar" "$SPARK_HOME/jars/${name#*_}"
done

submit --driver-java-options "-XX:ArchiveClassesAtExit=/opt/java/spark.jsa -Xlog:cds*=error:stderr" --master 'local[2]' \
    --conf spark.scheduler.mode=FAIR --conf spark.sql.adaptive.enabled=false \
    --conf spark.sql.streaming.disabledV2MicroBatchReaders=org.apache.spark.sql.kafka010.KafkaSourceProvider \
    "$(dirname "$0")/job.py" || { tail -40 "$work/log"; exit 1; }
