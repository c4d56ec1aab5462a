"""The configuration of base images, cached by id: an image never changes under its id."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.observe.engine.inventory import inspect_image
from composetasks.observe.images.dockerfile import parse_one
from composetasks.observe.images.needs import ImageConfig
from composetasks.store import cache_entry

if TYPE_CHECKING:
    from docker import APIClient


class Configs:
    """Environment and ONBUILD triggers of images by id."""

    def __init__(self, cache: Path, client: APIClient | None) -> None:
        self._place, self._client = cache / "image-configs.json", client
        self._configs: dict[str, Any] | None = None

    def get(self, image_id: str) -> ImageConfig:
        """Return the known configuration of an image; an empty one if it can't be inspected."""
        if self._configs is None:
            self._configs = cache_entry.load(self._place, _understood) or {}
        config = self._configs.get(image_id)
        if config is None:
            config = _inspect(self._client, image_id) if self._client is not None else None
            if config is None:
                return ImageConfig()
            self._configs[image_id] = config
            cache_entry.save(self._place, self._configs)
        triggers = (parse_one(text) for text in config["onbuild"])
        return ImageConfig(env=config["env"], onbuild=tuple(one for one in triggers if one))


def _understood(entry: Any) -> dict[str, dict[str, Any]]:
    return {
        image_id: {
            "env": cache_entry.as_texts(config["env"]),
            "onbuild": cache_entry.as_names(config["onbuild"]),
        }
        for image_id, config in cache_entry.as_mapping(entry).items()
    }


def _inspect(client: Any, image_id: str) -> dict[str, Any] | None:
    record = inspect_image(client, image_id)
    if not record:
        return None
    config = record.get("Config") or {}
    env = dict(pair.split("=", 1) for pair in config.get("Env") or () if "=" in pair)
    return {"env": env, "onbuild": list(config.get("OnBuild") or ())}
