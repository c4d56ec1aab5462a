"""Configs and secrets whose content stands in the model or in a variable. Compose writes it into a
container when it makes it, and leaves the content out of its hash: what a running container has is
read from it. And what the model's secrets hold, read so that it can be masked, and kept nowhere."""

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
"""Where they are put in a container unless a target says otherwise."""
LARGEST_BYTES = 64 * 1024
"""What is larger is a file of another kind (a key store), which nobody prints."""


def inline_contents(
    config: Mapping[str, Any], variables: Mapping[str, str], key: bytes
) -> dict[str, dict[str, str]]:
    """By service, the paths of its configs and secrets whose content stands in the model or in one
    of ``variables``, and the digest of what each should hold."""
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
    """A digest that tells nothing of a content that may be secret."""
    return hashlib.blake2b(content, digest_size=12, key=key).hexdigest()


def old_contents(
    model: Model, containers: Iterable[Container], client: APIClient, key: bytes
) -> dict[str, tuple[str, ...]]:
    """By container id, the paths at which a running container has not what the model says."""
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
    """A file of a container; nothing where there is none."""
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
    """Everything that is to be masked of the contents of the model's secrets: each as a whole,
    its lines, and what its text assigns to secret names."""
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
