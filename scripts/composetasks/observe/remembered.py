"""Compose's answers, remembered: in ``.composetasks/cache/``, each with everything it was made
from: the files, the values of every variable whose name stands in them, what was asked, and
Compose's binary. Where that can't be told, an answer is not kept. Nor may one be that holds a
secret: who remembers it sees to that.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from composetasks.observe import compose_dotenv, sources
from composetasks.run.compose import Compose

WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
ALWAYS_USED = ("HOME", "PWD")


def recall(compose: Compose, cache: Path, asked: Sequence[str]) -> dict[str, Any] | None:
    """What Compose answered to ``asked``, where nothing has changed since; else None."""
    try:
        kept = json.loads(_place(compose, cache, asked).read_text())
        same = (
            kept["compose"] == list(compose.identity())
            and kept["folder"] == str(compose.folder)
            and kept["values"] == _values(set(kept["words"]), compose.environment)
            and all(_content(Path(path)) == digest for path, digest in kept["files"].items())
        )
        answer = kept["answer"] if same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def remember(
    compose: Compose, cache: Path, asked: Sequence[str], answer: Mapping[str, Any]
) -> None:
    """Keep what Compose answered to ``asked``."""
    files = sources.compose_files(compose.folder, compose.files, compose.environment)
    read = sources.reached(files, compose.folder, files[0].parent) if files else None
    if read is None or not cache.is_dir():
        return
    words: set[str] = set()
    for path in read:
        if path.is_file():
            words |= _words(path)
    kept = {
        "compose": compose.identity(),
        "folder": str(compose.folder),
        "words": sorted(words),
        "values": _values(words, compose.environment),
        "files": {str(path): _content(path) for path in read},
        "answer": answer,
    }
    place = _place(compose, cache, asked)
    new = place.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(kept, stream)
    new.replace(place)


def _place(compose: Compose, cache: Path, asked: Sequence[str]) -> Path:
    what = json.dumps([asked, compose.files, compose.project])
    return cache / f"compose-{hashlib.sha256(what.encode()).hexdigest()[:12]}.json"


def _content(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _words(path: Path) -> set[str]:
    """The words of a file that may be names of variables. Of a dotenv file they are the names it
    sets and refers to: its values may be secrets, and the words are kept."""
    content = path.read_bytes()
    if path.suffix in (".yaml", ".yml", ".json"):
        return {word.decode() for word in WORD.findall(content)}
    text = content.decode(errors="replace")
    names = {one.name for one in compose_dotenv.read(text, lambda _name: None)}
    referred = compose_dotenv.REFERENCE.finditer(text)
    return names | {word for one in referred for word in re.findall(r"[A-Za-z_]\w*", one[0])}


def _values(words: set[str], environment: Mapping[str, str]) -> str:
    """A digest of the variables that may matter: those named in the files, and Compose's own.

    A digest, because a value may be a secret and the cache is a plain file."""
    used = sorted(
        (name, value)
        for name, value in environment.items()
        if name in words or name in ALWAYS_USED or name.startswith(("COMPOSE_", "DOCKER_"))
    )
    return hashlib.sha256(json.dumps(used).encode()).hexdigest()
