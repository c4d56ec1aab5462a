"""One project twice on an engine: one started by plain Compose, the other by `inv`.

Whatever is done by hand is done to both, and then both are started, each in its own way. The rule
is never to be worse: what :func:`worse` lists must be empty.
"""

from __future__ import annotations

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.stacks import docker, wait_until
from tests.faults.twin_models import NAME, Draft
from tests.project import TASKS, Project

PLACES = "/page /config /data/* /anonymous/* /bind/* /schema/* /memory/* /www/*.html"
LOOK = (
    f'for f in {PLACES} /run/secrets/*; do [ -f "$f" ] && echo "$f" $(cat "$f"); done; '
    'echo "VALUE $VALUE"; echo "FROM_FILE $FROM_FILE"'
)
SETTLE_SECONDS = 30.0
COMPOSE = "com.docker.compose"


@dataclass(frozen=True)
class Service:
    """What a service's containers are: how many run, and what one of them sees, in lines (files
    with their content, variables with their value); ``ended`` with which codes the others did."""

    running: int = 0
    sees: frozenset[str] = frozenset()
    ended: tuple[int, ...] = ()


@dataclass
class Twin:
    """One of the two projects."""

    project: Project
    plain: bool

    @property
    def name(self) -> str:
        return self.project.name

    def compose(
        self, *arguments: str, check: bool = False, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run plain Compose in its folder; it is ended after ``timeout`` seconds, and has failed:
        it waits for some states that never come."""
        words = ["docker", "compose", "--progress", "quiet", *arguments]
        try:
            return subprocess.run(
                words,
                cwd=self.project.folder,
                env=self.project.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=check,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, 124, "", "Compose did not end")

    def start(self, wait: bool) -> tuple[int, str]:
        """Start it the way it is started; the exit code, and what was said."""
        if self.plain:
            done = self.compose("up", "-d", "--build", *(["--wait"] if wait else []))
            return done.returncode, done.stderr
        ran = self.project.inv("up", "--timeout", "60")
        return ran.code, ran.out + ran.err

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """The inspect records of the containers that Compose made for it."""
        labels = [f"{COMPOSE}.project={self.name}", f"{COMPOSE}.oneoff=False"]
        labels += [f"{COMPOSE}.service={service}"] if service else []
        filters = [word for label in labels for word in ("--filter", f"label={label}")]
        listed = docker("ps", "-aq", "--no-trunc", *filters).split()
        records: list[dict[str, Any]] = json.loads(docker("inspect", *listed)) if listed else []
        return [one for one in records if f"{COMPOSE}.config-hash" in one["Config"]["Labels"]]

    def services(self) -> dict[str, Service]:
        """Each service with what its containers are."""
        results: dict[str, list[dict[str, Any]]] = {}
        for record in self.containers():
            results.setdefault(record["Config"]["Labels"][f"{COMPOSE}.service"], []).append(record)
        return {name: self._service(records) for name, records in results.items()}

    def _service(self, records: list[dict[str, Any]]) -> Service:
        running = [one for one in records if _runs(one)]
        sees = set()
        if running:
            seen = docker("exec", running[0]["Id"], "sh", "-c", LOOK, check=False)
            sees = {line.replace(self.name, NAME) for line in seen.splitlines()}
        ended = sorted(one["State"]["ExitCode"] for one in records if not _runs(one))
        return Service(len(running), frozenset(sees), tuple(ended))


def _runs(record: dict[str, Any]) -> bool:
    return bool(record["State"]["Status"] == "running")


@dataclass
class Twins:
    """Both, the draft they are written from, and the story so far."""

    plain: Twin
    tasks: Twin
    draft: Draft
    told: list[str] = field(default_factory=list)

    @property
    def both(self) -> tuple[Twin, Twin]:
        return self.plain, self.tasks

    def write(self) -> None:
        """Write the draft as it is now into both folders."""
        for twin in self.both:
            self.draft.write(twin.project.folder, twin.name)
            twin.project.write("tasks.py", TASKS)

    def start(self) -> None:
        """Start both; what `inv` has brought up must never be worse."""
        # `up --wait` fails where a job has ended, also where it ended well.
        wait = not self.draft.jobs
        with ThreadPoolExecutor(2) as pool:
            plain, tasks = pool.map(lambda twin: twin.start(wait), self.both)
        self.told.append(f"start: Compose exits with {plain[0]}, inv with {tasks[0]}")
        if plain[0] != 0:
            return  # what Compose leaves of a start that failed is a matter of moments
        assert tasks[0] == 0, self.story(tasks[1])
        results: list[str] = []

        def settled() -> bool:
            results[:] = worse(self.plain.services(), self.tasks.services(), self.draft.jobs)
            return not results

        try:
            wait_until(settled, SETTLE_SECONDS)
        except AssertionError:
            raise AssertionError(self.story("\n".join(results), plain[1], tasks[1])) from None

    def story(self, *ends: str) -> str:
        model = json.dumps(self.draft.services, indent=1)
        return "\n".join(["", model, *self.told, *ends])


def newer(line: str, sees: frozenset[str]) -> bool:
    """Whether there is a later edit at the place of ``line``: Compose leaves a container as it is
    whose config's content was edited."""
    edit = re.compile(r"(\S+) edit (\d+)")
    old = edit.match(line)
    later = (edit.match(other) for other in sees)
    return old is not None and any(
        one is not None and one[1] == old[1] and int(one[2]) > int(old[2]) for one in later
    )


def worse(plain: dict[str, Service], tasks: dict[str, Service], jobs: set[str]) -> list[str]:
    """In what the services that `inv` started are less than those of plain Compose."""
    item = []
    for name, expected in plain.items():
        actual = tasks.get(name, Service())
        if actual.running < expected.running:
            item.append(f"{name}: {actual.running} of {expected.running} run")
        missing = (line for line in expected.sees - actual.sees if not newer(line, actual.sees))
        item += [f"{name} does not see {line!r}" for line in sorted(missing)]
        well = name in jobs and set(expected.ended) == {0}
        if well and set(actual.ended) != {0}:
            item.append(f"{name}: ended with {actual.ended}, and with 0 under Compose")
    return item


def make_twins(folder: Path, name: str, environment: dict[str, str], draft: Draft) -> Twins:
    """Both projects, in folders of their own below ``folder``, written from ``draft``."""
    twins = []
    for kind in ("plain", "tasks"):
        place = folder / kind
        place.mkdir()
        twins.append(Twin(Project(place, environment, f"{name}-{kind}"), kind == "plain"))
    made = Twins(twins[0], twins[1], draft)
    made.write()
    return made
