"""The corpus of odd ``.env`` files, each with all that is said of it.

``corpus.json`` holds the files, ``specification.env`` the ``.env.example`` they are held to.
Files that are fine have a name that begins with "fine".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SPECIFICATION = FOLDER / "specification.env"


@dataclass(frozen=True)
class Case:
    """An ``.env`` file, and what is said of it: severity, place, name, fault and correction."""

    name: str
    content: bytes
    says: tuple[str, ...]


def cases() -> list[Case]:
    result = json.loads((FOLDER / "corpus.json").read_text())
    return [
        Case(
            one["name"],
            bytes.fromhex(one["hex"]) if "hex" in one else one["text"].encode(),
            tuple(one["says"]),
        )
        for one in result
    ]
