"""What containers take of memory and processor right now, as the engine counts it.

A share of the processor needs two counts. The engine takes both in one request, which takes it a
second or two: all containers are asked at once, and we look at something else meanwhile. What goes
on looking asks for the mere counts (``one-shot``) and has the one before of its own. A figure that
can't be had in time, or would not be right, is absent: an engine without cgroups (a rootless one
under cgroup v1) counts no processes of a container, and gives it the whole machine's figures.
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
"""How long one round of questions may take, beyond what the engine counts for by itself."""
COUNTED_SECONDS = 2.0
"""How long the engine takes for two counts: they are a second apart, and it begins within one."""
LEAST_SECONDS = 0.3
"""The shortest time that a share of the processor is measured over."""
Sample = Mapping[str, Any]


@frozen
class Figures:
    """What a container takes: ``memory`` bytes without the page cache that the kernel can drop,
    ``cpu`` percent of one processor; None where that is not known."""

    memory: int | None = None
    cpu: float | None = None


class Once:
    """The figures of the containers ``ids`` of one moment: a request for each, begun at once."""

    def __init__(self, client: APIClient, ids: Iterable[str]) -> None:
        self._round = _ask(client, ids, one_shot=False)

    def figures(self) -> dict[str, Figures]:
        """The figures of every container that has some."""
        return {
            key: Figures(memory(sample), cpu(_before(sample), sample))
            for key, sample in _answers(self._round).items()
        }


class Measuring:
    """Counts of the containers ``ids``, which begin to be read at once; :meth:`figures` reads
    them again. It may be asked as often as one likes: each time for the time since the last."""

    def __init__(self, client: APIClient, ids: Iterable[str]) -> None:
        self._client, self._ids = client, tuple(ids)
        self._began = time.monotonic()
        self._round = _ask(client, self._ids, one_shot=True)

    def figures(self) -> dict[str, Figures]:
        """The figures of every container that has some."""
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
        return {}  # It is gone, or was never there.
    return sample


def _before(sample: Sample) -> Sample:
    """The count before, which an answer that took two holds too."""
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
    """The memory a container uses, as ``docker stats`` counts it: without the part of the page
    cache that was not used of late, which the kernel takes back when it must."""
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
    """The share of one processor that was used between two samples, in percent."""
    try:
        if before is None:
            return None
        passed = _time_read(after) - _time_read(before)
        used = _processor(after) - _processor(before)
        if not _processes(after) or _processes(before) == 0:
            return None
    except MALFORMED:
        return None
    # One that was started again between the two counts from zero.
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
    """How many processes a container had; None where the engine does not say."""
    count = (sample.get("pids_stats") or {}).get("current")
    return int(count) if count is not None else None
