"""The names of images: ``[registry/]repository[:tag][@digest]``, after the grammar of
https://pkg.go.dev/github.com/distribution/reference."""

from __future__ import annotations

import re
from collections.abc import Iterable

DIGEST_TAG = re.compile(r"(?P<repository>.+):ct-(?P<digest>[0-9a-f]{24})$")
"""The tag that an image has besides its normal one: the digest of its build inputs."""


def divided(reference: str) -> tuple[str, str, str]:
    """The repository, tag and digest of a reference; "" for a missing part."""
    name, _, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    # A colon before a slash precedes a registry's port, not a tag.
    return (head, tag, digest) if colon and "/" not in tag else (name, "", digest)


def repository(reference: str) -> str:
    """A reference without its tag and digest."""
    return divided(reference)[0]


def plain(reference: str) -> str:
    """A reference in the engine's short form: without the default registry, its ``library/``, and
    ``:latest``."""
    name = reference.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return name.removeprefix("library/").removesuffix(":latest")


def registry_digest(reference: str, digests: Iterable[str]) -> str:
    """The digest of an image in the registry of ``reference``; ``digests`` are its names in all
    registries (``repository@sha256:...``). Returns "" if that registry has none."""
    wanted = plain(repository(reference))
    for name, _, digest in map(divided, sorted(digests)):
        if plain(name) == wanted:
            return digest
    return ""


def short_id(identity: str) -> str:
    """An id as Docker shows it: its first twelve digits."""
    return identity.removeprefix("sha256:")[:12]


def short_volume(name: str) -> str:
    """A volume's name; an anonymous one (64 hex digits) is shortened."""
    is_hash = len(name) == 64 and not set(name) - set("0123456789abcdef")
    return f"{name[:12]}… (anonymous)" if is_hash else name
