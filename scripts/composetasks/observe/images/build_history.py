"""Learn from BuildKit's history about builds that were not started here, but by Compose, say."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Model
from composetasks.facts.engine import PROJECT, SERVICE
from composetasks.run import process
from composetasks.run.build_log import BuildLog
from composetasks.run.compose import buildx
from composetasks.store import build_records

if TYPE_CHECKING:
    from docker import APIClient

NEWEST = 5
"""The number of a service's latest builds that are read."""
PROGRAM_SECONDS = 10.0


def learn(
    model: Model, services: Iterable[str], cache: Path, env: Mapping[str, str], client: APIClient
) -> None:
    """Store what the engine's builder knows of the builds of ``services``, none of which has stored
    times yet. A builder that has no history, or does not answer, yields nothing."""
    if not _has_buildkit(client):
        return
    asking = _BuildHistory(model, env)
    for name in services:
        for log, seconds in asking.builds(name):
            build_records.save_times(cache, name, log.steps(), log.time(seconds))


def _has_buildkit(client: APIClient) -> bool:
    """Tell whether the engine has BuildKit. Without it, Buildx would start a container."""
    with client.head(f"{client.base_url}/_ping", timeout=client.timeout) as answer:
        return bool(answer.headers.get("Builder-Version") == "2")


class _BuildHistory:
    """Buildx's records of past builds (``docker buildx history``); each is requested once."""

    def __init__(self, model: Model, env: Mapping[str, str]) -> None:
        self.model, self.env = model, env
        self.completed: list[dict[str, Any]] | None = None
        self.inspected: dict[str, list[dict[str, Any]]] = {}

    def builds(self, service: str) -> Iterator[tuple[BuildLog, float]]:
        """Yield a service's latest successful builds, the newest last, each with its seconds."""
        if self.completed is None:
            self.completed = self._documents(
                "ls", "--format", "json", "--filter", "status=completed"
            )
        build = self.model.services[service].build
        # Buildx names a build by its context's folder, then the Dockerfile and the target.
        named = os.path.basename(os.path.realpath(build.context)) if build else ""
        likely = [one for one in self.completed if str(one.get("name", "")).startswith(named)]
        likely.sort(key=lambda one: str(one.get("created_at", "")), reverse=True)
        # The list does not show a build's project, and folder names repeat between projects.
        references = (str(one.get("ref", "")).rpartition("/")[2] for one in likely)
        own = (
            (reference, float(record.get("Duration") or 0) / 1e9)
            for reference in references
            for record in self._inspected(reference)
            if self._is_of(service, record)
        )
        for reference, seconds in reversed(list(islice(own, NEWEST))):
            yield self._log(reference), seconds

    def _inspected(self, reference: str) -> list[dict[str, Any]]:
        if reference not in self.inspected:
            documents = self._documents("inspect", reference, "--format", "json")
            self.inspected[reference] = documents
        return self.inspected[reference]

    def _is_of(self, service: str, record: Mapping[str, Any]) -> bool:
        labels = {one.get("Name"): one.get("Value") for one in record.get("Labels") or ()}
        return {PROJECT: self.model.project, SERVICE: service}.items() <= labels.items()

    def _log(self, reference: str) -> BuildLog:
        log = BuildLog(io.StringIO())
        for line in self._lines("logs", reference, "--progress", "rawjson"):
            list(log.feed(line))
        return log

    def _documents(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the JSON documents of an answer: one document, or one per line."""
        text = "\n".join(self._lines(*arguments))
        try:
            documents = [json.loads(text)]
        except ValueError:
            documents = [_read(line) for line in text.splitlines()]
        return [one for one in documents if isinstance(one, dict)]

    def _lines(self, *arguments: str) -> list[str]:
        argv = [*buildx(self.env), "--builder", "default", "history", *arguments]
        try:
            done = process.run(argv, env=self.env, timeout=PROGRAM_SECONDS)
        except process.ProgramError:
            return []
        return (done.stdout or done.stderr).splitlines()


def _read(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
