"""The diagnosis of a start that failed. The evidence is kept in the run folder, without secrets:
``inspect/NAME.json`` and ``logs/NAME.log`` of every container of the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts.timestamps import parse_time
from composetasks.observe.start.container_evidence import (
    LAST_LINES,
    ContainerEvidence,
    asked_to_end,
    evidence,
)
from composetasks.plan.start.causes import Case, cause, health_command
from composetasks.plan.start.error_line import error_line, plain_line
from composetasks.plan.start.readiness import fresh_probes, probe_line
from composetasks.run.external_failures import unless_full
from composetasks.run.failure import NotUp
from composetasks.run.masking import safe_data
from composetasks.store.folder import write_json

if TYPE_CHECKING:
    from docker import APIClient

SHOWN_PROBES = 3


def diagnose(client: APIClient, run_folder: Path, case: Case) -> NotUp:
    """The failure of a start: its cause as a kind and in words, with the evidence as data."""
    names = {key: name for some in case.containers.values() for key, name in some.items()}
    seen = evidence(client, names, case.since)
    with unless_full():
        _keep(run_folder, seen.values())
    container = seen.get(case.key) or ContainerEvidence()
    lines = _last_run(container)
    killed = case.verdict.kind == "killed"
    case = replace(
        case,
        record=container.record,
        lines=lines,
        asked_to_end=asked_to_end(client, case.key, container.record) if killed else None,
    )
    diagnosis = cause(case)
    at = error_line(lines)
    document = {
        "container": case.container,
        "what": list(diagnosis.words),
        "said": case.printed,
        "exit_code": case.state.get("ExitCode") if not case.state.get("Running") else None,
        "check": health_command(container.record),
        "probes": [_probe(probe) for probe in fresh_probes(case.state)[-SHOWN_PROBES:]],
        "telling": lines[at] if at is not None else "",
        "log": list(lines[-LAST_LINES:]),
        "standing": dict(case.other_states),
    }
    replicas = case.containers.get(case.service, {})
    subject = f"{case.service} ({case.container})" if len(replicas) > 1 else case.service
    return NotUp(
        f"{subject} is not up: {diagnosis.words[0]}",
        service=case.service,
        cause=diagnosis.kind,
        hint=diagnosis.hint,
        data={
            "containers": sorted(replicas),
            "waiting": list(case.waiting),
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
    """The lines of a container's last run as plain text, without timestamps; the lines of all runs
    if the last run printed nothing."""
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
