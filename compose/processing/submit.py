"""Becomes the spark-submit that runs the job: `python3 -m processing.submit VERSION ARCHIVE`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from processing.settings import InvalidSetting, Settings, read_settings

EXIT_SETTING = 6
PACKAGES = ("org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",)
"""The image has them where it was built with a network (compose/spark/classes/make.sh)."""
# For a job this small Java's best compiler costs more than it gives: without it a start takes half
# the processor time (10 s for 19 s, measured on 2 cores).
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
CONFIGURATION = {
    "spark.jars.ivy": "/tmp/.ivy2",
    # Spark has these two already: 50 MB that each executor would fetch again.
    "spark.jars.excludes": (
        "org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime"
    ),
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.log.level": "WARN",
    "spark.ui.showConsoleProgress": "false",
    # A Python worker that has had nothing to do for a minute is ended: the next one is a fork of a
    # process that has imported what they need already (compose/spark/warm_daemon.py).
    "spark.python.daemon.module": "warm_daemon",
    # Clips that are tried again must not hold up those that come in.
    "spark.scheduler.mode": "FAIR",
    # Streams can't have it; Spark would say so at each start.
    "spark.sql.adaptive.enabled": "false",
    # The newer reader of Kafka fails when it first replays a batch: SPARK-55271, in 4.1.1.
    "spark.sql.streaming.disabledV2MicroBatchReaders": (
        "org.apache.spark.sql.kafka010.KafkaSourceProvider"
    ),
    "spark.sql.streaming.stopTimeout": "15s",
    # What Spark keeps of batches that are over: its page shows the last of them.
    "spark.ui.retainedJobs": "100",
    "spark.ui.retainedStages": "100",
    "spark.ui.retainedTasks": "1000",
    "spark.sql.ui.retainedExecutions": "20",
    "spark.sql.streaming.numRecentProgressUpdates": "20",
}


def main(version: str, archive: str) -> int:
    """Checks the settings first: a wrong one is told in one line, before a JVM starts."""
    try:
        settings = read_settings(os.environ)
    except InvalidSetting as error:
        print(f"SettingError: {error}", file=sys.stderr, flush=True)
    else:
        job = Path(__file__).with_name("job.py")
        packages = missing_packages(Path(os.environ["SPARK_HOME"], "jars"))
        command = submit_command(settings, job, Path(archive), version, packages)
        os.execvp(command[0], command)
    return EXIT_SETTING


def missing_packages(jars: Path) -> list[str]:
    """Those of the packages that are not among Spark's own jars: Spark is to fetch them."""
    names = {package: "{1}-{2}.jar".format(*package.split(":")) for package in PACKAGES}
    return [package for package, name in names.items() if not (jars / name).exists()]


def submit_command(
    settings: Settings, job: Path, archive: Path, version: str, packages: Sequence[str]
) -> list[str]:
    """The spark-submit that runs the job. Holds no secret: those stay in the environment."""
    command = ["spark-submit", "--master", settings.spark_master, "--name", "spark-processor"]
    command += ["--py-files", str(archive)]
    if packages:
        command += ["--packages", ",".join(packages)]
    for name, value in CONFIGURATION.items():
        command += ["--conf", f"{name}={value}"]
    if settings.executor_memory:
        command += ["--conf", f"spark.executor.memory={settings.executor_memory}"]
    return [*command, str(job), version]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
