"""The corpus of Dockerfiles (tests/corpus/dockerfiles), laid out on a disk.

A case is a folder with a Dockerfile and a ``case.json``: ``tree`` lists the context's files
(``path``, ``path=content`` or ``path=->target`` for a link; ``+name/...`` belongs to a folder
beside the context), ``files`` what the digest must be made from, ``images`` the base images;
``build`` is the rest of the build section, ``onbuild`` the triggers of images that are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composetasks.facts import Build, Model, Service

CORPUS = Path(__file__).parent / "corpus" / "dockerfiles"


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    dockerfile: str
    expected: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """Every case of the corpus, by name."""
    results = []
    for folder in sorted(path.parent for path in CORPUS.glob("*/case.json")):
        expected = json.loads((folder / "case.json").read_text())
        dockerfile = (folder / "Dockerfile").read_bytes().decode()
        results.append(Case(folder.name, expected["about"], dockerfile, expected))
    return results


def lay_out(folder: Path, tree: list[str]) -> None:
    """Make the files of a ``tree``."""
    for entry in tree:
        path, _, content = entry.partition("=")
        place = folder.parent / path[1:] if path.startswith("+") else folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            place.symlink_to(content[2:])
        else:
            place.write_text(content or f"{path}\n")


def context(case: Case, folder: Path, dockerfile: str | None = None) -> Build:
    """Lay a case out under ``folder``; its build section, with ``dockerfile`` in place of its own
    where given."""
    place = folder / "context"
    place.mkdir(parents=True)
    (place / "Dockerfile").write_bytes((dockerfile or case.dockerfile).encode())
    if "ignore" in case.expected:
        (place / ".dockerignore").write_text(case.expected["ignore"])
    lay_out(place, case.expected["tree"])
    definition: dict[str, Any] = {"context": str(place), **case.expected.get("build", {})}
    named = definition.get("additional_contexts", {})
    definition["additional_contexts"] = {
        name: str(folder / value[1:]) if value.startswith("+") else value
        for name, value in named.items()
    }
    return Build(str(place), "Dockerfile", definition)


def service(build: Build, name: str = "app", **changes: Any) -> Service:
    """A service that builds and has no containers."""
    fields: dict[str, Any] = {
        "name": name,
        "image": f"ct-{name}:latest",
        "config_hash": "",
        "container_names": (),
        "config": {},
        "build": build,
    }
    return Service(**{**fields, **changes})


def model(directory: Path, *services: Service) -> Model:
    """A model of these services."""
    return Model("corpus", directory, (), {one.name: one for one in services})
