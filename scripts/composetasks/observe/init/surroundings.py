"""What a project has: the files that init would write, and scripts that speak of Docker."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from composetasks.facts import Environment, ModelVariable, Surroundings, Usage
from composetasks.facts.init import OF_COMPOSE
from composetasks.observe.compose import project_files
from composetasks.run import process
from composetasks.run.secret_values import secret_name
from composetasks.run.versions import requirement

FILES = (
    *("tasks.py", ".env.example", "Makefile", "noxfile.py", ".gitignore", ".dockerignore"),
    *(".github/workflows/smoke.yml", ".gitlab-ci.yml"),
)
"""What may be proposed."""
FOLDERS = ("", "scripts", "script", "bin", "tools", "dev", "docker", "ops", "infra")
"""Where a project keeps the scripts that people start."""
SHEBANG = re.compile(r"#!\s*\S*/(?:env\s+)?(?:ba|da|k|z)?sh\b")
DOCKER = re.compile(r"^[^#\n]*\bdocker(?:-compose)?\b", re.MULTILINE)
COMMENTED_OUT = re.compile(r"\s*#[#\s]*(?:export\s+)?[A-Za-z_]\w*=")
LARGEST = 200_000
"""Bytes above which a file is no script that somebody wrote."""
FREE = ("environment", "command", "entrypoint", "labels", "build.args")
"""The places in a service whose text is the program's own affair, and has no form for Compose."""
ASKING_SECONDS = 10.0


def surroundings(
    environment: Environment, usage: Usage, project: str, contexts: Iterable[tuple[str, str]]
) -> Surroundings:
    """The project in its folder. ``contexts`` are those of its builds, each by its folder and
    a pattern that it should have."""
    folder = environment.folder
    contexts = tuple(contexts)
    names = (*FILES, *(f"{place}/.dockerignore" for place, _ in contexts if place))
    git = any(os.path.exists(place / ".git") for place in (folder, *folder.parents))
    return Surroundings(
        project=project,
        texts={
            name: project_files.text(folder / name)
            for name in names
            if os.path.exists(folder / name)
        },
        scripts=dict(_scripts(folder)),
        variables=tuple(_variables(environment, usage)),
        contexts=contexts,
        git=git,
        tracked=frozenset(_tracked(folder) if git else ()),
        requirement=requirement(),
        example=project_files.text(environment.example) if environment.example else "",
    )


def _scripts(folder: Path) -> Iterator[tuple[str, str]]:
    for name in FOLDERS:
        place = folder / name
        for path in _listed(place):
            if (
                path.is_file()
                and path.suffix in ("", ".sh", ".bash")
                and path.stat().st_size <= LARGEST
            ):
                text = project_files.text(path)
                shell = path.suffix or SHEBANG.match(text)
                if shell and DOCKER.search(text):
                    yield os.path.relpath(path, folder), text


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing where there is none, or none that we may look into."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _tracked(folder: Path) -> list[str]:
    """Which of the files that nobody should have in git are there; none where git can't say."""
    command = ["git", "ls-files", "--", ".env", ".composetasks"]
    try:
        return process.run(command, cwd=folder, timeout=ASKING_SECONDS).stdout.splitlines()
    except process.ProgramError:
        return []


def _variables(environment: Environment, usage: Usage) -> Iterator[ModelVariable]:
    """What is interpolated in the order of the compose files, then what only ``.env`` sets."""
    demanded = {name: message for name, _, _, message, _ in environment.demanded}
    used = sorted(environment.used, key=lambda name: _place(environment, name))
    of_services = sorted({name for names in usage.services.values() for name in names})
    of_files = [name for file in environment.files for name in file.set]
    names = dict.fromkeys([*used, *demanded, *of_services, *usage.defaults, *of_files])
    for name in names:
        if name in OF_COMPOSE and name not in of_files:
            continue
        given = next((file for file in environment.files if name in file.set), None)
        yield ModelVariable(
            name=name,
            default=usage.defaults.get(name, ""),
            value=(given.set[name].value or "") if given else "",
            required=name in demanded,
            message=demanded.get(name, ""),
            secret=secret_name(name),
            formed=not all(place.startswith(FREE) for place in _uses(usage, name)),
            comment=tuple(_comment(given.lines, given.set[name].line)) if given else (),
        )


def _uses(usage: Usage, name: str) -> Iterator[str]:
    """Where the services use a variable, as :class:`Usage` has it."""
    for names in usage.services.values():
        yield from names.get(name, ())


def _place(environment: Environment, name: str) -> tuple[str, int]:
    path, line = environment.used[name]
    return str(path), line


def _comment(lines: tuple[str, ...], line: int) -> list[str]:
    """The comment directly above a line of ``.env`` (counted from 1), from below a variable that
    is commented out: what stands above that is about it."""
    comment: list[str] = []
    for text in reversed(lines[: line - 1]):
        if not text.lstrip().startswith("#") or COMMENTED_OUT.match(text):
            break
        comment.insert(0, text.strip().lstrip("#").strip())
    return comment
