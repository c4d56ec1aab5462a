"""How images are named: ``[registry/]repository[:tag][@digest]``, after the grammar of
https://pkg.go.dev/github.com/distribution/reference."""

from __future__ import annotations

import re
from collections.abc import Iterable

DIGEST_TAG = re.compile(r"(?P<repository>.+):ct-(?P<digest>[0-9a-f]{24})$")
"""The tag an image carries beside its normal one: the digest of what it was built from."""


def divided(reference: str) -> tuple[str, str, str]:
    """Repository, tag and digest; "" for what is not named."""
    name, _, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    # What follows a registry's port is no tag.
    return (head, tag, digest) if colon and "/" not in tag else (name, "", digest)


def repository(reference: str) -> str:
    """A reference without its tag and digest."""
    return divided(reference)[0]


def plain(reference: str) -> str:
    """A reference as short as the engine lists it: without the default registry and its
    ``library/``, and without ``:latest``."""
    name = reference.removeprefix("index.docker.io/").removeprefix("docker.io/")
    return name.removeprefix("library/").removesuffix(":latest")


def registry_digest(reference: str, digests: Iterable[str]) -> str:
    """What the registry of a reference calls its image, of all that registries call it
    (``repository@sha256:...``); "" where it has no name there."""
    wanted = plain(repository(reference))
    for name, _, digest in map(divided, sorted(digests)):
        if plain(name) == wanted:
            return digest
    return ""


def short_id(identity: str) -> str:
    """An id as Docker shows it: its first twelve digits."""
    return identity.removeprefix("sha256:")[:12]
