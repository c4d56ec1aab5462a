"""What BuildKit is told of caches, where images are shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from composetasks.apply.images.bake import Bake
from composetasks.facts import Shared
from tests.unit.worlds import built

SHARED = Shared("here/shop", caches={"web": "here/shop/web:cache"})


def caches(**target: Any) -> tuple[Any, Any]:
    """The caches that a build of ``web`` reads and writes."""
    web = built("web")
    bake = Bake(web, target, {"web": web}, Path(), {}, no_cache=False, shared=SHARED)
    document = bake.document({})["target"]["image"]
    return document.get("cache-from"), document.get("cache-to")


def test_a_build_begins_with_the_layers_that_are_shared() -> None:
    assert caches() == (["type=registry,ref=here/shop/web:cache"], ["type=inline"])


def test_caches_that_the_compose_file_names_are_read_alone() -> None:
    own = "type=registry,ref=here/cache"
    read, written = caches(**{"cache-from": [own], "cache-to": [f"{own},mode=max"]})

    assert read == [own]
    assert written == [f"{own},mode=max", "type=inline"]
