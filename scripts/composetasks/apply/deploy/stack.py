"""A stack during a deployment, and the operations on it, by the docker client or the engine."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from composetasks.facts import Content, ExitCode, Swarm
from composetasks.facts.deploy import CONTENT, NAMESPACE
from composetasks.facts.dollars import doubled
from composetasks.facts.frozen import frozen
from composetasks.observe.deploy.swarm import of_stack, services_of
from composetasks.plan.deploy.convergence import Convergence, progress
from composetasks.run import process
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe

ASK_SECONDS = 0.3
"""How often tasks are listed: the engine has no events for them."""
SETTLED_SECONDS = 2.0
"""How long tasks must keep running if neither Swarm nor a health check watches them."""
PATIENCE_SECONDS = 300.0
"""How long a service may take if no time is given for it."""
LAST_LINES = 30
LONGEST_SERVICE_NAME = 63


@frozen
class Stack:
    """Everything that a deployment works with. ``file`` is the stack file with the values of
    secrets, None if the stack is to be removed; ``seconds`` is the time limit of each service."""

    client: Any
    swarm: Swarm
    folder: Path
    environment: Mapping[str, str]
    file: Mapping[str, Any] | None = field(repr=False, default=None)
    contents: Sequence[Content] = ()
    context: str = ""
    keep: int = 1
    seconds: Mapping[str, float] = field(default_factory=dict)
    timeout: float | None = None

    @property
    def name(self) -> str:
        return self.swarm.stack

    def docker(self, *arguments: str, stdin: str | None = None) -> None:
        """Run a command of the docker client. Raises TaskFailure, code 8, if it fails."""
        where = ["--context", self.context] if self.context else []
        argv = ["docker", *where, "stack", *arguments]
        done = process.run(argv, cwd=self.folder, env=self.environment, stdin=stdin, check=False)
        if done.code != 0:
            raise TaskFailure(
                f"`docker stack {arguments[0]}` exited with code {done.code}",
                code=ExitCode.NOT_HEALTHY,
                detail=safe(done.stderr.strip() or done.stdout.strip()),
                hint="correct what it names, and deploy again",
            )

    def deploy(self, file: Mapping[str, Any], names: Collection[str]) -> None:
        """Let Docker create and update only the services ``names``, as ``file`` defines them: it
        updates every service that it is given, even one that did not change."""
        services = {name: one for name, one in file["services"].items() if name in names}
        text = json.dumps(doubled({**file, "services": services}))
        flags = ("--detach=true", "--resolve-image=never", "--with-registry-auth")
        self.docker("deploy", *flags, "--compose-file=-", self.name, stdin=text)

    def remove(self) -> None:
        """Remove the stack and wait until its tasks and networks are gone. Raises TaskFailure, code
        8, if that takes too long."""
        self.docker("rm", self.name)
        began = time.monotonic()
        while self.tasks() or self.client.networks(filters=of_stack(self.name)):
            if time.monotonic() - began > self.limit(""):
                raise TaskFailure(
                    f"{self.name} still exists after {self.limit(''):g} s",
                    code=ExitCode.NOT_HEALTHY,
                    hint=f"`docker stack ps {self.name}` shows what is left",
                )
            threading.Event().wait(ASK_SECONDS)

    def make_contents(self) -> None:
        """Create the configs and secrets of the file that do not exist in the swarm."""
        file = self.file or {}
        makers = {"configs": self.client.create_config, "secrets": self.client.create_secret}
        there = {"configs": self.swarm.configs, "secrets": self.swarm.secrets}
        for content in self.contents:
            if (
                content.name in file.get(content.kind, {})
                and content.name not in there[content.kind]
            ):
                makers[content.kind](
                    content.name, content.data, labels={NAMESPACE: self.name, CONTENT: content.key}
                )

    def services(self) -> dict[str, dict[str, Any]]:
        """The engine's records of the stack's services, by their names in the stack file."""
        return services_of(self.client, self.name)

    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.client.tasks(filters=of_stack(self.name))
        return tasks

    def limit(self, name: str) -> float:
        """The seconds that the service ``name`` may take."""
        if self.timeout is not None:
            return self.timeout
        return self.seconds.get(name, PATIENCE_SECONDS)

    def wait(
        self, names: Iterable[str], before: Collection[str]
    ) -> Iterator[tuple[str, Convergence, float]]:
        """Yield each of the services ``names`` once it matches its spec, with the seconds that
        took. Stop after the first service that fails or exceeds its limit. ``before`` are the ids
        of the tasks that existed before the update."""
        began = time.monotonic()
        pending = dict.fromkeys(names)
        since: dict[str, float] = {}
        while pending:
            records, tasks, passed = self.services(), self.tasks(), time.monotonic() - began
            for name in list(pending):
                record = records.get(name)
                if record is None:
                    yield name, Convergence(0, 1, "it was removed in the meantime"), passed
                    return
                own = [one for one in tasks if one["ServiceID"] == record["ID"]]
                convergence = progress(record, own, before, self.swarm.attributes)
                if convergence.complete:
                    since.setdefault(name, passed)
                else:
                    since.pop(name, None)
                held = passed - since.get(name, passed)
                if convergence.complete and (convergence.proven or held >= SETTLED_SECONDS):
                    del pending[name]
                    yield name, convergence, passed
                elif convergence.failed:
                    yield name, convergence, passed
                    return
                elif passed > self.limit(name) and not convergence.complete:
                    yield name, _late(convergence, self.limit(name)), passed
                    return
            if pending:
                threading.Event().wait(ASK_SECONDS)

    def log(self, service: str, task: str) -> list[str]:
        """The last lines that a task printed."""
        answer = self.client.service_logs(
            service, details=True, stdout=True, stderr=True, tail=LAST_LINES * 4
        )
        raw = answer if isinstance(answer, bytes) else b"".join(answer)
        lines = []
        for line in raw.decode(errors="replace").splitlines():
            labels, _, text = line.partition(" ")
            if f"com.docker.swarm.task.id={task}" in labels:
                lines.append(text)
        return lines[-LAST_LINES:]


def _late(convergence: Convergence, limit: float) -> Convergence:
    waits = str(((convergence.task or {}).get("Status") or {}).get("Err") or "")
    message = f"{convergence.done} of {convergence.wanted} tasks are up after {limit:g} s"
    return Convergence(
        convergence.done,
        convergence.wanted,
        f"{message}: {waits}" if waits else message,
        convergence.task,
    )


def check_job_name(stack: str, check: str, services: Collection[str]) -> str:
    """The name of the job that runs a check, as in the stack file; none of ``services`` has it.
    Swarm allows 63 characters with the stack's name: ASCII letters, digits, and hyphens between
    them."""
    room = LONGEST_SERVICE_NAME - len(f"{stack}_-job")
    name = re.sub(r"[^a-z0-9]+", "-", f"check {check}".lower())[:room].strip("-")
    while name in services:
        name += "-job"
    return name
