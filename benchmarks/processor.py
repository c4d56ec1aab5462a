"""Processor seconds of a container, as counted by its control group: they measure the work done
even on a busy machine."""

from __future__ import annotations

from benchmarks.scratch import Failed

SHOW = (
    *("sh", "-c"),
    "cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpuacct/cpuacct.usage 2>/dev/null || :",
)
"""Prints them in a container, with control groups of either version."""


def seconds_of(text: str) -> float:
    """The seconds since the container started, from the output of ``SHOW``."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
        if name.isdigit():
            return int(name) / 1e9
    raise Failed("the control group does not say what is taken of the processor")
