"""The texts of the files that `composetasks init` proposes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from composetasks.facts import ModelVariable

FOR_THIS_RUN = "only-for-this-run"
"""What a variable has in CI that has no value in the project."""
COMMENT = "# Of this machine alone.\n"

_TASKS = '''"""The stack's tasks: inv --list shows them, inv up starts it."""

from composetasks import collection

ns = collection({config})
'''
SINGLE_TASKS = """
from composetasks.tasks import build, down, env, logs, restart, status, up  # noqa: E402, F401
"""

ALIASES: Mapping[str, str] = {
    "up": "up",
    "down": "down",
    "build": "build",
    "logs": "logs",
    "reset": "reset-state",
    "status": "status",
    "doctor": "doctor",
    "clean": "clean-orphans",
}
"""An alias of the Makefile, and its task."""


def tasks(files: Sequence[str]) -> str:
    """A `tasks.py`, with the compose files where the project does not name them."""
    listed = ", ".join(json.dumps(name, ensure_ascii=False) for name in files)
    return _TASKS.format(config=f'config={{"stack": {{"files": [{listed}]}}}}' if files else "")


def makefile(aliases: Mapping[str, str]) -> str:
    """A line for each alias."""
    lines = [
        '# Aliases, one line each; arguments go in ARGS: make up ARGS="--no-wait web"',
        f".PHONY: {' '.join(aliases)}",
        *(f"{name}: ; @composetasks {task} $(ARGS)" for name, task in aliases.items()),
    ]
    return "".join(f"{line}\n" for line in lines)


NOXFILE_HEAD = '''"""Verification: `nox -s smoke` starts a copy of the stack, and takes it away."""

import os

import nox
'''
_SMOKE = '''

@nox.session
def smoke(session: nox.Session) -> None:
    """Start an instance of the stack that nobody else sees, twice, and take it away.

    The second start has nothing to do. Whatever ends this, nothing of the instance is left.
    """
    session.install("{requirement}")  # or a folder or a wheel of it
    instance = {{
        "INVOKE_STACK_INSTANCE": f"smoke{{os.getpid()}}",
        "INVOKE_STACK_OWNER": str(os.getpid()),
    }}
    try:
        session.run("composetasks", "up", env=instance)
        session.run("composetasks", "up", "--plan", "--exit-code", env=instance)
    finally:
        session.run("composetasks", "down", "--yes", env=instance)
'''


def smoke(requirement: str) -> str:
    """The session, in an environment with what ``requirement`` brings."""
    return _SMOKE.format(requirement=requirement)


def with_imports(noxfile: str) -> str:
    """A noxfile that imports what the session uses, before its other imports."""
    lines = noxfile.splitlines(keepends=True)
    if any(line.strip() == "import os" for line in lines):
        return noxfile
    first = next((n for n, line in enumerate(lines) if line.startswith(("import ", "from "))), 0)
    while first < len(lines) and lines[first].startswith("from __future__"):
        first += 1
    return "".join([*lines[:first], "import os\n", *lines[first:]])


WORKFLOW = """name: smoke
on: [push, pull_request]
permissions:
  contents: read
jobs:
  smoke:
    runs-on: ubuntu-latest
{env}    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install nox
      - run: nox -s smoke
      - uses: actions/upload-artifact@v4
        if: failure()
        with:
          name: runs
          path: .composetasks/instances/*/runs
          include-hidden-files: true
"""
GITLAB_JOB = """smoke:
  image: docker:cli
  services: [docker:dind]
{env}  before_script:
    - apk add --no-cache python3 py3-pip
    - pip install --break-system-packages nox
  script:
    - nox -s smoke
"""


def workflow(variables: Iterable[ModelVariable]) -> str:
    """A job of GitHub's that runs the smoke."""
    return WORKFLOW.format(env=_required("env", variables, 4))


def gitlab_job(variables: Iterable[ModelVariable]) -> str:
    """The same for GitLab."""
    return GITLAB_JOB.format(env=_required("variables", variables, 2))


def _required(key: str, variables: Iterable[ModelVariable], indent: int) -> str:
    """The variables that the model can't be without, where no `.env` is."""
    required = [one for one in variables if one.required and not one.default]
    if not required:
        return ""
    lines = [f"{key}:", *(f'  {one.name}: "{FOR_THIS_RUN}"' for one in required)]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)
