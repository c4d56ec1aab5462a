"""The build contexts of a project, and the patterns that their ignore files lack."""

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
"""How a Dockerfile uses git. Go writes the commit into each program."""
MANIFESTS = (
    *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "pom.xml", "build.rs"),
    *("build.gradle", "build.gradle.kts"),
)
VERSIONED = re.compile(
    r"(?:setuptools|flit)[-_](?:scm|git)|versioningit|hatch-vcs|versioneer|dunamai"
    r"|dynamic-versioning|\bpbr\b|git-(?:commit-id|version|properties)|vergen"
    r"|\bgit[ -](?:rev|describe|log)"
)
"""Tools that read the version of the project from git."""


def left_out(folder: Path, model: Model) -> Iterator[tuple[str, str]]:
    """Yield each context inside the project, by its folder, with the missing patterns for our own
    folder and git's."""
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
    """Return ``.git`` if every commit would cause a needless rebuild: the folder is copied with the
    rest, and neither a Dockerfile nor a version tool uses it."""
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
