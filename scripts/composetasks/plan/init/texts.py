"""The texts of the files that `composetasks init` proposes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from composetasks.facts import ModelVariable

FOR_THIS_RUN = "only-for-this-run"
"""The value in CI of a variable that has no value in the project."""
SOURCE = "COMPOSETASKS"
"""The variable with composetasks' source for pip, if no package index has this version."""
CLONE = "git+https://git.example.org/tools/composetasks.git"
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
"""The Makefile's aliases and their tasks."""


def tasks(files: Sequence[str]) -> str:
    """A `tasks.py`; it lists the compose files if the project does not name them elsewhere."""
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


NOXFILE_HEAD = '''"""Verification: `nox -s smoke` starts a copy of the stack, and removes it."""

import os

import nox
'''
_SMOKE = '''

@nox.session
def smoke(session: nox.Session) -> None:
    """Start an instance of the stack, which has its own ports and state, twice, and remove it.

    The second start has nothing to do. However the session ends, nothing of the instance is left.
    """
    {install}
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
_INSTALL = f"""if "{SOURCE}" not in os.environ:
        session.error("set {SOURCE} to a clone, a folder or a wheel of composetasks")
    session.install(os.environ["{SOURCE}"])"""


def smoke(requirement: str) -> str:
    """The nox session; it installs ``requirement``, or what :data:`SOURCE` names if that is not
    known."""
    known = f"session.install({json.dumps(requirement)})  # or a folder or a wheel of composetasks"
    return _SMOKE.format(install=known if requirement else _INSTALL)


def with_imports(noxfile: str) -> str:
    """A noxfile with the imports that the session needs, before its other imports."""
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


def workflow(variables: Iterable[ModelVariable], requirement: str) -> str:
    """A GitHub job that runs the smoke test."""
    return WORKFLOW.format(env=_variables("env", variables, requirement, 4))


def gitlab_job(variables: Iterable[ModelVariable], requirement: str) -> str:
    """A GitLab job that runs the smoke test."""
    return GITLAB_JOB.format(env=_variables("variables", variables, requirement, 2))


def _variables(key: str, variables: Iterable[ModelVariable], requirement: str, indent: int) -> str:
    """The variables that the job needs: those that the model requires, since there is no `.env`,
    and where composetasks is installed from."""
    required = [one.name for one in variables if one.required and not one.default]
    lines = [f'{name}: "{FOR_THIS_RUN}"' for name in required]
    if not requirement:
        lines.append(f'{SOURCE}: "{CLONE}" # a clone that the runner can reach')
    if not lines:
        return ""
    return "".join(f"{' ' * indent}{line}\n" for line in (f"{key}:", *(f"  {x}" for x in lines)))
