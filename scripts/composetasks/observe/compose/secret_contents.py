"""What the model's ``secrets:`` hold: read so that it can be masked, and kept nowhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from composetasks.facts import Environment, Model
from composetasks.run import file_systems
from composetasks.run.masking import spellings
from composetasks.run.secret_values import parts

LARGEST_BYTES = 64 * 1024
"""What is larger is a file of another kind (a key store), which nobody prints."""


def secret_contents(model: Model, environment: Environment) -> frozenset[str]:
    """Everything that is to be masked of the contents of the model's secrets: each as a whole,
    its lines, and what its text assigns to secret names."""
    contents = [*_variables(model.secret_variables, environment)]
    contents += [_read(model.directory / name) for name in model.secret_files]
    return frozenset(
        spelled
        for content in contents
        for value in (content.strip(), *parts(content))
        for spelled in spellings(value)
    )


def _variables(names: Iterable[str], environment: Environment) -> Iterator[str]:
    for name in names:
        yield environment.process.get(name, "")
        for file in environment.files:
            yield from (one.value or "" for one in file.compose if one.name == name)


def _read(path: Path) -> str:
    """A file's text; "" for what can't be read, or is no regular file."""
    if file_systems.silent(path):
        return ""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_BYTES:
            return ""
        return stream.read(LARGEST_BYTES).decode("utf-8", "replace")
