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
