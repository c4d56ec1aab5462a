"""What the machine may lack: room on a disk, a worker, a decoder that lives."""

from __future__ import annotations

import json

import pytest

from tests.stream.messages import a_post
from tests.stream.stack import JOB, Stack

FILL = "dd if=/dev/zero of={folder}/fill bs=4096 2>&1 | grep 'No space left'"
DECODED_MEGABYTES = 500
LIMITS = """
import json, resource, urllib.request
from processing.decode import decode, decode_apart
from processing.messages import Rejected

def told(decoder, content):
    try:
        return f"{decoder(content, 48).count} frames"
    except Rejected as reason:
        return str(reason)

found = {}
for kind in ("ok", "long", "fast", "bomb", "garbage", "cut", "sound"):
    with urllib.request.urlopen(f"http://clips:8000/{kind}/limits.mp4") as answer:
        content = answer.read()
    found[kind] = [told(decoder, content) for decoder in (decode, decode_apart)]
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
found["megabytes"] = [resource.getrusage(one).ru_maxrss // 1024 for one in who]
print(json.dumps(found))
"""

MAPPED = "cat /proc/[0-9]*/maps 2>/dev/null | grep -o '[^/]*[.]jsa$' | sort -u"
SUBMIT = "org.apache.spark.deploy.SparkSubmit"


def test_kafka_and_spark_take_their_classes_from_the_archives_of_their_images(stack: Stack) -> None:
    mapped = ("sh", "-c", MAPPED)
    assert "kafka.jsa" in stack.compose("exec", "-T", "kafka", *mapped).split()
    assert "spark.jsa" in stack.compose("exec", "-T", "-u", "spark", JOB, *mapped).split()


@pytest.mark.parametrize(
    "other", ["-XX:ObjectAlignmentInBytes=16", "-XX:SharedArchiveFile=/nowhere", "-XX:+UseZGC"]
)
def test_kafka_and_spark_run_where_the_archive_does_not_fit(stack: Stack, other: str) -> None:
    topics = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --list"
    options = f"KAFKA_JVM_PERFORMANCE_OPTS={other}"
    result = stack.compose("exec", "-T", "-e", options, "client", *topics.split())
    assert "posts" in result.splitlines()
    job = f"/opt/java/bin/java {other} -cp /other.jar:$SPARK_HOME/jars/* {SUBMIT} --version 2>&1"
    assert "version 4" in stack.compose("exec", "-T", JOB, "sh", "-c", job)


def test_a_full_disk_under_the_checkpoints_is_told_and_outlived(stack: Stack) -> None:
    started = stack.inspect()["State"]["StartedAt"]
    disk = ("exec", "-T", "-u", "root", "client", "sh", "-c")
    stack.send([a_post("before-it-is-full")])
    stack.settle()
    stack.compose(*disk, FILL.format(folder="/checkpoints"))
    try:
        stack.send([a_post(f"while-it-is-full-{number}") for number in range(40)])
        stack.wait_for(lambda: "No space left on device" in stack.health(), "health tells of it")
        assert stack.health().startswith("unhealthy")
    finally:
        stack.compose(*disk, "rm /checkpoints/fill")
    stack.wait_until_streaming()
    stack.send([a_post("after-it-was-full")])
    stack.settle()
    assert stack.inspect()["State"]["StartedAt"] == started


def test_a_full_temporary_folder_is_told_and_outlived(stack: Stack) -> None:
    started = stack.inspect()["State"]["StartedAt"]
    disk = ("exec", "-T", JOB, "sh", "-c")
    stack.compose(*disk, FILL.format(folder="/tmp"))
    try:
        stack.send([a_post(f"no-room-{number}") for number in range(40)])
        stack.kill_program("java")
        stack.wait_for(lambda: "No space left on device" in stack.health(), "health tells of it")
        assert stack.health().startswith("unhealthy")
    finally:
        stack.compose(*disk, "rm /tmp/fill")
    stack.wait_until_streaming()
    stack.settle()
    assert stack.inspect()["State"]["StartedAt"] == started


def test_without_a_worker_the_job_says_so_and_goes_on_when_there_is_one(stack: Stack) -> None:
    with stack.master("spark://spark-master:7077"):
        stack.send([a_post(f"no-worker-{number}") for number in range(20)])
        said = "has had no worker for this job for 30 s"
        stack.wait_for(lambda: said in stack.health(), "health tells that there is none")
        started = stack.inspect()["State"]["StartedAt"]
        stack.compose("up", "-d", "--no-build", "spark-worker")
        stack.wait_until_streaming()
        stack.settle()
        assert stack.inspect()["State"]["StartedAt"] == started


def test_a_clip_takes_no_more_than_a_clip_may(stack: Stack) -> None:
    result = json.loads(stack.compose("exec", "-T", JOB, "python3", "-", stdin=LIMITS.encode()))
    print(result)
    assert max(result.pop("megabytes")) < DECODED_MEGABYTES
    wanted = {
        "ok": "16 frames",
        "long": "64 frames",
        "fast": "64 frames",
        "bomb": "video_url: frames of 8000x8000, more than 4000000 pixels",
        "garbage": "video_url: not an mp4 that can be decoded",
        "cut": "video_url: not an mp4 that can be decoded",
        "sound": "video_url: an mp4 without video",
    }
    for kind, text in wanted.items():
        assert [told[: len(text)] for told in result[kind]] == [text, text], kind
