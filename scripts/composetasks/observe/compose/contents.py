"""Configs and secrets whose content comes from the model or from a variable, and secrets to mask.

Compose writes such content into a container when it creates it, and does not include it in its
hash, so the current content is read from the running container. The contents of the model's secrets
are read so that they can be masked, and are not stored.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Container, Environment, Model
from composetasks.facts.engine import replicas_of
from composetasks.run import file_systems
from composetasks.run.masking import spellings
from composetasks.run.secret_values import parts

if TYPE_CHECKING:
    from docker import APIClient


PLACES = {"configs": "/", "secrets": "/run/secrets/"}
"""The folder in a container for each kind, unless a target says otherwise."""
LARGEST_BYTES = 64 * 1024
"""A larger file is not text (for example a key store), and nobody prints it."""


def inline_contents(
    config: Mapping[str, Any], variables: Mapping[str, str], key: bytes
) -> dict[str, dict[str, str]]:
    """Return, by service, the paths of configs and secrets whose content comes from the model or
    from ``variables``, with the digest of the content that each should have."""
    contents: dict[str, dict[str, str]] = {}
    for name, service in (config.get("services") or {}).items():
        for kind, place in PLACES.items():
            for entry in (service or {}).get(kind) or ():
                content = _content(
                    (config.get(kind) or {}).get(entry.get("source")) or {}, variables
                )
                if content is not None:
                    target = str(entry.get("target") or entry["source"])
                    path = target if target.startswith("/") else f"{place}{target}"
                    contents.setdefault(name, {})[path] = digest(content.encode(), key)
    return contents


def _content(defined: Mapping[str, Any], variables: Mapping[str, str]) -> str | None:
    if defined.get("content") is not None:
        return str(defined["content"])
    return variables.get(str(defined.get("environment") or ""))


def digest(content: bytes, key: bytes) -> str:
    """Return a digest that reveals nothing of content that may be secret."""
    return hashlib.blake2b(content, digest_size=12, key=key).hexdigest()


def old_contents(
    model: Model, containers: Iterable[Container], client: APIClient, key: bytes
) -> dict[str, tuple[str, ...]]:
    """Return, by container id, the paths at which a running container's content differs from the
    model."""
    contents: dict[str, tuple[str, ...]] = {}
    for replica in replicas_of(containers, model.project):
        service = model.services.get(replica.service)
        if service is None or not replica.running:
            continue
        old = tuple(
            path
            for path, wanted in sorted(service.inline.items())
            if digest(_read(client, replica.id, path), key) != wanted
        )
        if old:
            contents[replica.id] = old
    return contents


def _read(client: APIClient, container: str, path: str) -> bytes:
    """Return the content of a file in a container; empty if there is no such file."""
    import tarfile

    from docker import errors

    try:
        chunks, _ = client.get_archive(container, path)
    except errors.NotFound:
        return b""
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is not None:
                return file.read()
    return b""


def secret_contents(model: Model, environment: Environment) -> frozenset[str]:
    """Return everything to mask of the contents of the model's secrets: each content as a whole,
    its lines, and the values that its text assigns to secret names."""
    contents = [*_variables(model.secret_variables, environment)]
    contents += [_secret_text(model.directory / name) for name in model.secret_files]
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


def _secret_text(path: Path) -> str:
    """Return a file's text; "" if it can't be read or is not a regular file."""
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
