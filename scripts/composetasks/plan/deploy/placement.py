"""Services that no node of a swarm may run: their tasks would be pending for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from composetasks.facts import Blocker, ExitCode, StackFile, Swarm

CONSTRAINT = re.compile(r"\s*([\w.-]+)\s*(==|!=)\s*(.*?)\s*")
COMPARED = ("node.id", "node.hostname", "node.role", "node.labels.", "engine.labels.")
"""What is judged here; others (``node.platform.arch``) are Swarm's to judge."""
LABEL = "node.labels."


def without_a_node(swarm: Swarm, wanted: StackFile, services: Iterable[str]) -> Iterator[Blocker]:
    """A blocker for each of ``services`` whose placement constraints no node meets."""
    for name in services:
        placement = (wanted.services[name].get("deploy") or {}).get("placement") or {}
        constraints = [str(one) for one in placement.get("constraints") or ()]
        lacking = [[one for one in constraints if not _met(one, node)] for node in swarm.attributes]
        if lacking and all(lacking):
            unmet = min(lacking, key=len)
            yield Blocker(
                kind="placement",
                target=f"{swarm.stack}_{name}",
                message=f"{name}: no node of the swarm meets {', '.join(unmet)}",
                hint=_hint(unmet[0]),
                code=ExitCode.INVALID,
                service=name,
            )


def _met(constraint: str, node: Mapping[str, str]) -> bool:
    """Whether a node meets a constraint, which compares without regard to case, as Swarm does."""
    parts = CONSTRAINT.fullmatch(constraint)
    if parts is None or not parts[1].startswith(COMPARED):
        return True
    same = node.get(parts[1], "").casefold() == parts[3].casefold()
    return same == (parts[2] == "==")


def _hint(constraint: str) -> str:
    parts = CONSTRAINT.fullmatch(constraint)
    if parts and parts[1].startswith(LABEL) and parts[2] == "==":
        label = f"{parts[1].removeprefix(LABEL)}={parts[3]}"
        return f"`docker node update --label-add {label} NODE`, on a manager, gives one the label"
    return "correct deploy.placement.constraints, or the nodes (`docker node ls`)"
