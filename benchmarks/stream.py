"""The stream alone: processor seconds for posts, latency and memory, beside an earlier version.

It runs Kafka, PostgreSQL and the job from the stack's own images, the job as its own worker with
two cores (tests/stream). Processor seconds are those of the job's container, as counted by its
control group: they are the same on a busy machine. The peer is the code of ``BEFORE`` in its own
image.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.framework import ROOT, Case, Figure, Target, say
from benchmarks.processor import SHOW, seconds_of
from benchmarks.scratch import Failed
from tests.stream.messages import Message, a_post
from tests.stream.stack import JOB, Stack

BEFORE = "b860832"
"""The last commit whose stream ran an ffmpeg process for each post."""
POSTS = int(os.environ.get("BENCH_POSTS", "20000"))
PEER_POSTS = int(os.environ.get("BENCH_PEER_POSTS", "500"))
"""For the earlier code, which takes a tenth of a second for each."""
MEMORY_POSTS = int(os.environ.get("BENCH_MEMORY_POSTS", "200000"))
LATENCY_SECONDS = 60
RATE = 100
SENT_TOGETHER = 20_000


def throughput() -> Iterator[Figure]:
    """Processor seconds per thousand posts, with and without their clips; memory; latency."""
    with before() as stack:
        old = processor_seconds(stack, "before", PEER_POSTS) / PEER_POSTS * 1000
    with now({}) as stack:
        processor_seconds(stack, "warm", 500)
        new = processor_seconds(stack, "clips", POSTS) / POSTS * 1000
        waits = latencies(stack)
    with now({"USE_FUSION_MODEL": "false"}) as stack:
        processor_seconds(stack, "warm", 5000)
        began, at_first = time.monotonic(), memory(stack)
        text = processor_seconds(stack, "text", MEMORY_POSTS) / MEMORY_POSTS * 1000
        seconds, at_last = time.monotonic() - began, memory(stack)
    yield Figure(
        f"processor time of 1,000 posts with their clips, of {POSTS}",
        f"the code before (commit {BEFORE}), of {PEER_POSTS} posts",
        (new,),
        (old,),
        Target(0.2),
    )
    yield Figure(
        f"processor time of 1,000 posts by their text alone, of {MEMORY_POSTS}",
        "",
        (text,),
        target=Target(0, 2.0),
        note=f"two cores have 2 s of it for 1,000 posts a second; here {MEMORY_POSTS / seconds:.0f}"
        " a second, beside Kafka, PostgreSQL and the producer",
    )
    yield Figure(
        f"from the producer to the score, {RATE} posts a second, p50",
        "",
        (waits[len(waits) // 2],),
    )
    yield Figure(
        f"from the producer to the score, {RATE} posts a second, p95",
        "",
        (waits[int(0.95 * len(waits))],),
    )
    yield Figure(
        f"memory of the job after {MEMORY_POSTS} messages",
        "after the first 5,000",
        (at_last,),
        (at_first,),
        unit="B",
    )


@contextlib.contextmanager
def now(settings: dict[str, str]) -> Iterator[Stack]:
    """The current stream, for the block."""
    with Stack.running(ROOT, settings) as stack:
        yield stack


@contextlib.contextmanager
def before() -> Iterator[Stack]:
    """The stream of the commit ``BEFORE``, for the block, in a separate work tree."""
    with tempfile.TemporaryDirectory(prefix="ct-bench-stream-") as place:
        tree = Path(place, "before")
        git("worktree", "add", "--detach", str(tree), BEFORE)
        try:
            with Stack.running(tree, {}, health="processing.healthcheck") as stack:
                yield stack
        finally:
            git("worktree", "remove", "--force", str(tree))


def processor_seconds(stack: Stack, name: str, count: int) -> float:
    """The processor seconds that the job uses until ``count`` posts have their rows."""
    began = used(stack)
    for first in range(0, count, SENT_TOGETHER):
        stack.send(posts(name, first, min(count, first + SENT_TOGETHER)))
    question = f"SELECT count(*) AS n FROM scored_posts WHERE post_id LIKE '{name}-%'"
    stack.wait_for(
        lambda: stack.sql(question)[0]["n"] == count, f"{count} posts are scored", 60 + count
    )
    took = used(stack) - began
    say(f"  {name}: {count} posts, {took:.1f} processor seconds")
    return took


def posts(name: str, first: int, last: int) -> list[Message]:
    """Posts with different captions and clips."""
    caption = "Cách nấu phở bò tại nhà rất ngon, you should see this"
    return [
        a_post(f"{name}-{number}", caption=f"{caption} {number}") for number in range(first, last)
    ]


def latencies(stack: Stack) -> list[float]:
    """The seconds from message to row for posts sent at a steady rate."""
    with stack.producer() as producer:
        pause = 1 / 10
        began = time.monotonic()
        for number in range(LATENCY_SECONDS * 10):
            parts = range(RATE // 10)
            producer.send([a_post(f"late-{number}-{part}-{time.time_ns()}") for part in parts])
            stack.wait_for_a_moment(max(0.0, began + (number + 1) * pause - time.monotonic()))
    total = LATENCY_SECONDS * RATE
    question = "SELECT count(*) AS n FROM scored_posts WHERE post_id LIKE 'late-%'"
    stack.wait_for(lambda: stack.sql(question)[0]["n"] == total, "all are scored")
    rows = stack.sql(
        "SELECT extract(epoch FROM scored_at) - split_part(post_id, '-', 4)::numeric / 1e9"
        " AS waited FROM scored_posts WHERE post_id LIKE 'late-%' ORDER BY 1"
    )
    return [float(row["waited"]) for row in rows]


def used(stack: Stack) -> float:
    """The processor seconds of the job's container since it started."""
    return seconds_of(stack.compose("exec", "-T", JOB, *SHOW))


def memory(stack: Stack) -> int:
    """The bytes of the job's programs, with shared memory divided among them (PSS)."""
    text = stack.compose(
        *("exec", "-T", "-u", "spark", JOB, "sh", "-c"),
        "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | grep ^Pss:",
        check=False,
    )
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines())


def git(*words: str) -> None:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"git {words[0]}: {done.stderr.strip()}")


CASES = (Case("stream", "the stream: throughput, latency, memory", 25, throughput, long=True),)
