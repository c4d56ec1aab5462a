"""The current memory and processor use of containers, as the engine measures it.

A processor share needs two samples. The engine takes both in one request, which lasts a second or
two: all containers are requested in parallel, while this program does other work. A repeated
measurement requests single samples (``one-shot``) and compares each with its own previous one. A
figure that is late or would be wrong is absent: an engine without cgroups (rootless under cgroup
v1) counts no processes of a container, and reports the figures of the whole machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from composetasks.facts import timestamps
from composetasks.facts.frozen import frozen
from composetasks.run.bounded import Bounded, Late
from composetasks.run.external_failures import MALFORMED

if TYPE_CHECKING:
    from docker import APIClient

ROUND_SECONDS = 2.0
"""The limit for one round of requests, without the time that the engine needs to measure."""
COUNTED_SECONDS = 2.0
"""The time that the engine needs for two samples: one second between them, one to begin."""
LEAST_SECONDS = 0.3
"""The shortest interval for measuring a processor share."""
Sample = Mapping[str, Any]


@frozen
class Figures:
    """A container's use: ``memory`` in bytes without the page cache that the kernel can drop,
    ``cpu`` in percent of one processor; None if unknown."""

    memory: int | None = None
    cpu: float | None = None


class SingleSample:
    """The figures of the containers ``ids`` at one moment: one request each, started at once."""

    def __init__(self, client: APIClient, ids: Iterable[str]) -> None:
        self._round = _ask(client, ids, one_shot=False)

    def figures(self) -> dict[str, Figures]:
        """Return the figures of every container that has some."""
        return {
            key: Figures(memory(sample), cpu(_before(sample), sample))
            for key, sample in _answers(self._round).items()
        }


class RepeatedSamples:
    """Repeated samples of the containers ``ids``, the first of which starts at once. Each call of
    :meth:`figures` takes another and covers the time since the previous one."""

    def __init__(self, client: APIClient, ids: Iterable[str]) -> None:
        self._client, self._ids = client, tuple(ids)
        self._began = time.monotonic()
        self._round = _ask(client, self._ids, one_shot=True)

    def figures(self) -> dict[str, Figures]:
        """Return the figures of every container that has some."""
        before = _answers(self._round)
        if self._ids:
            time.sleep(max(0.0, self._began + LEAST_SECONDS - time.monotonic()))
        self._began = time.monotonic()
        self._round = _ask(self._client, self._ids, one_shot=True)
        after = _answers(self._round)
        return {key: Figures(memory(one), cpu(before.get(key), one)) for key, one in after.items()}


def _ask(client: APIClient, ids: Iterable[str], *, one_shot: bool) -> dict[str, Bounded[Sample]]:
    seconds = ROUND_SECONDS + (0.0 if one_shot else COUNTED_SECONDS)
    sample = partial(_sample, client, one_shot)
    return {key: Bounded(partial(sample, key), seconds) for key in ids}


def _sample(client: APIClient, one_shot: bool, key: str) -> Sample:
    from docker import errors

    untyped: Any = client
    try:
        sample: Sample = untyped.stats(key, stream=False, one_shot=one_shot or None)
    except errors.APIError:
        return {}  # it was removed, or never existed
    return sample


def _before(sample: Sample) -> Sample:
    """Return the previous sample, which an answer with two samples also contains."""
    return {"read": sample.get("preread", "0001"), "cpu_stats": sample.get("precpu_stats")}


def _answers(questions: Mapping[str, Bounded[Sample]]) -> dict[str, Sample]:
    import requests

    answers = {}
    for key, question in questions.items():
        try:
            answers[key] = question.value()
        except (Late, requests.exceptions.RequestException, OSError, ValueError):
            continue
    return answers


def memory(sample: Sample) -> int | None:
    """Return a container's memory as ``docker stats`` counts it: without the inactive part of the
    page cache, which the kernel reclaims when needed."""
    try:
        counted = sample["memory_stats"]
        used, parts = int(counted["usage"]), counted.get("stats") or {}
        cache = int(parts.get("total_inactive_file", parts.get("inactive_file", 0)))
        if _processes(sample) is None:
            return None
    except MALFORMED:
        return None
    return used - cache if 0 <= cache < used else used or None


def cpu(before: Sample | None, after: Sample) -> float | None:
    """Return the share of one processor that was used between two samples, in percent."""
    try:
        if before is None:
            return None
        passed = _time_read(after) - _time_read(before)
        used = _processor(after) - _processor(before)
        if not _processes(after) or _processes(before) == 0:
            return None
    except MALFORMED:
        return None
    # A restart between the samples resets the counter.
    if passed <= 0 or used < 0:
        return None
    return round(100 * used / passed / 1e9, 1)


def _time_read(sample: Sample) -> float:
    stamp = str(sample["read"])
    if stamp.startswith("0001"):
        raise ValueError("never read")
    return float(timestamps.unix(stamp))


def _processor(sample: Sample) -> int:
    return int(sample["cpu_stats"]["cpu_usage"]["total_usage"])


def _processes(sample: Sample) -> int | None:
    """Return the number of processes of a container; None if the engine does not report it."""
    count = (sample.get("pids_stats") or {}).get("current")
    return int(count) if count is not None else None
