"""The environment: ``.env`` files as Compose and python-dotenv read them, the process's own
variables, and ``.env.example`` if it declares itself a specification.

Read at the start of every ``up``, so Compose is not started for it; nothing is judged here.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from composetasks.facts import EnvFile, Environment, ExitCode, Reading, Variable
from composetasks.observe.compose import compose_dotenv, project_files, sources
from composetasks.run.failure import TaskFailure

MARKER = re.compile(r"#\s*composetasks:\s*env\s*$")
DIRECTIVE = re.compile(r"#\s*(type:|required\s*$)\s*(.*)")
COMMENT = re.compile(r"(^|\s)#.*")
REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{([A-Za-z_]\w*)(?:(:?\?)([^}]*))?|([A-Za-z_]\w*))")
PLAIN = r"(?:(?:[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_./:@%+,=-]*|#[^\r\n\0]*)?(?:\n|\Z))*"
"""Matches a file in which each line is empty, a comment, or a name and a value that all programs
read in the same way."""


def read_environment(
    folder: Path,
    model_text_files: Sequence[Path] = (),
    process: Mapping[str, str] = os.environ,
    files: Sequence[str] = (),
) -> Environment:
    """Return all variables and their origins, faults included.

    ``folder`` is the folder where Compose runs. ``model_text_files`` are compose files, searched
    for the variables that they use and require. ``files`` replace COMPOSE_FILE if nothing sets it.
    """
    process = dict(process)
    values: dict[str, str] = {}
    read: list[EnvFile] = []

    def add(path: Path) -> None:
        read.append(_read_file(path, {**values, **process}))
        values.update(_values(read[-1]))

    for path in _env_files(folder, process):
        add(path)
    second = _second_file(folder, {**values, **process}, files)
    if second is not None:
        add(second)
    example = folder / ".env.example"
    variables = _specification(example)
    demanded, used = _references(folder, model_text_files)
    environment = Environment(
        folder=folder,
        process=process,
        files=tuple(reversed(read) if process.get("COMPOSE_ENV_FILES") else read),
        specification=None if variables is None else example,
        example=sources.example_of(folder / ".env"),
        variables=variables or (),
        demanded=tuple(demanded),
        used=used,
    )
    return replace(environment, absent=frozenset(_absent(environment)))


# --- selecting the files --------------------------------------------------------------------


def _env_files(folder: Path, process: Mapping[str, str]) -> list[Path]:
    """Return the files by Compose's rules. A missing file is included only if it is named."""
    files = sources.env_files(folder, process)
    if process.get("COMPOSE_ENV_FILES"):
        return files
    return [path for path in files if project_files.exists(path) and not os.path.isdir(path)]


def _second_file(folder: Path, values: Mapping[str, str], files: Sequence[str]) -> Path | None:
    """Return the ``.env`` beside the first compose file, if that file is named and is in another
    folder. It sets the variables that the first ``.env`` does not set."""
    names = [*values.get("COMPOSE_FILE", "").split(os.pathsep), *files]
    first = next(filter(None, names), "")
    chosen = (
        values.get("COMPOSE_ENV_FILES") or values.get("COMPOSE_DISABLE_ENV_FILE") in sources.TRUE
    )
    second = (folder / first).parent / ".env"
    if not first or chosen or not project_files.exists(second) or not os.path.isfile(second):
        return None
    if second.parent.resolve() == folder.resolve():
        return None
    return second


def _values(file: EnvFile) -> dict[str, str]:
    return {one.name: one.value for one in file.compose if one.value is not None}


# --- reading one file by both dialects ------------------------------------------------------


def _read_file(path: Path, outer: Mapping[str, str]) -> EnvFile:
    if project_files.is_pipe(path):
        raise TaskFailure(
            f"{path} is a named pipe: it can be read only once, but is needed several times",
            code=ExitCode.INVALID,
            hint="put its content into a regular file, or name another file in COMPOSE_ENV_FILES",
        )
    try:
        raw = project_files.read(path)
        mode = path.stat().st_mode
    except OSError:
        return EnvFile(path, traits=frozenset({"missing"}))
    traits = {"open"} if mode & stat.S_IROTH else set()
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return EnvFile(path, traits=frozenset({*traits, "utf-16"}))
    if raw.startswith(b"\xef\xbb\xbf"):
        traits.add("bom")
    traits |= {name for name, sign in (("crlf", b"\r\n"), ("nul", b"\0")) if sign in raw}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        traits.add("not-utf-8")
        text = raw.decode(errors="surrogateescape")
    compose = tuple(compose_dotenv.read(text, outer.get))
    plain = re.fullmatch(PLAIN, text) is not None
    return EnvFile(
        path,
        lines=tuple(text.removeprefix("\ufeff").split("\n")),
        compose=compose,
        # For an unambiguous file, python-dotenv is not even imported.
        dotenv=compose if plain else tuple(_python_dotenv(text, outer)),
        traits=frozenset({*traits, "plain"} if plain else traits),
    )


def _python_dotenv(text: str, outer: Mapping[str, str]) -> Iterator[Reading]:
    """Yield the readings of python-dotenv, with precedence of the process's variables."""
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    assigned: dict[str, str | None] = {}
    # python-dotenv opens files in text mode, where every line ending becomes "\n".
    unified = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for binding in parse_stream(io.StringIO(unified)):
        string = binding.original.string
        line = binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")
        if binding.error:
            yield Reading("", line, refused="not a statement")
        elif binding.key is not None:
            value = binding.value
            if value is not None:
                values = {**assigned, **outer} if "${" in value else {}
                value = "".join(atom.resolve(values) for atom in parse_variables(value))
            assigned[binding.key] = value
            yield Reading(binding.key, line, value)


# --- the specification ----------------------------------------------------------------------


def _specification(path: Path) -> tuple[Variable, ...] | None:
    """Return the variables of ``.env.example``; None if it is not marked as a specification."""
    text = project_files.text(path)
    lines = text.split("\n")
    if not any(MARKER.match(line) for line in lines):
        return None
    return tuple(
        _variable(binding, _comment_above(lines, binding.line))
        # Its text is meant literally.
        for binding in compose_dotenv.read(text)
        if binding.name and not binding.refused
    )


def _absent(environment: Environment) -> Iterator[str]:
    """Yield the variables of type path whose value does not exist in the project's folder."""
    for variable in environment.variables:
        if variable.type == ("path",):
            values = [
                file.set[variable.name].value
                for file in environment.files
                if variable.name in file.set
            ]
            value = environment.process.get(variable.name, next(iter(values), None))
            if value and not os.path.exists(environment.folder / os.path.expanduser(value)):
                yield variable.name


def _comment_above(lines: Sequence[str], line: int) -> list[str]:
    """Return the comment lines directly above a line (numbered from 1)."""
    first = line - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return [text.strip() for text in lines[first : line - 1] if not MARKER.match(text)]


def _variable(reading: Reading, comment: Iterable[str]) -> Variable:
    type_: tuple[str, ...] = ()
    required, meaning = False, []
    for text in comment:
        directive = DIRECTIVE.match(text)
        if directive is None:
            meaning.append(text.lstrip("# ").strip())
        elif directive[1] == "type:":
            type_ = tuple(directive[2].split()) or ("",)
        else:
            required = True
    return Variable(
        name=reading.name,
        line=reading.line,
        default=reading.value or "",
        type=type_,
        required=required,
        meaning=" ".join(filter(None, meaning)),
    )


# --- the compose files ----------------------------------------------------------------------


def _references(
    folder: Path, files: Iterable[Path]
) -> tuple[list[tuple[str, Path, int, str, bool]], dict[str, tuple[Path, int]]]:
    """Return the variables that compose files require and use, found in their text. Comments are
    ignored, and so are requirements nested in another reference, which may never be evaluated."""
    demanded = []
    used: dict[str, tuple[Path, int]] = {}
    for file in files:
        text = project_files.text(file)
        if "$" not in text:
            continue
        nearby = _names_beside(file) if file.parent != folder else frozenset()
        for number, line in enumerate(text.split("\n"), 1):
            if "$" not in line:
                continue
            for match in REFERENCE.finditer(COMMENT.sub("", line)):
                name = match[1] or match[4]
                used.setdefault(name, (file, number))
                nested = line[: match.start()].count("${") > line[: match.start()].count("}")
                if match[2] and not nested and name not in nearby:
                    demanded.append((name, file, number, match[3], match[2] == ":?"))
    return demanded, used


def _names_beside(file: Path) -> frozenset[str]:
    """Return the names in the ``.env`` beside a compose file that another file may include: Compose
    reads that ``.env`` only for the included file."""
    text = project_files.text(file.parent / ".env")
    return frozenset(one.name for one in compose_dotenv.read(text))
