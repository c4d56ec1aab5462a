"""What the time of a start was spent on, and what would shorten it.

The critical path is the chain of services that delayed each other up to the end. The gain of a
change is computed by simulating the start with it: each service is launched as long after the last
service it waited for, and takes as long, as in the recorded start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from composetasks.facts import Link, ServiceStart, Shortening, Timeline

QUICK_PROBE = 0.5
"""Seconds between two health probes that hardly delay a start."""
QUICK_SECONDS = 2.0
"""Intervals up to this one are not blamed for a slow start."""
WORTH_SECONDS = 0.2
MOST = 3
"""How many services are suggested to be made quicker."""


def critical_path(timeline: Timeline) -> tuple[Link, ...]:
    """The services that determine the length of the start, in their order."""
    by_name = {one.name: one for one in timeline.services}
    path: list[ServiceStart] = []
    start = _last(timeline)
    while start is not None and start not in path:
        path.insert(0, start)
        start = max(
            _holders(start, by_name), key=lambda other: _let_go(other, path[0]), default=None
        )
    begins = [_begin(timeline, one) for one in path]
    ends = [*begins[1:], _end(timeline, path[-1])] if path else []
    return tuple(
        Link(service.name, round(max(0.0, end - begin), 3))
        for service, begin, end in zip(path, begins, ends, strict=True)
    )


def shortenings(timeline: Timeline) -> tuple[Shortening, ...]:
    """What would shorten the start, the largest gain first; then the most expensive wait, whose
    necessity only the user can judge. Empty unless the start succeeded: the length of a failed
    start says nothing."""
    if timeline.outcome != "up":
        return ()
    by_name = {one.name: one for one in timeline.services}
    path = [by_name[link.service] for link in critical_path(timeline)]
    quicker = _most((_quicker(timeline, one) for one in path if one.failed is None), MOST)
    waits = _most((_without(timeline, *pair) for pair in pairwise(path)), 1)
    return (*quicker, *waits)


def _most(shortenings: Iterable[Shortening], count: int) -> list[Shortening]:
    worth = [one for one in shortenings if one.seconds >= WORTH_SECONDS]
    return sorted(worth, key=lambda one: -one.seconds)[:count]


def _quicker(timeline: Timeline, start: ServiceStart) -> Shortening:
    """The gain if a service is ready sooner."""
    own = (start.decided or 0.0) - (start.started or start.launched or 0.0)
    every = start.asked_every or 0.0
    slow = every > QUICK_SECONDS
    cut = min(own, every - QUICK_PROBE) if slow else own
    saved = _length(timeline) - _length(timeline, faster={start.name: cut})
    return Shortening(start.name, _slow(start) if slow else _own(start, own), round(saved, 3))


def _without(timeline: Timeline, before: ServiceStart, after: ServiceStart) -> Shortening:
    """The gain if ``after`` does not wait for ``before``."""
    saved = _length(timeline) - _length(timeline, apart={(after.name, before.name)})
    message = (
        f"{after.name} waits for {before.name}: remove that dependency if it can start without it"
    )
    return Shortening(after.name, message, round(saved, 3))


def _slow(start: ServiceStart) -> str:
    return (
        f"the health check of {start.name} runs only every {start.asked_every:g} s: add "
        "start_period: 60s and start_interval: 500ms to it"
    )


def _own(start: ServiceStart, seconds: float) -> str:
    end = "to complete" if start.state == "done" else "to become ready"
    return f"{start.name} itself takes {seconds:.1f} s {end}"


def _last(timeline: Timeline) -> ServiceStart | None:
    """The service that decided the end of the start: the failed one, else the last one."""
    failed = [
        service
        for service in timeline.services
        if timeline.outcome == "failed" and service.state == "failed"
    ]
    return max(
        failed or timeline.services,
        key=lambda one: (_end(timeline, one), one.launched is not None),
        default=None,
    )


def _begin(timeline: Timeline, start: ServiceStart) -> float:
    return timeline.seconds if start.launched is None else start.launched


def _end(timeline: Timeline, start: ServiceStart) -> float:
    return timeline.seconds if start.decided is None else start.decided


def _holders(start: ServiceStart, by_name: Mapping[str, ServiceStart]) -> list[ServiceStart]:
    """The services it waited for that were launched before it."""
    holders = [by_name[name] for name in start.waited_for if name in by_name]
    if start.launched is None:
        return holders
    return [
        other for other in holders if other.launched is not None and other.launched < start.launched
    ]


def _let_go(other: ServiceStart, start: ServiceStart) -> float:
    """When ``other`` no longer delayed ``start``: when it was ready or had failed, or, if ``start``
    was launched before that, when it was launched itself."""
    if other.decided is not None and (start.launched is None or other.decided <= start.launched):
        return other.decided
    return other.launched if other.launched is not None else float("inf")


def _length(
    timeline: Timeline,
    faster: Mapping[str, float] | None = None,
    apart: Collection[tuple[str, str]] = (),
) -> float:
    """The length of the start in seconds if services are ready that many seconds ``faster``, and if
    the first service of each pair in ``apart`` does not wait for the second."""
    by_name = {one.name: one for one in timeline.services}
    launched = [(one.launched, one) for one in timeline.services if one.launched is not None]
    first = min((at for at, _ in launched), default=0.0)
    cuts = faster or {}
    now: dict[str, float] = {}
    end = 0.0
    for at, start in sorted(launched, key=lambda pair: pair[0]):
        holders = _holders(start, by_name)
        after = max((_let_go(other, start) for other in holders), default=first)
        begin = max(
            (
                now[other.name] + _held(other, start, cuts.get(other.name, 0.0))
                for other in holders
                if (start.name, other.name) not in apart
            ),
            default=first,
        )
        now[start.name] = begin + at - after
        own = _end(timeline, start) - at - cuts.get(start.name, 0.0)
        end = max(end, now[start.name] + own)
    return end


def _held(other: ServiceStart, start: ServiceStart, cut: float) -> float:
    """How many seconds after its own launch ``other`` no longer delayed ``start``."""
    begin = other.launched or 0.0
    let_go = _let_go(other, start)
    return let_go - begin - (cut if let_go == other.decided else 0.0)
