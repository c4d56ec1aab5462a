"""Which files a Compose model is made from, so that the parsed model can be kept.

Follows ``include``, ``extends``, ``env_file`` and ``label_file`` through the raw YAML. Where a
path can't be told without interpolation, or lies beyond this machine, the answer is None and the
model is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.observe import compose_dotenv

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


def compose_files(
    folder: Path, files: Sequence[str], environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """The compose files by Compose's own rules: given ones, COMPOSE_FILE of the environment or
    of ``.env``, or the default names in ``folder`` and above. Empty where there are none."""
    names = list(files)
    if not names:
        named = environment.get("COMPOSE_FILE") or dotenv_value(folder, "COMPOSE_FILE")
        separator = (
            environment.get("COMPOSE_PATH_SEPARATOR")
            or dotenv_value(folder, "COMPOSE_PATH_SEPARATOR")
            or os.pathsep
        )
        names = [name for name in named.split(separator) if name]
    if names:
        return tuple(Path(os.path.normpath(folder / name)) for name in names)
    for place in (folder, *folder.parents):
        for name in DEFAULT_NAMES:
            if (place / name).is_file():
                overrides = [place / other for other in OVERRIDE_NAMES]
                return (place / name, *[path for path in overrides if path.is_file()][:1])
    return ()


def dotenv_value(folder: Path, name: str) -> str:
    """A value of ``.env`` as Compose reads it, "" where it has none; the file is parsed only if
    the name stands in it."""
    try:
        text = (folder / ".env").read_text(errors="replace")
    except OSError:
        return ""
    if name not in text:
        return ""
    found = [one.value for one in compose_dotenv.read(text, os.environ.get) if one.name == name]
    return (found[-1] or "") if found else ""


class _Untellable(Exception):
    """A path that can't be told from the raw files."""


def reached(files: Iterable[Path], folder: Path, directory: Path) -> tuple[Path, ...] | None:
    """Every file the model is read from, present or not (an absent ``.env`` may appear later);
    None where that can't be told."""
    found: dict[Path, None] = {}
    for place in (folder, directory):
        found[place / ".env"] = None
    try:
        for name in filter(None, os.environ.get("COMPOSE_ENV_FILES", "").split(",")):
            found[_path(folder, name)] = None
        for file in files:
            _follow(file, directory, found)
    except _Untellable:
        return None
    return tuple(found)


def _path(base: Path, text: Any) -> Path:
    if not isinstance(text, str) or "$" in text or "://" in text or text.startswith("git@"):
        raise _Untellable
    return Path(os.path.normpath(base / os.path.expanduser(text)))


def _follow(file: Path, directory: Path, found: dict[Path, None]) -> None:
    if file in found:
        return
    found[file] = None
    document = _load(file)
    for entry in _listed(document.get("include")):
        _follow_include(entry if isinstance(entry, dict) else {"path": entry}, directory, found)
    services = document.get("services")
    for service in (services if isinstance(services, dict) else {}).values():
        if not isinstance(service, dict):
            continue
        for key in ("env_file", "label_file"):
            for entry in _listed(service.get(key)):
                found[_path(directory, entry["path"] if isinstance(entry, dict) else entry)] = None
        extends = service.get("extends")
        if isinstance(extends, dict) and extends.get("file"):
            base = _path(directory, extends["file"])
            _follow(base, base.parent, found)


def _follow_include(entry: dict[str, Any], directory: Path, found: dict[Path, None]) -> None:
    paths = [_path(directory, path) for path in _listed(entry.get("path"))]
    if not paths:
        return
    place = entry.get("project_directory")
    inner = _path(directory, place) if place else paths[0].parent
    found[inner / ".env"] = None
    for path in _listed(entry.get("env_file")):
        found[_path(directory, path)] = None
    for path in paths:
        _follow(path, inner, found)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _load(file: Path) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads Compose's own tags (!reset, !override) as plain values."""

    def plain(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", plain)
    try:
        with file.open("rb") as stream:
            documents = [one for one in yaml.load_all(stream, Loader) if isinstance(one, dict)]
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise _Untellable from error
    if len(documents) > 1:
        raise _Untellable
    return documents[0] if documents else {}
