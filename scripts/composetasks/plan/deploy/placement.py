"""Services that no node of a swarm may run: their tasks would stay pending forever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from composetasks.facts import Blocker, ExitCode, StackFile, Swarm

CONSTRAINT = re.compile(r"\s*([\w.-]+)\s*(==|!=)\s*(.*?)\s*")
COMPARED = ("node.id", "node.hostname", "node.role", "node.labels.", "engine.labels.")
"""The attributes that are checked here; Swarm checks others (``node.platform.arch``)."""
LABEL = "node.labels."
GLOBAL = ("global", "global-job")


def without_a_node(swarm: Swarm, wanted: StackFile, services: Iterable[str]) -> Iterator[Blocker]:
    """A blocker for each of ``services`` that needs tasks and whose placement constraints no node
    meets. A global service has one task for each node that meets them, which may be none."""
    for name in services:
        deploy = wanted.services[name].get("deploy") or {}
        if deploy.get("mode") in GLOBAL or deploy.get("replicas") == 0:
            continue
        lacking = unmet((deploy.get("placement") or {}).get("constraints"), swarm.attributes)
        if lacking:
            yield Blocker(
                kind="placement",
                target=f"{swarm.stack}_{name}",
                message=f"{name}: no node of the swarm meets {', '.join(lacking)}",
                hint=_hint(lacking[0]),
                code=ExitCode.INVALID,
                service=name,
            )


def unmet(constraints: Iterable[str] | None, nodes: Iterable[Mapping[str, str]]) -> list[str]:
    """The constraints that the best matching node does not meet; none if a node meets all."""
    every = [str(one) for one in constraints or ()]
    lacking = ([one for one in every if not _met(one, node)] for node in nodes)
    return min(lacking, key=len, default=[])


def _met(constraint: str, node: Mapping[str, str]) -> bool:
    """Whether a node meets a constraint; the comparison ignores case, as Swarm's does."""
    parts = CONSTRAINT.fullmatch(constraint)
    if parts is None or not parts[1].startswith(COMPARED):
        return True
    same = node.get(parts[1], "").casefold() == parts[3].casefold()
    return same == (parts[2] == "==")


def _hint(constraint: str) -> str:
    parts = CONSTRAINT.fullmatch(constraint)
    if parts and parts[1].startswith(LABEL) and parts[2] == "==":
        label = f"{parts[1].removeprefix(LABEL)}={parts[3]}"
        return (
            f"add the label to a node: `docker node update --label-add {label} NODE`, on a manager"
        )
    return "correct deploy.placement.constraints, or the nodes (`docker node ls`)"
