"""What is known of a start that failed, named, and kept in the run folder: ``inspect/NAME.json``
and ``logs/NAME.log`` of every container of the start, without secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts.frozen import frozen
from composetasks.facts.timestamps import parse_time
from composetasks.observe.start.container_evidence import (
    LAST_LINES,
    ContainerEvidence,
    asked_to_end,
    evidence,
)
from composetasks.plan.start.causes import Case, cause, health_command
from composetasks.plan.start.error_line import error_line, plain_line
from composetasks.plan.start.readiness import Expected, Readiness, fresh_probes, probe_line
from composetasks.run.external_failures import unless_full
from composetasks.run.failure import NotUp
from composetasks.run.masking import safe_data
from composetasks.store.folder import write_json

if TYPE_CHECKING:
    from docker import APIClient

SHOWN_PROBES = 3


@frozen
class Trouble:
    """A service that is not up, and what stood around it then.

    ``containers`` are the start's, by service: id to name; ``key`` the id of the one meant, ""
    for none. ``printed`` is what Compose printed of it. ``since`` is when the start began (Unix
    seconds), ``limit`` the deadline and ``was_up`` how long it had been up (seconds, None for
    never). ``of`` is what was expected of it. ``waiting`` are the services that only wait for it,
    ``other_states`` how each of the others is.
    """

    service: str
    verdict: Readiness
    containers: Mapping[str, Mapping[str, str]]
    key: str = ""
    printed: str = ""
    since: float = 0.0
    limit: float = 0.0
    was_up: float | None = None
    of: Expected = field(default_factory=Expected)
    waiting: Sequence[str] = ()
    other_states: Mapping[str, str] = field(default_factory=dict)


def diagnose(client: APIClient, run_folder: Path, trouble: Trouble) -> NotUp:
    """The failure of a start: its diagnosis by name and in words, with the evidence as data."""
    names = {key: name for some in trouble.containers.values() for key, name in some.items()}
    seen = evidence(client, names, trouble.since)
    with unless_full():
        _keep(run_folder, seen.values())
    container = seen.get(trouble.key) or ContainerEvidence()
    lines = _last_run(container)
    killed = trouble.verdict.kind == "killed"
    case = Case(
        service=trouble.service,
        container=container.name
        or trouble.containers.get(trouble.service, {}).get(trouble.key, ""),
        verdict=trouble.verdict,
        record=container.record,
        lines=lines,
        printed=trouble.printed,
        limit=trouble.limit,
        was_up=trouble.was_up,
        awaited=trouble.of.awaited,
        ports=trouble.of.ports,
        asked_to_end=asked_to_end(client, trouble.key, container.record) if killed else None,
    )
    diagnosis = cause(case)
    at = error_line(lines)
    document = {
        "container": case.container,
        "what": list(diagnosis.words),
        "said": trouble.printed,
        "exit_code": case.state.get("ExitCode") if not case.state.get("Running") else None,
        "check": health_command(container.record),
        "probes": [_probe(probe) for probe in fresh_probes(case.state)[-SHOWN_PROBES:]],
        "telling": lines[at] if at is not None else "",
        "log": list(lines[-LAST_LINES:]),
        "standing": dict(trouble.other_states),
    }
    replicas = trouble.containers.get(trouble.service, {})
    subject = f"{trouble.service} ({case.container})" if len(replicas) > 1 else trouble.service
    return NotUp(
        f"{subject} is not up: {diagnosis.words[0]}",
        service=trouble.service,
        cause=diagnosis.kind,
        hint=diagnosis.hint,
        data={
            "containers": sorted(trouble.containers.get(trouble.service, ())),
            "waiting": list(trouble.waiting),
            "diagnosis": safe_data(document),
        },
    )


def _probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    began, ended = parse_time(str(probe.get("Start", ""))), parse_time(str(probe.get("End", "")))
    output = str(probe.get("Output", "")).rstrip()
    return {
        "time": began.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "seconds": round(max(0.0, (ended - began).total_seconds()), 3),
        "exit_code": probe.get("ExitCode"),
        "output": output,
        "telling": probe_line(output),
    }


def _last_run(container: ContainerEvidence) -> list[str]:
    """The lines of a container's last run as plain text, without their times; all where that said
    nothing."""
    started = parse_time(str((container.record.get("State") or {}).get("StartedAt", "")))
    parted = [line.partition(" ") for line in container.log]
    own = [text for time, _, text in parted if parse_time(time) >= started]
    plain = map(plain_line, own or [text for _, _, text in parted])
    return [line for line in plain if line]


def _keep(run_folder: Path, seen: Iterable[ContainerEvidence]) -> None:
    for kind in ("inspect", "logs"):
        (run_folder / kind).mkdir(exist_ok=True)
    for container in seen:
        write_json(run_folder / "inspect" / f"{container.name}.json", safe_data(container.record))
        (run_folder / "logs" / f"{container.name}.log").write_text(
            "".join(f"{line}\n" for line in container.log), "utf-8", "backslashreplace"
        )
