"""Dollar signs, which start a variable in every value that Compose reads.

In the models that Compose prints, every dollar sign is doubled, in keys as well as in values, so
that the output can be read again. Compose interpolates values only, so keys are written unchanged.
"""

from __future__ import annotations

from typing import Any


def undoubled(text: str) -> str:
    """Return a text of the output of ``docker compose config`` with its dollar signs undoubled."""
    return text.replace("$$", "$")


def doubled(value: Any) -> Any:
    """Return ``value`` with its dollar signs doubled, so that Compose reads the original value."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, (list, tuple)):
        return [doubled(one) for one in value]
    if isinstance(value, dict):
        return {key: doubled(one) for key, one in value.items()}
    return value
