"""In which order steps begin that run side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from composetasks.facts import Step


def longest_first(steps: Sequence[Step], seconds: Mapping[str, float]) -> list[Step]:
    """Steps by how much is still to come from their beginning on, what stands on them included:
    the longest first, so that none of them is left for the end (R. L. Graham, "Bounds on
    Multiprocessing Timing Anomalies", 1969).

    ``seconds`` is what a service's image is known to take. What nobody knows may be long and
    comes before what is known; of several, what more services wait for comes first.
    """
    after: dict[str, list[Step]] = {step.id: [] for step in steps}
    for step in steps:
        for need in step.needs:
            if need in after:
                after[need].append(step)
    durations: dict[str, float] = {}

    def to_come(step: Step) -> float:
        if step.id not in durations:
            rest = max(map(to_come, after[step.id]), default=0.0)
            durations[step.id] = seconds.get(step.service, math.inf) + rest
        return durations[step.id]

    return sorted(steps, key=lambda step: (-to_come(step), -len(step.services)))
