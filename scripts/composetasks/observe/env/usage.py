"""The variables that Compose interpolates, and the services that use them, according to Compose.

Compose prints its model uninterpolated, so that the references remain in it whatever the origin of
a section (include, extends, anchors).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composetasks.facts import EnvFile, Usage
from composetasks.observe.compose import compose_dotenv, project_files, sources
from composetasks.run.compose import Compose
from composetasks.run.process import ProgramError

RAW = ("--profile", "*", "config", "--format", "json", "--no-interpolate", "--no-normalize")
NEWER = ("--no-env-resolution",)
"""Leaves ``env_file`` unchanged; not every Compose supports it."""
RESOURCES = ("networks", "volumes", "configs", "secrets")


def read_usage(compose: Compose, files: Collection[EnvFile] = ()) -> Usage:
    """Return the services that use each variable, and the defaults in compose files, as written;
    empty if Compose can't read its files.

    A service that has one of ``files`` (``.env``) as its ``env_file`` uses all variables in it; the
    content of other such files concerns only the service itself.
    """
    model = _raw_model(compose)
    services: dict[str, dict[str, tuple[str, ...]]] = {}
    shared = {
        kind: {key: _names(one) | _sources(one) for key, one in _section(model, kind).items()}
        for kind in RESOURCES
    }
    everywhere = _names(model.get("name"))
    for service, config in _section(model, "services").items():
        places: dict[str, list[str]] = {}
        for key, value in config.items():
            for name, place in _places(key, value, files):
                places.setdefault(name, []).append(place)
            for resource in _keys_used(value) if key in RESOURCES else ():
                for name in shared[key].get(resource, ()):
                    places.setdefault(name, []).append(key)
        for name in everywhere:
            places.setdefault(name, []).append("name")
        services[service] = {name: tuple(dict.fromkeys(found)) for name, found in places.items()}
    defaults: dict[str, str] = {}
    for text in _strings(model):
        for name, default in compose_dotenv.defaults(text):
            defaults.setdefault(name, default)
    return Usage(services=services, defaults=defaults, included=_included(compose))


def resolved(usage: Usage, values: Mapping[str, str]) -> Usage:
    """Return ``usage`` with evaluated defaults: another variable in a default has its value in
    ``values``, or else its own default there. A default that needs a variable with neither becomes
    ""."""
    return replace(
        usage, defaults={n: _comes_to(word, values) for n, word in usage.defaults.items()}
    )


def _comes_to(default: str, values: Mapping[str, str]) -> str:
    lacking: list[str] = []
    try:
        text = compose_dotenv.substitute(default, values.get, lacking.append)
    except compose_dotenv.Refused:
        return ""
    return "" if lacking else text


def _included(compose: Compose) -> dict[str, tuple[str, Path]]:
    """Return the variables of the dotenv files that apply only to included compose files."""
    files = sources.compose_files(compose.folder, compose.files, compose.environment)
    values: dict[str, tuple[str, Path]] = {}
    for path in sources.included_env_files(files, files[0].parent) if files else ():
        for binding in compose_dotenv.read(project_files.text(path), compose.environment.get):
            if binding.name and binding.value is not None:
                values.setdefault(binding.name, (binding.value, path))
    return values


def _raw_model(compose: Compose) -> dict[str, Any]:
    for options in ((*RAW, *NEWER), RAW):
        try:
            answer = json.loads(compose.run(*options).stdout)
        except (ProgramError, ValueError):
            continue
        if isinstance(answer, dict):
            return answer
    return {}


def _section(model: Mapping[str, Any], kind: str) -> dict[str, Any]:
    section = model.get(kind)
    return {key: one for key, one in (section or {}).items() if isinstance(one, dict)}


def _places(key: str, value: Any, files: Collection[EnvFile]) -> Iterator[tuple[str, str]]:
    """Yield the variables that one section of a service uses, and where: ``environment.NAME``,
    ``build.args``, or else the section's key."""
    if key == "environment":
        for name, text, passed in _entries(value):
            for used in {name} if passed else _names(text):
                yield used, f"environment.{name}"
    elif key == "env_file":
        paths = set(_paths(value))
        for assignment in (
            entry for file in files if str(file.path) in paths for entry in file.compose
        ):
            yield assignment.name, f"environment.{assignment.name}"
    elif key == "build" and isinstance(value, dict):
        arguments = value.get("args")
        passed_on = {name for name, _, passed in _entries(arguments) if passed}
        for used in _names(arguments) | passed_on:
            yield used, "build.args"
        for used in _names({**value, "args": None}):
            yield used, key
    else:
        for used in _names(value):
            yield used, key


def _entries(value: Any) -> Iterator[tuple[str, Any, bool]]:
    """Yield the entries of a mapping, or of a list of ``NAME=value`` and ``NAME``: name, text to
    interpolate (a list's whole entry, a mapping's value), and whether the variable is passed on."""
    if isinstance(value, dict):
        for name, text in value.items():
            yield str(name), text, text is None
    for item in value if isinstance(value, list) else ():
        entry = str(item)
        yield entry.partition("=")[0], entry, "=" not in entry and "$" not in entry


def _paths(value: Any) -> Iterator[str]:
    for entry in value if isinstance(value, list) else [value]:
        yield str(entry.get("path")) if isinstance(entry, dict) else str(entry)


def _names(value: Any) -> set[str]:
    names = set()
    for text in _strings(value):
        for match in compose_dotenv.REFERENCE.finditer(text):
            braced = match["braced"]
            if match["bare"]:
                names.add(match["bare"])
            elif braced:
                name = re.split(r":?[-+?]", braced, maxsplit=1)[0]
                # A braced match ends at the last brace: the rest has defaults and other references.
                names.add(name)
                names |= _names(match[0][len(f"${{{name}") :])
    return names


def _sources(resource: Mapping[str, Any]) -> set[str]:
    """Return the variable that a secret or config takes its content from, if named literally."""
    source = resource.get("environment")
    return {source} if isinstance(source, str) and source.isidentifier() else set()


def _keys_used(value: Any) -> Iterator[str]:
    """Yield the keys of networks, volumes, configs or secrets that a service uses."""
    if isinstance(value, dict):
        yield from value
    for entry in value if isinstance(value, list) else ():
        yield str(entry.get("source", "")) if isinstance(entry, dict) else str(entry).split(":")[0]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry)
