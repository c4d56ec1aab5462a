"""The exit codes of every task."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """The exit codes of a task; docs/reference/exit-codes.md repeats these."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BUG = 3
    REFUSED = 4
    NO_ENGINE = 5
    INVALID = 6
    BUILD_FAILED = 7
    NOT_HEALTHY = 8
    CONFLICT = 9
    CHANGES = 10
    LOCKED = 75
    INTERRUPTED = 130
    TERMINATED = 143
