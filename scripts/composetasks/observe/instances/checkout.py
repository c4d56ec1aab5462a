"""The checkout that a project's folder is part of."""

from __future__ import annotations

from pathlib import Path


def checkout_name(directory: Path) -> str:
    """What the checkout's folder is called: that of the git work tree around ``directory`` (one of
    several has a file where the first has the folder ``.git``), else of ``directory`` itself."""
    for place in (directory, *directory.parents):
        if (place / ".git").exists():
            return place.name
    return directory.name


def same_checkout(one: Path, other: Path) -> bool:
    """Whether two folders (real paths) that Compose worked in are of one checkout: one is in the
    other, as with ``COMPOSE_FILE=deploy/compose.yaml`` and without, and no work tree of git begins
    in between."""
    outer, inner = sorted((one, other), key=lambda place: len(place.parts))
    if outer not in (inner, *inner.parents):
        return False
    between = [place for place in (inner, *inner.parents) if outer in place.parents]
    return not any((place / ".git").exists() for place in between)
