"""The configurations that containers were created from: each resolved service configuration, kept
by its hash.

Secret values are replaced by digests as soon as Compose has answered, so that a change of a secret
is visible, but not its value. The digests are keyed, so that nobody can verify a guessed password
against one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from composetasks.run import masking
from composetasks.store import cache_entry

KEY_BYTES = 32
FREE_TEXT = frozenset(
    [
        "annotations",
        "args",
        "command",
        "configs",
        "entrypoint",
        "environment",
        "healthcheck",
        "labels",
    ]
)
"""The sections in which a secret's value is searched for under every name. In other sections a
value names something (an image, a path, a port) and must stay unchanged."""


def digest_key(cache: Path) -> bytes:
    """The key of this project's digests: random, created once, readable by its owner only. If it
    can't be stored, the key is valid for this run only."""
    place = cache / "digest-key"
    key = _kept_key(place)
    if key is None:
        if os.path.lexists(place) and _kept_key(place) is None:
            # Remove an invalid or another user's file, so that a key can be created.
            with contextlib.suppress(OSError):
                place.unlink()
        cache_entry.save_first(place, _own_key().hex())
        key = _kept_key(place) or _own_key()
    return key


def _kept_key(place: Path) -> bytes | None:
    key = cache_entry.load(place, bytes.fromhex)
    return key if key is not None and len(key) == KEY_BYTES else None


@functools.cache
def _own_key() -> bytes:
    return os.urandom(KEY_BYTES)


def _digest(value: str, key: bytes) -> str:
    return f"***{hashlib.blake2b(value.encode(), digest_size=6, key=key).hexdigest()}"


def mask(config: Any, key: bytes) -> Any:
    """``config`` with every secret replaced by a digest: by its name, inside a URL, and, in free
    text, each value that this run masks."""
    return _mask(config, partial(_digest, key=key), "", False)


def _mask(config: Any, digest: Callable[[str], str], name: str, free: bool) -> Any:
    if isinstance(config, Mapping):
        return {
            key: _mask(value, digest, str(key), free or str(key) in FREE_TEXT)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_mask(value, digest, name, free) for value in config]
    return masking.masked(config, masking.hidden() if free else (), digest, name)


def _place(cache: Path, config_hash: str) -> Path:
    return cache / "made-from" / f"{config_hash}.json"


def save(cache: Path, config_hash: str, config: Mapping[str, Any]) -> None:
    """Keep a (masked) configuration under its hash."""
    place = _place(cache, config_hash)
    if cache_entry.load(place, cache_entry.as_mapping) is None:
        cache_entry.save(place, config)


def load(cache: Path, hashes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The kept configurations of those ``hashes`` that have one."""
    configs = {}
    for config_hash in set(hashes):
        config = (
            cache_entry.load(_place(cache, config_hash), cache_entry.as_mapping)
            if config_hash
            else None
        )
        if config is not None:
            configs[config_hash] = config
    return configs
