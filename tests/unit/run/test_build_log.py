"""BuildKit's messages, turned into steps, a log and a failure."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from composetasks.facts import BuildTime
from composetasks.run.build_log import BuildLog

T0, T1 = "2026-01-01T10:00:00.25Z", "2026-01-01T10:00:02.750000001Z"


def fed(*messages: dict[str, Any] | str) -> tuple[BuildLog, str, list[str]]:
    """The log of some messages, its text, and the names of the steps that started."""
    stream = io.StringIO()
    log = BuildLog(stream)
    started = []
    for message in messages:
        line = message if isinstance(message, str) else json.dumps(message)
        started += [vertex.name for vertex in log.feed(line)]
    return log, stream.getvalue(), started


def vertex(name: str, **fields: Any) -> dict[str, Any]:
    return {"vertexes": [{"digest": f"sha256:{name}", "name": name, **fields}]}


def said(name: str, text: str) -> dict[str, Any]:
    data = base64.b64encode(text.encode()).decode()
    return {"logs": [{"vertex": f"sha256:{name}", "stream": 1, "data": data}]}


RUN = "[2/3] RUN make"


def test_steps_of_the_dockerfile_are_told_once_when_they_start() -> None:
    internal = "[internal] load build context"
    _, _, started = fed(
        vertex(internal, started=T0),
        vertex(RUN),
        vertex(RUN, started=T0),
        vertex(RUN, started=T0, completed=T1),
    )
    assert started == [RUN]


def test_a_cached_step_is_not_one_that_starts() -> None:
    log, text, started = fed(vertex(RUN, started=T0, completed=T0, cached=True))
    assert started == []
    assert "CACHED" in text
    assert log.steps() == [{"name": RUN, "seconds": 0.0, "cached": True}]


def test_seconds_are_told_to_the_nanosecond() -> None:
    log, text, _ = fed(vertex(RUN, started=T0), vertex(RUN, started=T0, completed=T1))
    assert log.steps() == [{"name": RUN, "seconds": 2.5, "cached": False}]
    assert text == f"#1 {RUN}\n#1 DONE 2.5s\n"


def test_output_is_put_together_line_by_line() -> None:
    _, text, _ = fed(vertex(RUN, started=T0), said(RUN, "one\ntw"), said(RUN, "o\nthree"))
    assert text.splitlines()[1:] == ["#1 one", "#1 two"]


def test_a_failure_is_the_step_that_failed_and_not_those_cancelled_with_it() -> None:
    log, _, _ = fed(
        vertex("[other 1/1] RUN sleep", started=T0, error="context canceled: context canceled"),
        vertex(RUN, started=T0),
        *(said(RUN, f"line {number}\n") for number in range(40)),
        said(RUN, "no newline"),
        vertex(RUN, started=T0, completed=T1, error="exit code: 2"),
        "Dockerfile:7",
        "--------------------",
        "   7 | >>> RUN make",
        "--------------------",
        "ERROR: failed to solve: exit code: 2",
    )
    failed = log.failed()
    assert failed is not None
    assert failed.name == RUN
    assert log.last_lines() == [*(f"line {number}" for number in range(11, 40)), "no newline"]
    assert log.dockerfile_line() == 7
    assert log.last_error() == "failed to solve: exit code: 2"


def test_a_build_that_never_began_has_said_why() -> None:
    log, _, _ = fed("ERROR: no builder")
    assert log.failed() is None
    assert log.last_lines() == []
    assert log.dockerfile_line() is None
    assert log.last_error() == "no builder"


def test_base_images_from_a_registry_are_known_by_their_digest() -> None:
    digest = f"sha256:{'1' * 64}"
    log, _, _ = fed(
        vertex(f"[base 1/2] FROM docker.io/library/python:3.11@{digest}", started=T0),
        vertex("[1/2] FROM docker.io/library/local:1", started=T0),
    )
    assert log.bases() == {"docker.io/library/python:3.11": digest}


def test_triggers_are_seen() -> None:
    assert fed(vertex("[2/3] ONBUILD COPY . /app"))[0].has_triggers()
    assert not fed(vertex("[2/3] COPY onbuild /app"))[0].has_triggers()


def at(second: float) -> str:
    return f"2026-01-01T10:00:{second:06.3f}Z"


def spoke(name: str, second: float) -> dict[str, Any]:
    data = base64.b64encode(b"hello\n").decode()
    return {"logs": [{"vertex": f"sha256:{name}", "data": data, "timestamp": at(second)}]}


def test_the_wait_for_a_locked_cache_mount_is_not_counted() -> None:
    locked = "[1/2] RUN --mount=type=cache,target=/c,sharing=locked apt-get update"
    plain = "[2/2] RUN sleep 9 && echo"
    log, _, _ = fed(
        vertex(locked, started=at(0)),
        spoke(locked, 8),
        vertex(locked, started=at(0), completed=at(10)),
        vertex(plain, started=at(10)),
        spoke(plain, 19),
        vertex(plain, started=at(10), completed=at(20)),
    )
    assert [step["seconds"] for step in log.steps()] == [2.0, 10.0]
    assert log.waited() == 8.0


def test_a_locked_step_that_speaks_at_once_did_not_wait() -> None:
    locked = "[1/2] RUN --mount=type=cache,target=/c,sharing=locked apt-get update"
    log, _, _ = fed(
        vertex(locked, started=at(0)),
        spoke(locked, 0.5),
        vertex(locked, started=at(0), completed=at(10)),
    )
    assert [step["seconds"] for step in log.steps()] == [10.0]
    assert log.waited() == 0.0


def test_a_build_is_busy_from_its_first_step_that_ran_to_its_last() -> None:
    log, _, _ = fed(
        vertex("[internal] load build definition", started=at(0), completed=at(1)),
        vertex("[1/3] RUN cached", started=at(1), completed=at(1), cached=True),
        vertex("[2/3] RUN a", started=at(2), completed=at(5)),
        vertex("[other 1/1] RUN b", started=at(3), completed=at(7)),
        vertex("exporting to image", started=at(7), completed=at(9.5)),
    )
    assert log.time(12.0) == BuildTime(seconds=12.0, busy=5.0, export=2.5)
    assert fed()[0].time(1.0) == BuildTime(1.0, 0.0, 0.0)


def test_what_another_build_did_before_did_not_run_for_this_one() -> None:
    locked = "[1/3] RUN --mount=type=cache,target=/c,sharing=locked apt-get update"
    shared = "[2/3] RUN --mount=type=cache,target=/c,sharing=locked apt-get install"
    own = "[3/3] COPY a /"
    log, _, _ = fed(
        vertex("[internal] load build definition from Dockerfile", started=at(20)),
        # Of another build under way: the first step is done, the second still goes on.
        vertex(locked, started=at(0), completed=at(10)),
        vertex(shared, started=at(11)),
        spoke(shared, 25),
        vertex(shared, started=at(11), completed=at(30)),
        vertex(own, started=at(30), completed=at(31)),
    )
    assert [(step["seconds"], step["cached"]) for step in log.steps()] == [
        (10.0, True),
        (5.0, False),
        (1.0, False),
    ]
    assert log.waited() == 5.0
    assert log.time(12.0).busy == 11.0
