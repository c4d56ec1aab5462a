"""Dollar signs, which Compose takes for the beginning of a variable wherever it reads a value.

What it prints of a model can be read again: every dollar sign stands there twice, in keys as well
as in values. It interpolates values only, so a key is written as it is.
"""

from __future__ import annotations

from typing import Any


def undoubled(text: str) -> str:
    """What ``docker compose config`` printed, as the texts are that it means."""
    return text.replace("$$", "$")


def doubled(value: Any) -> Any:
    """A value as Compose must read it to get it back."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, (list, tuple)):
        return [doubled(one) for one in value]
    if isinstance(value, dict):
        return {key: doubled(one) for key, one in value.items()}
    return value
