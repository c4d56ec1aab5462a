"""What ended a container is told from what the engine knows, and no more than that."""

from __future__ import annotations

import re
from typing import Any

import pytest

from composetasks.plan.start.causes import Case, Cause, cause
from composetasks.plan.start.readiness import Phase, Readiness

EIGHT = {"Memory": 8 << 20}


def killed(
    *, noticed: bool = False, code: int = 137, asked: bool | None = None, limits: Any = None
) -> Cause:
    """The diagnosis of a container that ended with ``code``."""
    record = {"State": {"OOMKilled": noticed, "ExitCode": code}, "HostConfig": limits or {}}
    verdict = Readiness(Phase.FAILED, f"ended with {code}", "killed")
    return cause(Case("one", verdict, record=record, asked_to_end=asked))


def test_the_engine_s_notice_of_the_kernel_s_kill_is_enough() -> None:
    result = killed(noticed=True, limits=EIGHT, asked=None)
    assert result.kind == "out-of-memory"
    assert result.words == ("OOM-killed: it reached its memory limit of 8 MiB",)


def test_without_it_a_limit_and_nobody_who_asked_make_it_likely() -> None:
    result = killed(limits=EIGHT, asked=False)
    assert result.kind == "out-of-memory"
    assert "most likely it reached its memory limit of 8 MiB" in result.words[1]
    assert "mem_limit" in result.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('environment variable "TOKEN" required by secret "shop_token" is not set', "give TOKEN a"),
        (
            'could not select device driver "" with capabilities: [[gpu]]',
            "Toolkit), or remove `gpus`",
        ),
        ("'models' support requires Docker Model plugin", "install the Docker Model plugin"),
    ],
)
def test_what_this_machine_lacks_is_named_with_the_way_to_get_it(said: str, hint: str) -> None:
    verdict = Readiness(Phase.FAILED, "could not be started", "start-failed")
    result = cause(Case("one", verdict, printed=said))
    assert (result.kind, result.words) == ("prerequisite-missing", (said,))
    assert hint in result.hint


@pytest.mark.parametrize(
    ("asked", "limits", "sender"),
    [
        (True, EIGHT, "someone asked the engine to kill it"),
        (None, EIGHT, "the sender is unknown"),
        (False, None, "the sender is unknown"),
    ],
)
def test_else_it_was_a_signal(asked: bool | None, limits: Any, sender: str) -> None:
    result = killed(asked=asked, limits=limits)
    assert result.kind == "killed"
    assert sender in result.words[1]


def test_other_signals_are_no_matter_of_memory() -> None:
    result = killed(code=139, asked=False, limits=EIGHT)
    assert (result.kind, len(result.words)) == ("killed", 1)


MOUNTS = [
    {"Source": "/home/me/app", "Destination": "/app", "RW": True},
    {"Name": "p_data", "Destination": "/data", "RW": False},
]


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("/app/start: exec: line 3: celery: Permission denied", ""),
        ("/app/start: line 3: celery: Permission denied", ""),
        ("/app/start: 3: exec: ./manage: Permission denied", ""),
        ("/app/start: line 3: /data/made: Read-only file system", "/data/made"),
        ("/app/start: 3: cannot create /data/made: Read-only file system", "/data/made"),
        ("sh: /app/start: Permission denied", "/app/start"),
        ("sh: 1: /app/start: Permission denied", "/app/start"),
        ("PermissionError: [Errno 13] Permission denied: '/data/made'", "/data/made"),
    ],
)
def test_a_script_that_reports_a_refusal_is_not_what_was_refused(line: str, path: str) -> None:
    record = {"State": {"ExitCode": 126}, "HostConfig": {}, "Mounts": MOUNTS}
    verdict = Readiness(Phase.FAILED, "exited with code 126", "ended")
    result = cause(Case("one", verdict, record=record, lines=(line,)))
    refused = re.search(r"denied access to (\S+),", result.words[0])
    assert (refused[1] if refused else "") == path
    assert result.kind == ("mount-not-permitted" if path else "command-not-executable")


def test_of_many_probes_the_engine_shows_the_last() -> None:
    probe = {"Start": "2026-03-01T10:00:00Z", "ExitCode": 1, "Output": ""}
    state = {"Running": True, "Health": {"Status": "unhealthy", "Log": [probe] * 5}}
    verdict = Readiness(Phase.WAITING, "starting", "timeout")
    record = {"State": {**state, "StartedAt": "2026-03-01T09:00:00Z"}, "HostConfig": {}}
    result = cause(Case("one", verdict, record=record, limit=60))
    words = "its health check did not pass within 60 s; the last 5 probes exited with code 1"
    assert result.words == (words,)
