"""The records kept of an image that was just built: the digest of its build inputs, also as its
tag, and what the build showed about its base images."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from composetasks.facts import BuildInputs, Service
from composetasks.facts.program import program
from composetasks.facts.references import divided, plain, registry_digest, repository
from composetasks.run.build_log import BuildLog
from composetasks.store import build_records, lock

LOCK_SECONDS = 60.0
NEVER_SEEN = build_records.Base("")


def errors() -> ModuleType:
    """The SDK's ``errors`` module, which is loaded by then."""
    from docker import errors as module

    return module


def named(client: Any, image_id: str, service: Service) -> None:
    """Tag an image with the names that a build of the service gives it."""
    for reference in (service.image, *(service.build.tags if service.build else ())):
        name, tag, _ = divided(reference)
        client.tag(image_id, name, tag or "latest")


class BuildRecord:
    """Records what images were built from. ``between`` is held while the records are changed."""

    def __init__(self, client: Any, cache: Path, between: threading.Lock) -> None:
        self._client, self._cache, self._lock = client, cache, between

    def built(
        self, image_id: str, service: Service, inputs: BuildInputs, log: BuildLog, *, uncached: bool
    ) -> str | None:
        """Tag an image with the digest of its build inputs, record the inputs and return the
        digest.

        Return None if a base image that only BuildKit has seen turns out to have triggers: these
        may have read files that are not among the inputs. The next digest takes the triggers into
        account.
        """
        seen = {plain(name): digest for name, digest in log.bases().items()}
        learned, unread = self._learned(inputs, seen, triggers=log.has_triggers())
        if unread:
            self.undigested(image_id)
            return None
        bases = {
            name: learned[plain(name)].digest
            if plain(name) in learned
            else self._now(name, identity)
            for name, identity in inputs.bases.items()
        }
        options = dict(inputs.options)
        options.update({f"base-image.{name}": identity for name, identity in bases.items()})
        digest = build_records.combined(inputs.core, bases)
        build_records.save_inputs(
            self._cache, replace(inputs, digest=digest, bases=bases, options=options)
        )
        self._shared_by_all(image_id, service, f"ct-{digest}", uncached=uncached)
        return digest

    def _shared_by_all(
        self, image_id: str, service: Service, shared: str, *, uncached: bool
    ) -> None:
        """Tag an image with the digest of its inputs. If another instance built the same inputs at
        the same time and was first, use its image instead, so that all share one."""
        name = repository(service.image)
        with lock.hold(self._cache / "images.lock", f"{program()} build", LOCK_SECONDS):
            first = image_id
            if not uncached:
                with contextlib.suppress(errors().ImageNotFound):
                    first = self._client.inspect_image(f"{name}:{shared}")["Id"]
            if first == image_id:
                self._client.tag(image_id, name, shared)
            else:
                named(self._client, first, service)
            build_records.save_tags(self._cache, {f"{name}:{shared}": first})

    def _learned(
        self, inputs: BuildInputs, seen: Mapping[str, str], *, triggers: bool
    ) -> tuple[dict[str, build_records.Base], bool]:
        """Record what the build showed about base images that are not on the engine. Return these,
        and whether one of them had triggers that the digest did not take into account."""
        with self._lock:
            recorded = build_records.load_bases(self._cache)
            bases, unread = {}, False
            for name in self._not_here(inputs):
                was = recorded.get(name, NEVER_SEEN)
                digest = seen.get(name, was.digest)
                if triggers or name in seen:
                    # Another service may use the same image without executing its triggers.
                    same = was.digest == digest
                    unread |= triggers and not (was.triggers or (was.image != "" and same))
                    bases[name] = build_records.Base(
                        digest,
                        triggers or (was.triggers and same),
                        was.image if same else "",
                    )
            build_records.save_bases(self._cache, bases)
        return bases, unread

    def _not_here(self, inputs: BuildInputs) -> set[str]:
        """The base images that are not on the engine, by their plain names."""
        names = set()
        for reference, identity in inputs.bases.items():
            if not identity.startswith("ct-"):
                try:
                    self._client.inspect_image(reference)
                except errors().ImageNotFound:
                    names.add(plain(reference))
        return names

    def _now(self, reference: str, identity: str) -> str:
        """The current identity of a base image, which may just have been pulled again."""
        if not identity.startswith("sha256:"):
            return identity
        try:
            image = self._client.inspect_image(reference)
        except errors().ImageNotFound:
            return identity
        return registry_digest(reference, image.get("RepoDigests") or ()) or str(image["Id"])

    def undigested(self, image: str) -> None:
        """Record that it is unknown which files an image was built from."""
        with self._lock:
            build_records.save_undigested(self._cache, image)
