"""Functions that checks share."""

from __future__ import annotations

import re

from composetasks.facts import Check, Status


def ok(name: str, message: str) -> Check:
    return Check(name, Status.OK, message)


def warning(name: str, message: str, hint: str) -> Check:
    return Check(name, Status.WARNING, message, hint)


def failed(name: str, message: str, hint: str) -> Check:
    return Check(name, Status.FAILED, message, hint)


def skipped(name: str, message: str) -> Check:
    return Check(name, Status.SKIPPED, message)


def at_least(version: str, oldest: tuple[int, int]) -> bool:
    """Whether the first two numbers of a version are ``oldest`` or higher."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) >= oldest


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
