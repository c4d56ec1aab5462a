"""The types of ``.env.example``: whether a notation is valid, and whether a value matches it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

NOTATIONS = "int, int 1..9, float, float 0..1, bool, choice a b c, port, path, url, secret"
TRUTHS = ("true", "false", "yes", "no", "on", "off", "1", "0")
INT = r"[+-]?[0-9]+"
FLOAT = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
URL = r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]+\S*|(?:file|unix|npipe):///\S+"
LARGEST_PORT = 65535


def notation_fault(words: Sequence[str]) -> str:
    """The fault of a ``# type:`` notation; "" if there is none."""
    name, arguments = words[0], words[1:]
    if name not in CHECKS:
        return f"{' '.join(words)!r} is not a type"
    if name == "choice":
        return "" if arguments else "'choice' lists no choices"
    if name not in ("int", "float"):
        return f"{name!r} takes nothing after it" if arguments else ""
    if not arguments:
        return ""
    ends = _range(name, arguments)
    if ends is None:
        return f"{' '.join(arguments)!r} is not a range of {name} (such as {name} 1..9)"
    return "" if ends[0] <= ends[1] else f"the range {arguments[0]} is empty"


def value_fault(words: Sequence[str], value: str) -> str:
    """What ``value`` should be and is not, such as "a whole number from 1 to 9"; "" if it matches.
    ``words`` must be a valid notation."""
    return CHECKS[words[0]](words, value)


def _range(name: str, arguments: Sequence[str]) -> tuple[float, float] | None:
    form = INT if name == "int" else FLOAT
    first, dots, last = arguments[0].partition("..")
    if (
        len(arguments) != 1
        or not dots
        or not re.fullmatch(form, first)
        or not re.fullmatch(form, last)
    ):
        return None
    return float(first), float(last)


def _number(words: Sequence[str], value: str) -> str:
    form, kind = (INT, "a whole number") if words[0] == "int" else (FLOAT, "a number")
    ends = _range(words[0], words[1:]) if len(words) > 1 else None
    if re.fullmatch(form, value) and (ends is None or ends[0] <= float(value) <= ends[1]):
        return ""
    if ends is None:
        return kind
    first, _, last = words[1].partition("..")
    return f"{kind} from {first} to {last}"


def _bool(_words: Sequence[str], value: str) -> str:
    return "" if value.lower() in TRUTHS else "true or false"


def _choice(words: Sequence[str], value: str) -> str:
    return "" if value in words[1:] else f"one of {', '.join(words[1:])}"


def _port(_words: Sequence[str], value: str) -> str:
    fits = re.fullmatch("[0-9]{1,5}", value) and 0 < int(value) <= LARGEST_PORT
    return "" if fits else f"a port from 1 to {LARGEST_PORT}"


def _path(_words: Sequence[str], value: str) -> str:
    if re.fullmatch(URL, value) or any(ord(char) < ord(" ") for char in value):
        return "a path"
    return ""


def _url(_words: Sequence[str], value: str) -> str:
    return "" if re.fullmatch(URL, value) else "a URL such as https://host/path"


def _secret(_words: Sequence[str], _value: str) -> str:
    return ""


CHECKS: dict[str, Callable[[Sequence[str], str], str]] = {
    "int": _number,
    "float": _number,
    "bool": _bool,
    "choice": _choice,
    "port": _port,
    "path": _path,
    "url": _url,
    "secret": _secret,
}
