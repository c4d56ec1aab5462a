"""Read a service's ``build`` section, its Dockerfile, and the ignore file of its context."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from composetasks.facts import Build, ExitCode, Service
from composetasks.observe.compose import project_files
from composetasks.observe.images.dockerfile import Dockerfile, parse
from composetasks.observe.images.ignore import read_patterns
from composetasks.observe.images.platforms import own_platform
from composetasks.run import masking
from composetasks.run.failure import TaskFailure
from composetasks.run.secret_values import secret_name

WITH_RULES = frozenset(
    {"additional_contexts", "args", "context", "dockerfile", "dockerfile_inline", "platforms"}
    | {"tags"}
)
"""Fields of a build section that have rules of their own."""
REACH_NO_IMAGE = frozenset(
    {"cache_from", "cache_to", "no_cache", "no_cache_filter", "pull", "secrets", "ssh"}
    | {"provenance", "sbom"}
)
"""Fields that affect only how a build runs, or metadata about its image. BuildKit too leaves
secrets and SSH agents out of a step's cache key. All other fields count, including future ones."""
ASSIGNED = re.compile(r"\b([A-Za-z_]\w*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"']+)")


def declared_options(build: Build, service: Service) -> Iterator[tuple[str, str]]:
    """Yield the build section's options that are neither files nor build args."""
    section: Mapping[str, Any] = build.definition
    for name in sorted(section):
        if section[name] and name not in WITH_RULES | REACH_NO_IMAGE:
            yield name, _text(section[name])
    platforms = section.get("platforms")
    platforms = platforms if isinstance(platforms, list) else []
    platform = ",".join(map(str, platforms)) or str(service.config.get("platform") or "")
    yield "platform", platform or os.environ.get("DOCKER_DEFAULT_PLATFORM", "") or own_platform()


def texts(section: Any) -> dict[str, str]:
    """Return a mapping of the model with its values as text, without unset ones."""
    if not isinstance(section or {}, Mapping):
        return {}
    return {str(key): str(value) for key, value in (section or {}).items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def read_dockerfile(service: Service, build: Build, folder: str) -> tuple[Dockerfile, str | None]:
    """Return the parsed Dockerfile and its path; the path is None for an inline Dockerfile."""
    inline = build.definition.get("dockerfile_inline")
    if inline:
        return parse(str(inline)), None
    place = named = os.path.join(folder, build.dockerfile)
    if not project_files.exists(Path(place)) and build.dockerfile == "Dockerfile":
        # BuildKit accepts this name too.
        place = os.path.join(folder, "dockerfile")
    try:
        return parse(project_files.read(Path(place)).decode(errors="surrogateescape")), place
    except OSError as error:
        raise TaskFailure(
            f"{service.name}: its Dockerfile {named} can't be read ({error.strerror})",
            code=ExitCode.INVALID,
            hint="create it, or correct build.dockerfile in the compose file",
        ) from error


def ignore_patterns(folder: str, dockerfile: str | None) -> list[str]:
    """Return the patterns of the Dockerfile's own ignore file, or else of the context's."""
    for place in (f"{dockerfile}.dockerignore" if dockerfile else "", f"{folder}/.dockerignore"):
        if not place:
            continue
        try:
            text = project_files.read(Path(place)).decode(errors="surrogateescape")
            return list(read_patterns(text))
        except OSError as error:
            if project_files.is_pipe(Path(place)):
                raise TaskFailure(
                    f"{place} can't be read ({error.strerror})",
                    code=ExitCode.INVALID,
                    hint="put its content into a regular file",
                ) from error
    return []


def without_secrets(text: str) -> str:
    """Return a Dockerfile's text without the values of variables that have secret names."""

    def shown(match: re.Match[str]) -> str:
        return f"{match[1]}={masking.MASK}" if secret_name(match[1]) else match[0]

    return ASSIGNED.sub(shown, text)
