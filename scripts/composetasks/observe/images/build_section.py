"""What a service's ``build`` section says, the Dockerfile that it names, and the ignore file that
counts for its context."""

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
"""Fields of a build section that count by rules of their own."""
REACH_NO_IMAGE = frozenset(
    {"cache_from", "cache_to", "no_cache", "no_cache_filter", "pull", "secrets", "ssh"}
    | {"provenance", "sbom"}
)
"""Fields that say how a build goes about it, or what is said about its image. BuildKit leaves
secrets and SSH agents out of what it knows a step by, too. Any other field counts, those that
Compose will yet learn among them."""
ASSIGNED = re.compile(r"\b([A-Za-z_]\w*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"']+)")


def declared_options(build: Build, service: Service) -> Iterator[tuple[str, str]]:
    """What the build section says that is neither a file nor a build arg."""
    section: Mapping[str, Any] = build.definition
    for name in sorted(section):
        if section[name] and name not in WITH_RULES | REACH_NO_IMAGE:
            yield name, _text(section[name])
    platforms = section.get("platforms")
    platforms = platforms if isinstance(platforms, list) else []
    platform = ",".join(map(str, platforms)) or str(service.config.get("platform") or "")
    yield "platform", platform or os.environ.get("DOCKER_DEFAULT_PLATFORM", "") or own_platform()


def texts(section: Any) -> dict[str, str]:
    """A mapping of the model with its values as text, without those that are not set."""
    if not isinstance(section or {}, Mapping):
        return {}
    return {str(key): str(value) for key, value in (section or {}).items() if value is not None}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def read_dockerfile(service: Service, build: Build, folder: str) -> tuple[Dockerfile, str | None]:
    """The Dockerfile, read, and its path; None for one that stands in the compose file."""
    inline = build.definition.get("dockerfile_inline")
    if inline:
        return parse(str(inline)), None
    name = build.dockerfile or "Dockerfile"
    place = os.path.join(folder, name)
    if not project_files.exists(Path(place)) and name == "Dockerfile":
        # BuildKit takes this one too.
        place = os.path.join(folder, "dockerfile")
    try:
        return parse(project_files.read(Path(place)).decode(errors="surrogateescape")), place
    except OSError as error:
        raise TaskFailure(
            f"{service.name}: its Dockerfile {os.path.join(folder, name)} can't be read "
            f"({error.strerror})",
            code=ExitCode.INVALID,
            hint="create it, or correct build.dockerfile in the compose file",
        ) from error


def ignore_patterns(folder: str, dockerfile: str | None) -> list[str]:
    """The patterns of the ignore file that counts, the Dockerfile's own or else the context's."""
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
    """A Dockerfile's text without the values of variables that are secret by their names."""

    def shown(match: re.Match[str]) -> str:
        return f"{match[1]}={masking.MASK}" if secret_name(match[1]) else match[0]

    return ASSIGNED.sub(shown, text)
