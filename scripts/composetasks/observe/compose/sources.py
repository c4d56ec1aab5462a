"""Find the files that a Compose model is read from, so that the parsed model can be cached.

Follows ``include``, ``extends``, ``env_file`` and ``label_file`` in the raw YAML. If a path depends
on interpolation or is not on this machine, the answer is None and the model is not cached.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from composetasks.facts import ExitCode
from composetasks.observe.compose import compose_dotenv, project_files
from composetasks.run.external_failures import MALFORMED
from composetasks.run.failure import TaskFailure

DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


EXAMPLES = tuple(
    f"{{}}{mark}{word}" for word in ("example", "sample", "template", "dist") for mark in ".-_"
)
EXAMPLES_OF_ENV = ("env.example", "example.env")
STDIN = "-"
"""The file name by which Compose means standard input."""
LIBYAML = "CSafeLoader"
"""The loader that takes an eighth of the time, available if PyYAML was built with libyaml."""
DEEPEST = 1000
"""The maximal nesting depth of collections in a compose file that is parsed here."""
TRUE = ("1", "t", "T", "TRUE", "true", "True")
"""The values of COMPOSE_DISABLE_ENV_FILE that Compose accepts as true."""


def compose_files(
    folder: Path, files: Sequence[str], environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """Return the compose files by Compose's rules: the given ones, those of COMPOSE_FILE in the
    environment or ``.env``, or the default names in ``folder`` and above. May be empty."""
    names = _named(folder, files, environment)
    if names:
        return tuple(Path(os.path.normpath(folder / name)) for name in names)
    for place in (folder, *folder.parents):
        for name in DEFAULT_NAMES:
            if project_files.exists(place / name):
                overrides = [place / other for other in OVERRIDE_NAMES]
                return (place / name, *list(filter(project_files.exists, overrides))[:1])
    return ()


def no_compose_file(folder: Path) -> TaskFailure:
    """Return the failure for a command that needs a model in a folder without compose file."""
    below = [path.relative_to(folder) for path in _one_below(folder)]
    hint = "create compose.yaml, or name the files in COMPOSE_FILE or stack.files"
    if below:
        place = os.path.relpath(folder / below[0].parent)
        file = shlex.quote(str(below[0]))
        hint = f"`cd {shlex.quote(place)}`, or here with COMPOSE_FILE={file}"
    return TaskFailure(
        f"no compose file in {folder} or above",
        code=ExitCode.INVALID,
        detail=f"below it: {', '.join(map(str, below))}" if below else "",
        hint=hint,
    )


def _one_below(folder: Path) -> list[Path]:
    """Return the compose file of each direct subfolder that has one and is readable."""
    below: list[Path] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        places = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        for place in map(Path, places):
            with contextlib.suppress(TaskFailure):
                files = (place / name for name in DEFAULT_NAMES)
                below += list(filter(project_files.exists, files))[:1]
    return below


def project_folder(stands: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the project folder for a user in ``stands``, by Compose's rules: ``stands`` if the
    environment names the files, or else the nearest folder upward with a compose file."""
    if _named(stands, (), environment):
        return stands
    for place in (stands, *stands.parents):
        if any(os.path.exists(place / name) for name in DEFAULT_NAMES):
            return place
    return None


def looked_for(
    folder: Path, files: Sequence[str], environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """Return every path, existing or not, that determines which compose files are used."""
    if _named(folder, files, environment):
        return ()
    places: list[Path] = []
    for place in (folder, *folder.parents):
        names = [place / name for name in DEFAULT_NAMES]
        places += names
        if any(map(project_files.exists, names)):
            return (*places, *(place / name for name in OVERRIDE_NAMES))
    return tuple(places)


def _named(folder: Path, files: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the names of the given compose files; empty if Compose searches for them."""
    if files:
        return list(files)
    named = variable("COMPOSE_FILE", folder, environment)
    separator = variable("COMPOSE_PATH_SEPARATOR", folder, environment) or os.pathsep
    return [name for name in named.split(separator) if name]


def env_files(folder: Path, environment: Mapping[str, str]) -> list[Path]:
    """Return the paths of the dotenv files by Compose's rules, existing or not. Of the files in
    COMPOSE_ENV_FILES, later ones take precedence."""
    named = environment.get("COMPOSE_ENV_FILES", "")
    if named:
        return [folder / name for name in named.split(",")]
    if environment.get("COMPOSE_DISABLE_ENV_FILE") in TRUE:
        return []
    return [folder / ".env"]


def examples_of(path: Path) -> list[Path]:
    """Return the paths beside a file of variables where projects put an example of its content."""
    names = [form.format(path.name) for form in EXAMPLES]
    names += EXAMPLES_OF_ENV if path.name == ".env" else ()
    return [path.with_name(name) for name in names]


def example_of(path: Path) -> Path | None:
    """Return the existing example beside a file of variables, or None."""
    existing = (
        example
        for example in examples_of(path)
        if project_files.exists(example) and os.path.isfile(example)
    )
    return next(existing, None)


def variable(name: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Return a variable of the environment, or else of the dotenv files as Compose reads them; ""
    if it has no value. A file is parsed only if it contains the name."""
    if environment.get(name):
        return environment[name]
    for path in reversed(env_files(folder, environment)):
        text = project_files.text(path)
        if name in text:
            read = compose_dotenv.read(text, environment.get)
            values = [one.value for one in read if one.name == name]
            if values and values[-1]:
                return values[-1]
    return ""


class _UnknownPath(Exception):
    """A path that can't be determined from the raw files."""


@dataclass
class _ModelFiles:
    """The files that a model is read from: ``plain`` files, and the compose files, each with the
    folder that its paths are relative to (a file that is both extended and given has two)."""

    plain: dict[Path, None] = field(default_factory=dict)
    compose: dict[tuple[Path, Path], None] = field(default_factory=dict)

    def files(self) -> dict[Path, bool]:
        return dict.fromkeys(self.plain, False) | {path: True for path, _ in self.compose}


def reached(
    files: Sequence[Path], folder: Path, environment: Mapping[str, str]
) -> Mapping[Path, bool] | None:
    """Return every file that the model of these compose files is read from, existing or not (an
    absent ``.env`` may appear later), and whether it is a compose file. None if they can't be
    determined."""
    model_files = _ModelFiles()
    try:
        _reach(files, folder, environment, model_files)
    except _UnknownPath:
        return None
    return model_files.files()


def existing_files(
    files: Sequence[Path], folder: Path, environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """Return the existing compose files that the model is read from, as far as they can be
    determined."""
    model_files = _ModelFiles()
    with contextlib.suppress(_UnknownPath):
        _reach(files, folder, environment, model_files)
    named = (path for path, of_compose in model_files.files().items() if of_compose)
    return tuple(filter(project_files.exists, named))


def pipes(files: Sequence[Path], folder: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return those of the model's files that Compose would block on: named pipes, which may have no
    writer, and standard input."""
    model_files = _ModelFiles()
    with contextlib.suppress(_UnknownPath):
        _reach(files, folder, environment, model_files)
    return tuple(
        path for path in model_files.files() if path.name == STDIN or project_files.is_pipe(path)
    )


def _reach(
    files: Sequence[Path], folder: Path, environment: Mapping[str, str], model_files: _ModelFiles
) -> None:
    directory = files[0].parent
    for place in (folder, directory):
        model_files.plain[place / ".env"] = None
    for path in env_files(folder, environment):
        model_files.plain[Path(os.path.normpath(path))] = None
    for file in files:
        _follow(file, directory, model_files)


def _path(base: Path, text: Any) -> Path:
    if not isinstance(text, str) or any(one in text for one in ("$", "://", "\0")):
        raise _UnknownPath
    if text.startswith("git@"):
        raise _UnknownPath
    return Path(os.path.normpath(base / os.path.expanduser(text)))


def _follow(file: Path, directory: Path, model_files: _ModelFiles) -> None:
    if (file, directory) in model_files.compose:
        return
    model_files.compose[file, directory] = None
    document = _load(file)
    for entry in _listed(document.get("include")):
        paths, inner, dotenv_files = _include(entry, directory)
        model_files.plain |= dict.fromkeys([inner / ".env", *dotenv_files] if paths else ())
        for path in paths:
            _follow(path, inner, model_files)
    services = document.get("services")
    for service in (services if isinstance(services, dict) else {}).values():
        if not isinstance(service, dict):
            continue
        for key in ("env_file", "label_file"):
            for entry in _listed(service.get(key)):
                named = entry.get("path") if isinstance(entry, dict) else entry
                model_files.plain[_path(directory, named)] = None
        extends = service.get("extends")
        if isinstance(extends, dict) and extends.get("file"):
            base = _path(directory, extends["file"])
            _follow(base, base.parent, model_files)


def _include(entry: Any, directory: Path) -> tuple[list[Path], Path, list[Path]]:
    """Resolve an entry of ``include`` in a file whose paths are relative to ``directory``: its
    compose files, the folder that their paths are relative to, and its dotenv files."""
    fields = entry if isinstance(entry, dict) else {"path": entry}
    paths = [_path(directory, path) for path in _listed(fields.get("path"))]
    if not paths:
        return [], directory, []  # Compose refuses it
    place = fields.get("project_directory")
    inner = _path(directory, place) if place else paths[0].parent
    return paths, inner, [_path(directory, path) for path in _listed(fields.get("env_file"))]


def included_env_files(files: Iterable[Path], directory: Path) -> Iterator[Path]:
    """Yield the dotenv files that apply only to the interpolation of included files, as far as they
    can be determined from the raw files."""
    for file in files:
        try:
            included = _listed(_load(file).get("include"))
        except _UnknownPath:
            continue
        for entry in included:
            with contextlib.suppress(_UnknownPath):
                paths, inner, dotenv_files = _include(entry, directory)
                if paths:
                    yield from dotenv_files or [inner / ".env"]
                    yield from included_env_files(paths, inner)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _load(file: Path) -> dict[str, Any]:
    try:
        return _parsed(project_files.read(file))
    except OSError as error:
        raise _UnknownPath from error


@lru_cache
def _parsed(content: bytes) -> dict[str, Any]:
    """Return a compose file's mapping, which callers must not modify. It is cached because a run
    needs it more than once, and parsing is the slowest part of this module."""
    import yaml

    loader: Any = getattr(yaml, LIBYAML, yaml.SafeLoader)

    class Loader(loader):  # type: ignore[misc]
        """Reads Compose's own tags (!reset, !override) as plain values."""

    def plain(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", plain)
    try:
        if _deep(content, loader):
            raise _UnknownPath
        documents = [one for one in yaml.load_all(content, Loader) if isinstance(one, dict)]
    except (yaml.YAMLError, *MALFORMED) as error:
        raise _UnknownPath from error
    if len(documents) > 1:
        raise _UnknownPath
    return documents[0] if documents else {}


def _deep(content: bytes, loader: Any) -> bool:
    """Tell whether the nesting exceeds DEEPEST. libyaml's loader has no limit of its own and would
    crash the process; its parser, which is used here, does not recurse."""
    import yaml

    depth = 0
    for event in yaml.parse(content, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False
