"""The build contexts of a project, and what their ignore files lack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from composetasks.facts import Model, Service
from composetasks.observe.compose import project_files
from composetasks.observe.images.build_section import read_dockerfile
from composetasks.run.failure import TaskFailure
from composetasks.store.build_records import own_pattern

GIT = re.compile(r"\bgit\b|\bgo (?:build|install)\b")
"""What a Dockerfile asks git by: Go writes the commit into each program."""
MANIFESTS = (
    *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "pom.xml", "build.rs"),
    *("build.gradle", "build.gradle.kts"),
)
VERSIONED = re.compile(
    r"(?:setuptools|flit)[-_](?:scm|git)|versioningit|hatch-vcs|versioneer|dunamai"
    r"|dynamic-versioning|\bpbr\b|git-(?:commit-id|version|properties)|vergen"
    r"|\bgit[ -](?:rev|describe|log)"
)
"""What reads the version of what is built from git."""


def left_out(folder: Path, model: Model) -> Iterator[tuple[str, str]]:
    """What the builds of a project should not be sent: each context inside it, by its folder, with
    the patterns of our own folder and of git's."""
    services: dict[Path, list[Service]] = {}
    for service in model.services.values():
        context = Path(service.build.context) if service.build else None
        if context and os.path.isdir(context) and context.is_relative_to(folder):
            services.setdefault(context, []).append(service)
    for context in sorted(services):
        place = os.path.relpath(context, folder)
        own = own_pattern(str(context), folder / ".composetasks" / "cache")
        for pattern in (own, _git(context, services[context])):
            if pattern:
                yield "" if place == "." else place, pattern


def _git(context: Path, services: list[Service]) -> str:
    """``.git`` where every commit builds again for nothing: it is copied with all the rest, and
    neither a Dockerfile nor what tells a version asks for it."""
    if not os.path.isdir(context / ".git"):
        return ""
    texts = [text for service in services for text in _instructions(context, service)]
    manifests = (project_files.text(context / name) for name in MANIFESTS)
    asked_for = any(map(GIT.search, texts)) or any(map(VERSIONED.search, manifests))
    return ".git" if any(map(_copies_all, texts)) and not asked_for else ""


def _instructions(context: Path, service: Service) -> Iterator[str]:
    assert service.build is not None
    try:
        dockerfile, _ = read_dockerfile(service, service.build, str(context))
    except TaskFailure:
        return
    yield from (instruction.source() for instruction in dockerfile.instructions)


def _copies_all(instruction: str) -> bool:
    keyword, *words = instruction.replace('"', " ").replace(",", " ").replace("[", " ").split()
    from_context = not any(word.startswith("--from=") for word in words)
    return keyword in ("COPY", "ADD") and from_context and any(w in (".", "./") for w in words[:-1])
