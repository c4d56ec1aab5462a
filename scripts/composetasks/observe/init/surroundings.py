"""The project's files that init may write, and its scripts that use Docker."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from composetasks.facts import Environment, ModelVariable, Surroundings, Usage
from composetasks.facts.init import OF_COMPOSE, OF_LOGIN
from composetasks.observe.compose import project_files
from composetasks.run import git, process
from composetasks.run.secret_values import secret_name
from composetasks.run.versions import requirement

FILES = (
    *("tasks.py", ".env.example", "Makefile", "noxfile.py", ".gitignore", ".dockerignore"),
    *(".github/workflows/smoke.yml", ".gitlab-ci.yml"),
)
"""The files that may be proposed."""
FOLDERS = ("", "scripts", "script", "bin", "tools", "dev", "docker", "ops", "infra")
"""The folders where projects keep scripts that people run."""
SHEBANG = re.compile(r"#!\s*\S*/(?:env\s+)?(?:ba|da|k|z)?sh\b")
DOCKER = re.compile(r"^[^#\n]*\bdocker(?:-compose)?\b", re.MULTILINE)
COMMENTED_OUT = re.compile(r"\s*#[#\s]*(?:export\s+)?[A-Za-z_]\w*=")
LARGEST = 200_000
"""The size in bytes above which a file is not a handwritten script."""
FREE = ("environment", "command", "entrypoint", "labels", "build.args")
"""Places in a service whose text only the program interprets; Compose prescribes no form."""
ASKING_SECONDS = 10.0


def surroundings(
    environment: Environment, usage: Usage, project: str, contexts: Iterable[tuple[str, str]]
) -> Surroundings:
    """Return the project's surroundings. ``contexts`` are those of its builds, each with its folder
    and a pattern that its ignore file should have."""
    folder = environment.folder
    contexts = tuple(contexts)
    names = (*FILES, *(f"{place}/.dockerignore" for place, _ in contexts if place))
    in_git = git.work_tree(folder) is not None
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
        git=in_git,
        tracked=frozenset(_tracked(folder) if in_git else ()),
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
    """Return the entries of a folder; none if it is missing or unreadable."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _tracked(folder: Path) -> list[str]:
    """Return the tracked files that do not belong in git; none if git can't tell."""
    command = ("ls-files", "--", ".env", ".composetasks")
    try:
        return git.run(folder, *command, timeout=ASKING_SECONDS).stdout.splitlines()
    except process.ProgramError:
        return []


def _variables(environment: Environment, usage: Usage) -> Iterator[ModelVariable]:
    """Yield the interpolated variables in the order of the compose files, then the rest of
    ``.env``."""
    demanded = {name: message for name, _, _, message, _ in environment.demanded}
    used = sorted(environment.used, key=lambda name: _place(environment, name))
    of_services = sorted({name for names in usage.services.values() for name in names})
    of_files = [name for file in environment.files for name in file.set]
    names = dict.fromkeys([*used, *demanded, *of_services, *usage.defaults, *of_files])
    for name in names:
        if name in OF_COMPOSE | OF_LOGIN and name not in of_files:
            continue
        given = next((file for file in environment.files if name in file.set), None)
        default = usage.defaults.get(name, "")
        value = (given.set[name].value or "") if given else ""
        yield ModelVariable(
            name=name,
            default=default,
            value=value,
            required=name in demanded,
            message=demanded.get(name, ""),
            secret=secret_name(name),
            formed=not all(place.startswith(FREE) for place in _uses(usage, name)),
            absent=not all(map(os.path.exists, _paths(environment.folder, default, value))),
            comment=tuple(_comment(given.lines, given.set[name].line)) if given else (),
        )


def _paths(folder: Path, *values: str) -> Iterator[Path]:
    """Yield the values that are relative paths, from the folder on."""
    return (folder / value for value in values if value.startswith(("./", "../")))


def _uses(usage: Usage, name: str) -> Iterator[str]:
    """Yield the places where services use a variable, as in :class:`Usage`."""
    for names in usage.services.values():
        yield from names.get(name, ())


def _place(environment: Environment, name: str) -> tuple[str, int]:
    path, line = environment.used[name]
    return str(path), line


def _comment(lines: tuple[str, ...], line: int) -> list[str]:
    """Return the comment directly above a line of ``.env`` (counted from 1), down from the last
    variable that is commented out: text above such a variable describes that variable."""
    comment: list[str] = []
    for text in reversed(lines[: line - 1]):
        if not text.lstrip().startswith("#") or COMMENTED_OUT.match(text):
            break
        comment.insert(0, text.strip().lstrip("#").strip())
    return comment
