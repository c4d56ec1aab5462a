"""Compose's own hashes of networks and volumes, which it labels them with when it makes them.

Compose compares them to find out whether a definition changed, and offers no command that prints
them (``config --hash`` knows services only).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

GO_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""What Go's encoding/json escapes inside strings and Python's json does not."""


def resource_hashes(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The hashes of all networks and volumes of a resolved model, by section and key."""
    networks, volumes = config.get("networks") or {}, config.get("volumes") or {}
    return {
        "networks": {key: resource_hash(section or {}) for key, section in networks.items()},
        "volumes": {
            key: resource_hash(_with_driver(section or {})) for key, section in volumes.items()
        },
    }


def resource_hash(section: Mapping[str, Any]) -> str:
    """SHA-256 of a definition's JSON in Go's spelling, its fields in the order in which
    ``config --format json`` prints them (compose/hash.go; compared with the labels that Compose
    5.6.1 writes)."""
    text = json.dumps(section, separators=(",", ":"), ensure_ascii=False)
    for character, escaped in GO_ESCAPES.items():
        text = text.replace(character, escaped)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_driver(section: Mapping[str, Any]) -> dict[str, Any]:
    """A volume's definition with the driver that Compose fills in before hashing it."""
    if section.get("driver"):
        return dict(section)
    filled = {"name": section["name"]} if "name" in section else {}
    return {**filled, "driver": "local", **section}
