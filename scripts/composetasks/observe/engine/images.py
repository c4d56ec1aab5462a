"""The engine's images, as far as a run needs them: the time for a complete list grows with the
number of images, most of which are left from earlier builds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from composetasks.facts import Engine, Image
from composetasks.observe.engine.inventory import read_images, read_images_called

if TYPE_CHECKING:
    from docker import APIClient

FEW = 24
"""Up to this number, requests for single images are faster than a list of some hundreds: half a
millisecond each, or 25 in containerd's store, where each image of a list takes 10."""


class Images:
    """The known images: those of ``expected`` references, requested together, and every other image
    from its first lookup on.

    All images are listed if ``expected`` is None, if the engine is on another host (one answer from
    there takes longer than any list), or if the known ones do not answer a lookup. ``recorded``
    are digest tags that images had, with the images' ids.
    """

    def __init__(
        self,
        client: APIClient,
        expected: Collection[str] | None,
        recorded: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client, self._expected = client, frozenset(expected or ())
        self._recorded = recorded
        self._by_name = expected is not None and len(self._expected) <= FEW
        self._requested: set[str] = set()
        self._all, self._engine = False, Engine()

    def read(self) -> tuple[Image, ...]:
        """Request the expected images, or all; return all images known then."""
        self._ask(self._expected)
        return self.images

    @property
    def images(self) -> tuple[Image, ...]:
        return self._engine.images

    def image(self, reference: str) -> Image | None:
        """Return the image of an id or a reference."""
        if not self._all and reference not in self._requested:
            self._ask({reference})
        return self._engine.image(reference)

    def built_from(self, digest: str) -> Image | None:
        """Return an image that was built from the inputs of this digest, whatever its name."""
        image = self._engine.built_from(digest)
        if image is None and not self._all:
            self._list()
            image = self._engine.built_from(digest)
        return image

    def _ask(self, references: Collection[str]) -> None:
        answer = read_images_called(self._client, references) if self._by_name else None
        if answer is None:
            self._list()
            return
        self._requested |= set(references)
        images = {one.id: one for one in (*self.images, *answer)}
        self._engine = self._known(sorted(images.values(), key=lambda one: one.id))

    def _list(self) -> None:
        self._engine, self._all = self._known(read_images(self._client)), True

    def _known(self, images: Iterable[Image]) -> Engine:
        """Return the images with the digest tags that are recorded for them and that they lost."""
        recorded: dict[str, list[str]] = {}
        for tag, image_id in self._recorded.items():
            recorded.setdefault(image_id, []).append(tag)
        known = []
        for image in images:
            lost = set(recorded.get(image.id, ())).difference(image.tags)
            known.append(replace(image, lost_tags=tuple(sorted(lost))))
        return Engine(images=tuple(known))
