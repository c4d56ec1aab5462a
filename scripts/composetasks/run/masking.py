"""Secrets out of sight: text without their values.

What is a secret by its name, place or shape says :mod:`composetasks.run.secret_values`; its value
is masked wherever it turns up. A run says with :func:`hide` what it must not show; whoever writes
words that are not our own (another program's error, a container's record or log) passes them
through :func:`safe` or :func:`safe_data`.
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
"""A shorter secret is masked under its name only: as text it is found in every other word."""
SURE = 6
"""A secret this long is masked inside words too, a shorter one only where it stands alone."""

WELL_KNOWN = frozenset(
    re.findall(
        r"\S+",
        "admin change-me change_me changeme default docker dummy example guest localhost"
        " minioadmin mysql none null pass password postgres redis root secret test user true false",
    )
)
"""Passwords that everybody tries first. They are masked under their names and not looked for in
text, where they are names of services and users, and words."""


def spellings(value: str) -> frozenset[str]:
    """A secret as it may appear in other programs' words: as it is, in JSON, in a URL, with the
    ``$$`` that Compose writes, and line by line. Empty for one too short or too well known to be
    looked for."""
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
    """Whether a variable holds a secret: as specified, else by its name."""
    specified = environment.specified.get(name)
    if specified is not None and specified.type:
        return specified.type == ("secret",)
    return secret_name(name)


def secrets(environment: Environment, public: Collection[str] = ()) -> frozenset[str]:
    """The values that must appear nowhere, in every spelling, for ``mask``.

    Not among them: the example values of ``.env.example``, and ``public`` ones (names of
    services, say). That a variable which is no secret has the same value makes it none.
    """
    hidden: set[str] = set()
    for name, value in _every_value(environment):
        if secret(environment, name):
            hidden.add(value)
        else:
            hidden.update(parts(value))
    public_values = set(public) | {one.default for one in environment.variables}
    return frozenset(one for value in hidden - public_values for one in spellings(value))


def _every_value(environment: Environment) -> Iterator[tuple[str, str]]:
    yield from environment.process.items()
    for file in environment.files:
        for assignment in (*file.compose, *file.dotenv):
            if assignment.value:
                yield assignment.name, assignment.value


def _stars(_secret: str) -> str:
    return MASK


def mask(text: str, secrets: Collection[str], stand_in: Callable[[str], str] = _stars) -> str:
    """``text`` with every one of ``secrets``, and what is one by its place in the text, replaced
    by MASK, or by what ``stand_in`` makes of them."""
    text = replaced(text, stand_in)
    if secrets:
        text = _pattern(frozenset(secrets)).sub(lambda found: stand_in(found[0]), text)
    return text


def masked(
    data: Any, secrets: Collection[str], stand_in: Callable[[str], str] = _stars, name: str = ""
) -> Any:
    """A copy of nested mappings, lists and strings with every secret masked: those of
    ``secrets``, and whole values under a key (or in a ``KEY=value``) whose name is a secret's."""
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
    """An address, with a scheme or without, and no user and password in it."""
    scheme, separator, rest = address.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


# --- what this run must not show ------------------------------------------------------------

_hidden: set[str] = set()
_public: set[str] = set()
WORD = re.compile(r"[^\W_]+")


def hide(secrets: Iterable[str]) -> None:
    """From now on these are masked by :func:`safe`, but for those in names that everybody sees."""
    _hidden.update(set(secrets) - _public)


def hide_all(values: Iterable[str]) -> None:
    """From now on these values are masked by :func:`safe`, however they are spelled."""
    hide(spelled for value in values for spelled in spellings(value))


def unhide(names: Iterable[str]) -> None:
    """These are names that everybody sees (services, images without their tags): a password that is
    one, or a word in one, is masked under its name only, from now on too."""
    for name in names:
        _public.update((name, *WORD.findall(name)))
    _hidden.difference_update(_public)


def hidden() -> frozenset[str]:
    """What :func:`hide` was told, in this process."""
    return frozenset(_hidden)


def shows_secret(text: str) -> bool:
    """Whether a value that this run must not show is in ``text``: quicker than :func:`safe`, for
    much text with few secrets in it."""
    return any(one in text for one in _hidden)


def safe(text: str) -> str:
    """``text`` with all that must not be shown masked."""
    return mask(text, _hidden)


def safe_data(data: Any) -> Any:
    """Nested data with all that must not be shown masked."""
    return masked(data, _hidden)


_patterns: dict[frozenset[str], re.Pattern[str]] = {}


def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    """One pattern for all, the longest first, so that a secret in another leaves no rest."""
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
