"""The files that are proposed for a project, next to the existing ones. Existing files are not
changed, except that lines are added to ignore files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from composetasks.facts import InitPlan, Proposal, ProposedFile, Surroundings
from composetasks.plan.init import texts
from composetasks.plan.init.replacements import replacements
from composetasks.plan.init.specification import MARK, specification, specified

TASKS, EXAMPLE, MAKEFILE, NOXFILE = "tasks.py", ".env.example", "Makefile", "noxfile.py"
GITIGNORE, DOCKERIGNORE = ".gitignore", ".dockerignore"
GITHUB, GITLAB = ".github/workflows/smoke.yml", ".gitlab-ci.yml"
OURS = "composetasks"
IGNORED = {
    "/.composetasks/": {".composetasks", ".composetasks/", "/.composetasks", "/.composetasks/"},
    "/.env": {".env", "/.env", "*.env", ".env*", ".env.*"},
}
"""A line of `.gitignore`, and the lines that have the same effect."""


def plan_init(seen: Surroundings) -> InitPlan:
    """Everything that is proposed for a project, without what it already has."""
    proposed = [
        _tasks(seen),
        _example(seen),
        _makefile(seen),
        _noxfile(seen),
        _workflow(seen),
        _gitignore(seen),
        *_dockerignores(seen),
    ]
    files = tuple(one for one in proposed if one is not None and one.old != one.new)
    scripts = {path: replacements(text, seen.state) for path, text in sorted(seen.scripts.items())}
    return InitPlan(seen.project, files, scripts)


def _file(seen: Surroundings, path: str, new: str, *, append: bool = False) -> ProposedFile:
    old = seen.texts.get(path)
    if old is None:
        return ProposedFile(path, Proposal.CREATE, None, new)
    return ProposedFile(path, Proposal.APPEND if append else Proposal.LEAVE, old, new)


def _joined(old: str, *parts: str) -> str:
    """A text with others appended."""
    return (old if old.endswith("\n") or not old else f"{old}\n") + "".join(parts)


def _tasks(seen: Surroundings) -> ProposedFile | None:
    """`tasks.py`. If the file exists and defines Invoke tasks, single tasks are added to them; any
    other file of that name is left alone."""
    old = seen.texts.get(TASKS)
    if old is None:
        return _file(seen, TASKS, texts.tasks(seen.files))
    ours_or_not_invokes = OURS in old or not re.search(r"\b(?:from|import) invoke\b", old)
    if ours_or_not_invokes or re.search(r"^(?:ns|namespace)\b", old, re.MULTILINE):
        return None
    return _file(seen, TASKS, _joined(old, texts.SINGLE_TASKS))


def _example(seen: Surroundings) -> ProposedFile | None:
    """The specification, based on the project's existing example file, whatever its name."""
    old = seen.texts.get(EXAMPLE, seen.example)
    if old:
        return None if MARK in old else _file(seen, EXAMPLE, specified(old, seen.variables))
    return _file(seen, EXAMPLE, specification(seen.variables)) if seen.variables else None


def _makefile(seen: Surroundings) -> ProposedFile:
    """The Makefile's aliases, without those whose names an existing Makefile already has."""
    old = seen.texts.get(MAKEFILE, "")
    taken = set(re.findall(r"^([\w-]+)\s*:(?!=)", old, re.MULTILINE))
    left = {name: task for name, task in texts.ALIASES.items() if name not in taken}
    new = _joined(old, *(["\n"] if old else []), texts.makefile(left)) if left else old
    return _file(seen, MAKEFILE, new)


def _noxfile(seen: Surroundings) -> ProposedFile | None:
    old = seen.texts.get(NOXFILE)
    if old is None:
        return _file(seen, NOXFILE, texts.NOXFILE_HEAD + texts.smoke(seen.requirement))
    if re.search(r"^def smoke\b", old, re.MULTILINE):
        return None
    return _file(seen, NOXFILE, _joined(texts.with_imports(old), texts.smoke(seen.requirement)))


def _workflow(seen: Surroundings) -> ProposedFile | None:
    """A job for GitHub, or for GitLab if the project uses that."""
    if GITLAB in seen.texts:
        old = seen.texts[GITLAB]
        job = texts.gitlab_job(seen.variables, seen.requirement)
        return None if "nox" in old else _file(seen, GITLAB, _joined(old, "\n", job))
    if not seen.git or GITHUB in seen.texts:
        return None
    return _file(seen, GITHUB, texts.workflow(seen.variables, seen.requirement))


def _gitignore(seen: Surroundings) -> ProposedFile | None:
    if not seen.git:
        return None
    old = seen.texts.get(GITIGNORE, "")
    there = {line.strip() for line in old.splitlines()}
    lines = [
        line
        for line, same in IGNORED.items()
        if not there & same and line.strip("/") not in seen.tracked
    ]
    return _file(seen, GITIGNORE, _lines_added(old, lines), append=True)


def _dockerignores(seen: Surroundings) -> Iterator[ProposedFile]:
    """For each build context, the lines that exclude files which should not be sent."""
    for folder in dict.fromkeys(folder for folder, _ in seen.contexts):
        path = f"{folder}/{DOCKERIGNORE}" if folder else DOCKERIGNORE
        old = seen.texts.get(path, "")
        there = {line.strip().strip("/") for line in old.splitlines()}
        # A negated line says that someone wants these files.
        lines = [
            pattern
            for place, pattern in seen.contexts
            if place == folder
            and not there & {pattern, "*", "**", f"**/{pattern}", f"!{pattern}", f"{pattern}*"}
        ]
        yield _file(seen, path, _lines_added(old, lines), append=True)


def _lines_added(old: str, lines: Iterable[str]) -> str:
    added = "".join(f"{line}\n" for line in lines)
    return _joined(old, texts.COMMENT, added) if added else old
