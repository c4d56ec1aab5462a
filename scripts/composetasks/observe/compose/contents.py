"""Configs and secrets whose content stands in the model or in a variable. Compose writes it into a
container when it makes it, and leaves the content out of its hash: what a running container has is
read from it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from composetasks.facts import Container, Model

if TYPE_CHECKING:
    from docker import APIClient


PLACES = {"configs": "/", "secrets": "/run/secrets/"}
"""Where they are put in a container unless a target says otherwise."""


def inline_contents(
    config: Mapping[str, Any], variables: Mapping[str, str], key: bytes
) -> dict[str, dict[str, str]]:
    """By service, the paths of its configs and secrets whose content stands in the model or in one
    of ``variables``, and the digest of what each should hold."""
    found: dict[str, dict[str, str]] = {}
    for name, service in (config.get("services") or {}).items():
        for kind, place in PLACES.items():
            for one in (service or {}).get(kind) or ():
                content = _content((config.get(kind) or {}).get(one.get("source")) or {}, variables)
                if content is not None:
                    target = str(one.get("target") or one["source"])
                    path = target if target.startswith("/") else f"{place}{target}"
                    found.setdefault(name, {})[path] = digest(content.encode(), key)
    return found


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
    found: dict[str, tuple[str, ...]] = {}
    for one in containers:
        service = model.services.get(one.service)
        if service is None or one.project != model.project or not one.replica or not one.running:
            continue
        old = tuple(
            path
            for path, wanted in sorted(service.inline.items())
            if digest(_read(client, one.id, path), key) != wanted
        )
        if old:
            found[one.id] = old
    return found


def _read(client: APIClient, container: str, path: str) -> bytes:
    """A file of a container; nothing where there is none."""
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
