"""The model to be deployed, the contents that Swarm stores, and the images' digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Content, DeployModel, ExitCode, Model
from composetasks.facts.deploy import LARGEST
from composetasks.facts.dollars import undoubled
from composetasks.observe.compose import project_files
from composetasks.observe.compose.config import from_environment, hide_declared
from composetasks.observe.images.registry import base_digests
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.store.container_configs import mask

if TYPE_CHECKING:
    from docker import APIClient

LONGEST_STEM = 51
"""Characters: a name has at most 64, and thirteen are needed for the hash."""


def observe_wanted(
    compose: Compose,
    model: Model,
    stack: str,
    key: bytes,
    references: Iterable[str],
    client: APIClient,
) -> DeployModel:
    """Return the model that Compose now resolves from the files of ``model``, with its active
    services. ``key`` is the key of the digests that replace secrets; registries are asked for the
    digests of ``references``. Raises TaskFailure, code 6, if the content of a config or secret
    can't be read."""
    arguments = ("--profile", "*", "config", "--no-consistency", "--format", "json")
    raw = json.loads(undoubled(compose.run(*arguments).stdout))
    raw["services"] = {name: raw["services"][name] for name in model.services}
    hide_declared(raw)
    values = from_environment(compose, raw)
    return DeployModel(
        config=mask(raw, key),
        raw=raw,
        contents=tuple(
            content
            for kind in LARGEST
            for content in _contents(raw.get(kind) or {}, kind, stack, values)
        ),
        digests=base_digests(references, client),
    )


def _contents(
    entries: Mapping[str, Any], kind: str, stack: str, values: Mapping[str, str]
) -> Iterator[Content]:
    for key, entry in sorted(entries.items()):
        if entry.get("external"):
            yield Content(kind, key, str(entry.get("name") or key))
            continue
        data = _data(key, entry, kind, values)
        if len(data) > LARGEST[kind]:
            raise TaskFailure(
                f"{kind[:-1]} {key} has {len(data)} bytes, but Swarm accepts at most "
                f"{LARGEST[kind]}",
                code=ExitCode.INVALID,
                hint="copy it into the image, or put it into a volume",
            )
        stem = f"{stack}_{key}"[:LONGEST_STEM]
        yield Content(kind, key, f"{stem}_{_hash(kind, stem, data)}", data)


def _data(key: str, entry: Mapping[str, Any], kind: str, values: Mapping[str, str]) -> bytes:
    if entry.get("content") is not None:
        return str(entry["content"]).encode()
    if entry.get("environment"):
        return values.get(str(entry["environment"]), "").encode()
    try:
        return project_files.read(Path(str(entry["file"])))
    except OSError as error:
        raise TaskFailure(
            f"{kind[:-1]} {key}: {entry['file']}: {error.strerror}",
            code=ExitCode.INVALID,
            hint="correct its `file`",
        ) from error


def _hash(kind: str, salt: str, data: bytes) -> str:
    """Return a hash of the content, twelve hexadecimal digits. Names are visible to more people
    than secrets are, so the hash of a secret is slow to compute: guessing is not practical."""
    if kind == "secrets":
        return hashlib.scrypt(data, salt=salt.encode(), n=2**14, r=8, p=1, dklen=6).hex()
    return hashlib.sha256(data).hexdigest()[:12]
