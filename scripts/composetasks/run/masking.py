"""Masking of secrets in text and data.

:mod:`composetasks.run.secret_values` recognizes secrets by name, place or shape; a secret's value
is masked wherever it occurs. A run registers the values to mask with :func:`hide`; code that prints
text of other programs (an error, a container's record or log) passes it through :func:`safe` or
:func:`safe_data`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from composetasks.run.secret_values import parts, replaced, secret_name

if TYPE_CHECKING:
    from composetasks.facts import Environment

MASK = "***"
SHORTEST = 4
"""Shorter secrets are masked under their names only: as text they occur in many other words."""
SURE = 6
"""Secrets of at least this length are masked inside words too, shorter ones only as whole words."""

WELL_KNOWN = frozenset(
    re.findall(
        r"\S+",
        "admin change-me change_me changeme default docker dummy example guest localhost"
        " minioadmin mysql none null pass password postgres redis root secret test user true false",
    )
)
"""Well-known default passwords. They are masked under their names only, since in other text they
are names of services and users, and ordinary words."""


def spellings(value: str) -> frozenset[str]:
    """The forms in which a secret may appear in other programs' output: unchanged, in JSON, in a
    URL, with the ``$$`` that Compose writes, and line by line. Empty if the secret is too short or
    too well known to search for."""
    if value.lower() in WELL_KNOWN:
        return frozenset()
    parts = [value, *(line for line in map(str.strip, value.splitlines()) if len(line) > SURE)]
    spellings = {
        spelled
        for part in parts
        for spelled in (
            part,
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            quote(part, safe="", errors="replace"),
            quote_plus(part, errors="replace"),
            part.replace("$", "$$"),
            part.replace("'", "''"),
        )
    }
    return frozenset(one for one in spellings if len(one.strip()) >= SHORTEST)


def secret(environment: Environment, name: str) -> bool:
    """Whether a variable holds a secret, by its specification or else by its name."""
    specified = environment.specified.get(name)
    if specified is not None and specified.type:
        return specified.type == ("secret",)
    return secret_name(name)


def secrets(environment: Environment) -> frozenset[str]:
    """The values to mask everywhere, in every spelling, for ``mask``.

    The example values of ``.env.example`` are excluded. A secret stays one even if a variable that
    is not secret has the same value.
    """
    hidden: set[str] = set()
    for name, value in _every_value(environment):
        if secret(environment, name):
            hidden.add(value)
        else:
            hidden.update(parts(value))
    examples = {one.default for one in environment.variables}
    return frozenset(one for value in hidden - examples for one in spellings(value))


def _every_value(environment: Environment) -> Iterator[tuple[str, str]]:
    yield from environment.process.items()
    for file in environment.files:
        for assignment in (*file.compose, *file.dotenv):
            if assignment.value:
                yield assignment.name, assignment.value


def _stars(_secret: str) -> str:
    return MASK


def mask(text: str, secrets: Collection[str], stand_in: Callable[[str], str] = _stars) -> str:
    """``text`` with each of ``secrets``, and each secret recognized by its place in the text,
    replaced by MASK, or by the result of ``stand_in``."""
    text = replaced(text, stand_in)
    if secrets:
        text = _pattern(frozenset(secrets)).sub(lambda found: stand_in(found[0]), text)
    return text


def masked(
    data: Any, secrets: Collection[str], stand_in: Callable[[str], str] = _stars, name: str = ""
) -> Any:
    """A copy of nested mappings, lists and strings with every secret masked: each of ``secrets``,
    and each value under a key (or in a ``KEY=value``) with a secret's name."""
    if isinstance(data, Mapping):
        return {key: masked(value, secrets, stand_in, str(key)) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [masked(value, secrets, stand_in, name) for value in data]
    if not isinstance(data, str) or not data:
        return data
    if secret_name(name):
        return stand_in(data)
    key, equals, value = data.partition("=")
    if equals and value and secret_name(key):
        return f"{key}={stand_in(value)}"
    return mask(data, secrets, stand_in)


def without_user(address: str) -> str:
    """An address, with or without a scheme, without its user and password."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


# --- the values that this run masks ---------------------------------------------------------

_hidden: set[str] = set()
_public: set[str] = set()
WORD = re.compile(r"[^\W_]+")


def hide(secrets: Iterable[str]) -> None:
    """Let :func:`safe` mask these values from now on, except those in public names."""
    _hidden.update(set(secrets) - _public)


def hide_all(values: Iterable[str]) -> None:
    """Let :func:`safe` mask these values from now on, in every spelling."""
    hide(spelled for value in values for spelled in spellings(value))


def unhide(names: Iterable[str]) -> None:
    """Register public names (services, images without their tags): a password that equals one, a
    component of its path, or a word in one, is masked under its name only, also in later calls of
    :func:`hide`."""
    for name in names:
        _public.update((name, *name.split("/"), *WORD.findall(name)))
    _hidden.difference_update(_public)


def hidden() -> frozenset[str]:
    """The values registered with :func:`hide` in this process."""
    return frozenset(_hidden)


def shows_secret(text: str) -> bool:
    """Whether ``text`` contains a registered value; faster than :func:`safe` for long texts with
    few secrets."""
    return any(one in text for one in _hidden)


def safe(text: str) -> str:
    """``text`` with all secrets masked."""
    return mask(text, _hidden)


def safe_data(data: Any) -> Any:
    """Nested data with all secrets masked."""
    return masked(data, _hidden)


_patterns: dict[frozenset[str], re.Pattern[str]] = {}


def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    """One pattern for all secrets, longest first, so that a secret that contains another is
    replaced as a whole."""
    if secrets not in _patterns:
        _patterns.clear()
        _patterns[secrets] = re.compile("|".join(_alternatives(secrets)) or r"(?!)")
    return _patterns[secrets]


def _alternatives(secrets: Iterable[str]) -> list[str]:
    ordered = sorted(filter(None, secrets), key=lambda one: (-len(one), one))
    return [
        re.escape(secret)
        if len(secret) >= SURE
        else rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])"
        for secret in ordered
    ]
