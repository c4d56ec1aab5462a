"""A cache of Compose's answers in ``.composetasks/cache/``.

Each entry records what its answer was made from: the files, the missing files that Compose would
read if they existed, the values of every variable whose name occurs in the files, the question, and
Compose's binary. If these can't be determined, the answer is not stored. Callers ensure that no
answer contains a secret.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from composetasks.observe.compose import compose_dotenv, project_files, sources
from composetasks.run.compose import Compose
from composetasks.store import cache_entry, container_configs

T = TypeVar("T")
WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
PLAIN_NAME = re.compile(WORD.pattern.decode())
ALWAYS_USED = ("HOME", "PWD")


class _Outdated(ValueError):
    """Something that an answer was made from has changed."""


def recall(
    compose: Compose,
    cache: Path,
    question: Sequence[str],
    understand: Callable[[dict[str, Any]], T],
) -> T | None:
    """Return Compose's cached answer to ``question``, converted by ``understand``; None if there is
    none or something has changed since."""

    def unchanged(entry: Any) -> T:
        digest = partial(_digest, container_configs.digest_key(cache))
        if (
            entry["compose"] != list(compose.identity())
            or entry["folder"] != str(compose.folder)
            or entry["values"] != digest(_values(set(entry["words"]), compose.environment, digest))
            or any(_state(Path(path), digest) != state for path, state in entry["files"].items())
        ):
            raise _Outdated
        return understand(entry["answer"])

    return cache_entry.load(_place(compose, cache, question), unchanged)


def remember(
    compose: Compose, cache: Path, question: Sequence[str], answer: Mapping[str, Any]
) -> None:
    """Store Compose's answer to ``question``."""
    read = _read(compose)
    if read is None:
        return
    digest = partial(_digest, container_configs.digest_key(cache))
    words = {
        _stand_in(word, digest)
        for path, is_compose in read.items()
        for word in _words(path, is_compose)
    }
    entry = {
        "compose": compose.identity(),
        "folder": str(compose.folder),
        "words": sorted(words),
        "values": digest(_values(words, compose.environment, digest)),
        "files": {str(path): _state(path, digest) for path in read},
        "answer": answer,
    }
    cache_entry.save(_place(compose, cache, question), entry)


def _read(compose: Compose) -> Mapping[Path, bool] | None:
    """Return every file that Compose reads for an answer or would read if it existed, and the
    possible examples of missing files, each with whether it is a compose file.

    None if they can't be determined, or if one is neither a file nor a folder: a pipe, for example,
    has different content each time.
    """
    files = sources.compose_files(compose.folder, compose.files, compose.environment)
    if not files:
        return None
    read = sources.reached(files, compose.folder, compose.environment)
    looked_for = sources.looked_for(compose.folder, compose.files, compose.environment)
    if read is None:
        return None
    missing = [
        path
        for path, is_compose in read.items()
        if not is_compose and not project_files.exists(path)
    ]
    examples = [one for path in missing for one in sources.examples_of(path)]
    paths = dict.fromkeys(examples, False) | dict.fromkeys(looked_for, True) | dict(read)
    there = filter(project_files.exists, paths)
    return paths if all(os.path.isfile(path) or os.path.isdir(path) for path in there) else None


def _place(compose: Compose, cache: Path, question: Sequence[str]) -> Path:
    what = json.dumps([question, compose.files, compose.project])
    return cache / f"compose-{hashlib.sha256(what.encode()).hexdigest()[:12]}.json"


def _state(path: Path, digest: Callable[[bytes], str]) -> str | None:
    """Return a digest of a file's content, or "folder" for a folder; None if nothing can be
    read."""
    try:
        return digest(project_files.read(path))
    except OSError:
        return "folder" if os.path.isdir(path) else None


def _words(path: Path, is_compose: bool) -> set[str]:
    """Return the words of a file that may be names of variables.

    For a dotenv file these are only the names that it sets or refers to: the words are stored, and
    its values may be secrets.
    """
    try:
        content = project_files.read(path)
    except OSError:
        return set()
    if is_compose:
        return {word.decode() for word in WORD.findall(content)}
    text = content.decode(errors="replace")
    names = {one.name for one in compose_dotenv.read(text)}
    referred = compose_dotenv.REFERENCE.finditer(text)
    return names | {word for one in referred for word in re.findall(r"[A-Za-z_]\w*", one[0])}


def _stand_in(word: str, digest: Callable[[bytes], str]) -> str:
    """Return a short digest to store instead of a word, since any word may be a secret, even in a
    comment or an inactive service. Collisions do no harm."""
    return digest(word.encode("utf-8", "surrogateescape"))[:8]


def _values(
    words: set[str], environment: Mapping[str, str], digest: Callable[[bytes], str]
) -> bytes:
    """Return, as JSON, the variables that may affect an answer: Compose's own, those named in the
    files, and those whose names are not plain words, which the files' words can't show
    (``environment: [my.key]`` passes one on too)."""
    used = sorted(
        (name, value)
        for name, value in environment.items()
        if name in ALWAYS_USED
        or name.startswith(("COMPOSE_", "DOCKER_"))
        or not PLAIN_NAME.fullmatch(name)
        or _stand_in(name, digest) in words
    )
    return json.dumps(used).encode("ascii")


def _digest(key: bytes, content: bytes) -> str:
    """Return a keyed digest, because the content may be a secret that is short enough to guess."""
    return hashlib.blake2b(content, digest_size=16, key=key).hexdigest()
