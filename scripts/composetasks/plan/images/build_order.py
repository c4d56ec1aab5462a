"""The order in which steps that run in parallel begin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from composetasks.facts import Step


def longest_first(steps: Sequence[Step], seconds: Mapping[str, float]) -> list[Step]:
    """Sort steps by the time from their beginning to the end of everything that needs them, the
    longest first, so that no long step is left for the end (R. L. Graham, "Bounds on
    Multiprocessing Timing Anomalies", 1969).

    ``seconds`` gives the known build time of a service's image. A step of unknown duration may be
    long and comes first; among equals, the step that more services need comes first.
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
