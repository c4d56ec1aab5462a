"""Each fault by itself: what is said of it while it lasts, and what is left of it afterwards."""

from __future__ import annotations

import os
import time

import pytest

from tests.stream.messages import DEAD, Message, a_post, poison
from tests.stream.stack import JOB, Stack

OUTAGE_SECONDS = float(os.environ.get("STREAM_OUTAGE", "20"))
"""How long something is away; 900 is a quarter of an hour."""
RELOAD_SECONDS = 30.0


def code_of(stack: Stack, name: str) -> str:
    result = stack.sql(f"SELECT code_version FROM scored_posts WHERE post_id = '{name}'")
    return str(result[0]["code_version"]) if result else ""


def test_poison_is_rejected_and_costs_no_other_message(stack: Stack) -> None:
    started = stack.inspect()["State"]["StartedAt"]
    huge = Message("huge", b"x" * 50_000_000, "")
    clips = [a_post(f"poison-{kind}", kind, caption=kind) for kind in (*DEAD, "long", "fast")]
    stack.send([a_post("before"), *poison("bad"), huge, *clips, a_post("after")])
    stack.settle()
    assert stack.inspect()["State"]["StartedAt"] == started
    reasons = {one["reason"] for one in stack.told("posts.rejected").values()}
    wanted = ("50000000", "frames of 8000x8000", "not public", "HTTP 404", "not an mp4")
    for reason in (*wanted, "more than 16 MiB", "without video"):
        assert any(reason in told for told in reasons), (reason, reasons)


def test_a_slow_clip_is_scored_by_its_text_meanwhile_and_holds_up_no_other(stack: Stack) -> None:
    stack.feed("bad")
    others = [a_post(f"beside-slow-{number}") for number in range(20)]
    stack.send([a_post("dribbles", "slow"), a_post("stumbles", "down"), *others])

    def ready() -> bool:
        result = stack.sql(
            "SELECT post_id, score = text_score AS by_text, video_score IS NULL AS waits"
            " FROM scored_posts WHERE post_id LIKE 'beside-slow-%'"
            " OR post_id IN ('dribbles', 'stumbles')"
        )
        waiting = {row["post_id"] for row in result if row["waits"] and row["by_text"]}
        return len(result) == len(others) + 2 and waiting == {"dribbles", "stumbles"}

    stack.wait_for(ready, "the others are scored, and both by their text")
    stack.feed("good")
    stack.settle()


@pytest.mark.parametrize("service", ["postgres", "kafka"])
def test_an_outage_is_told_and_outlived(stack: Stack, service: str) -> None:
    said = {"postgres": "the database does not answer since", "kafka": "does not answer since"}
    started = stack.inspect()["State"]["StartedAt"]
    stack.send([a_post(f"before-{service}-{number}") for number in range(20)])
    stack.compose("stop", service)
    if service == "postgres":
        stack.send([a_post(f"while-{service}-{number}") for number in range(20)])
    stack.wait_for(lambda: said[service] in stack.health(), f"health tells of {service}")
    end = time.monotonic() + OUTAGE_SECONDS
    stack.wait_for(lambda: time.monotonic() > end, "the outage is over", OUTAGE_SECONDS + 60)
    assert said[service] in stack.health()
    stack.compose("start", service)
    stack.wait_until_streaming()
    stack.send([a_post(f"after-{service}")])
    stack.settle()
    assert stack.inspect()["State"]["StartedAt"] == started
    assert stack.inspect()["RestartCount"] == 0


def test_a_bad_edit_leaves_the_old_code_streaming_and_a_good_one_takes_over(stack: Stack) -> None:
    file = stack.code / "settings.py"
    good = file.read_text()
    stack.send([a_post("old-code")])
    stack.settle()
    file.write_text(good.replace("import re\n", "import nonexistent\n", 1))
    try:
        mistake = "No module named 'nonexistent'); code"
        stack.wait_for(lambda: mistake in stack.health(), "health tells of the edit")
        assert stack.health().startswith("streaming")
        assert "(settings.py, line " in stack.health()
        stack.send([a_post("old-code-still")])
        stack.settle()
        assert code_of(stack, "old-code-still") == code_of(stack, "old-code")
        file.write_text(good + "# mended\n")
        began = time.monotonic()
        stack.wait_for(lambda: "warning" not in stack.health(), "the edit is taken")
        stack.wait_until_streaming()
        seconds = time.monotonic() - began
        stack.send([a_post("new-code")])
        stack.settle()
        assert code_of(stack, "new-code") != code_of(stack, "old-code")
        print(f"the mended code streams after {seconds:.0f} s (wanted: {RELOAD_SECONDS:.0f})")
    finally:
        file.write_text(good)
        stack.wait_for(lambda: "warning" not in stack.health(), "the code is as it was")


@pytest.mark.parametrize("fate", ["killed", "recreated"])
def test_a_container_that_ends_while_an_edit_cannot_run_comes_back_by_the_code_that_worked(
    stack: Stack, fate: str
) -> None:
    name = fate.replace(" ", "-")
    stack.send([a_post(f"before-it-is-{name}")])
    stack.settle()
    file = stack.code / "settings.py"
    good = file.read_text()
    try:
        if fate == "killed":
            file.write_text(good.replace("import re\n", "import nonexistent\n", 1))
            stack.wait_for(lambda: "nonexistent" in stack.health(), "health tells of the edit")
            stack.compose("kill", JOB)
            stack.send([a_post(f"while-it-is-{name}")])
            stack.compose("start", JOB)
        else:
            stack.compose("kill", JOB)
            file.write_text(good.replace("import re\n", "import nonexistent\n", 1))
            stack.send([a_post(f"while-it-is-{name}")])
            stack.recreate()
        stack.wait_until_streaming()
        assert "(settings.py, line " in stack.health()
        assert "nonexistent" in stack.compose("logs", "--no-log-prefix", "--tail", "100", JOB)
        stack.settle()
        assert code_of(stack, f"while-it-is-{name}") == code_of(stack, f"before-it-is-{name}")
        file.write_text(good + "# mended\n")
        stack.wait_for(lambda: "warning" not in stack.health(), "the edit is taken")
        stack.wait_until_streaming()
        stack.send([a_post(f"after-it-was-{name}")])
        stack.settle()
        assert code_of(stack, f"after-it-was-{name}") != code_of(stack, f"before-it-is-{name}")
    finally:
        file.write_text(good)
        stack.wait_for(lambda: "warning" not in stack.health(), "the code is as it was")


def test_code_that_fails_at_its_first_batch_gives_way_to_the_code_that_worked(
    stack: Stack,
) -> None:
    stack.send([a_post("works")])
    stack.settle()
    file = stack.code / "scoring.py"
    good = file.read_text()
    file.write_text(good.replace("if not policy.fusion:", "if not policy.infusion:"))
    try:
        before = code_of(stack, "works")
        stack.wait_for(lambda: before not in stack.health(), "it is tried")
        stack.send([a_post("fails-at-first")])
        stack.wait_for(lambda: "AttributeError" in stack.health(), "health tells of the edit")
        stack.settle()
        assert code_of(stack, "fails-at-first") == code_of(stack, "works")
    finally:
        file.write_text(good)
        stack.wait_for(lambda: "warning" not in stack.health(), "the code is as it was")


def test_code_that_fails_at_what_waits_for_its_clip_gives_way_to_the_code_that_worked(
    stack: Stack,
) -> None:
    stack.feed("bad")
    stack.send([a_post("worked"), a_post("waits", "down")])
    waits = "SELECT 1 FROM scored_posts WHERE post_id = 'waits' AND video_score IS NULL"
    stack.wait_for(lambda: code_of(stack, "worked") and stack.sql(waits), "one of them waits")
    file = stack.code / "scoring.py"
    good = file.read_text()
    file.write_text(f"{good}\ndef combine(*_): return nonexistent\n")
    try:
        before = code_of(stack, "worked")
        stack.wait_for(lambda: before not in stack.health(), "it is tried")
        stack.feed("good")
        stack.wait_for(lambda: "NameError" in stack.health(), "health tells of the edit")
        stack.settle()
        assert code_of(stack, "waits") == before
    finally:
        file.write_text(good)
        stack.wait_for(lambda: "warning" not in stack.health(), "the code is as it was")


@pytest.mark.parametrize("victim", ["java", "python", "container"])
def test_a_program_killed_in_the_midst_of_a_batch_costs_nothing(stack: Stack, victim: str) -> None:
    stack.send([a_post(f"killed-{victim}-{number}") for number in range(300)])
    stack.wait_for(
        lambda: stack.sql(f"SELECT 1 FROM scored_posts WHERE post_id LIKE 'killed-{victim}-%'"),
        "some are scored",
    )
    if victim == "container":
        stack.compose("kill", JOB)
        stack.compose("start", JOB)
    else:
        stack.kill_program(victim)
    stack.settle()


def test_a_recreated_topic_is_read_from_its_first_message(stack: Stack) -> None:
    tool = "/opt/kafka/bin/kafka-topics.sh"
    words = ("exec", "-T", "client", tool, "--bootstrap-server", "kafka:9092")
    stack.send([a_post(f"first-topic-{number}") for number in range(10)])
    stack.settle()
    stack.compose(*words, "--delete", "--topic", "posts")
    stack.compose(*words, "--create", "--topic", "posts", "--if-not-exists", "--partitions", "2")
    stack.send([a_post(f"second-topic-{number}") for number in range(40)])
    stack.settle()


def test_a_cut_checkpoint_ends_the_job_with_a_sentence(stack: Stack) -> None:
    stack.send([a_post("before-the-cut")])
    stack.settle()
    stack.compose("stop", JOB)
    run = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "bash", JOB, "-c")
    newest = "cd $(ls -dt /opt/spark/checkpoints/posts-*/commits | head -1)"
    stack.compose(*run, f'{newest} && : > "$(ls -v | tail -1)"')
    stack.compose("start", JOB)
    ended = stack.wait_for(
        lambda: stack.inspect()["State"]["Status"] == "exited" and stack.inspect(), "it ends"
    )
    logs = stack.compose("logs", "--no-log-prefix", "--tail", "100", JOB)
    stack.compose(*run, "rm -rf /opt/spark/checkpoints/p*")
    assert ended["State"]["ExitCode"] == 4
    assert "is cut short" in logs
    assert "empty the checkpoints (inv reset-state)" in logs
    assert "IndexError" not in logs
