"""A project in a temporary folder, and `inv` run in it as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.schemas import validate

TASKS = "from composetasks import collection\nns = collection()\n"
LONGEST_SECONDS = 300
OTHERS = ("COMPOSE_", "INVOKE_", "GITHUB_", "GITLAB_", "MAKE", "MFLAGS", "NO_COLOR")
"""How variables of others begin."""


@dataclass(frozen=True)
class Ran:
    """What a run of ``inv`` left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return validate(json.loads(self.out))

    @property
    def checks(self) -> dict[str, Any]:
        """The doctor's checks by name."""
        return {check["name"]: check for check in self.document["checks"]}

    @property
    def lines(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [validate(json.loads(line)) for line in self.out.splitlines()]


@dataclass
class Project:
    """A folder with a compose file and the three lines of ``tasks.py``, and the ``program`` that
    runs its tasks."""

    folder: Path
    environment: dict[str, str]
    name: str = "shop"
    program: tuple[str, ...] = (sys.executable, "-m", "invoke")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def compose(self, text: str) -> None:
        """Write the compose file, under this project's own name."""
        self.write("compose.yaml", f"name: {self.name}\n{text}")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the program with these arguments, for a test that does something meanwhile."""
        return subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def inv(self, *arguments: str, **environment: str) -> Ran:
        """Run the program with these arguments to its end."""
        child = self.start(*arguments, **environment)
        try:
            out, err = child.communicate(timeout=LONGEST_SECONDS)
        except BaseException:
            child.kill()
            child.communicate()
            raise
        assert "Traceback" not in err + out, err
        return Ran(child.returncode, out, err)

    def plan(self, *arguments: str, **environment: str) -> list[tuple[str, str]]:
        """The steps of a plan, as (action, target)."""
        ran = self.inv(*arguments, "--plan", "--json", **environment)
        return [(step["action"], step["target"]) for step in ran.document["steps"]]


def own_environment() -> dict[str, str]:
    """The environment without what would lead Compose, the engine or Invoke elsewhere, what a CI
    system has failures told to, and what a `make` above has one below it print and count."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)} | {
        "NO_COLOR": "1"
    }
