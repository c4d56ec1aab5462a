"""Prepares what BuildKit is sent, so that it sees every change and none of the library's own files.

BuildKit stores the files it was sent under the last name of the context's path. It requests a file
again only if its size, time or mode differ, and a folder never (measured with Engine 28.5;
tonistiigi/fsutil diff.go). So each service's context is sent under its own name: a link in the
library's folder that exists during the build, and that gets a new name after a change that BuildKit
would not notice. Each instance has its own link, since instances may build at the same time. The
Dockerfile is sent as a copy beside the link, with its own ignore file, which has the patterns of
the project's ignore file and excludes the library's folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from composetasks.apply.tools import Tools
from composetasks.facts import BuildInputs
from composetasks.facts.frozen import frozen
from composetasks.store import build_records, cache_entry

TOKEN_BYTES = 4
TOKEN = re.compile(f"[0-9a-f]{{{2 * TOKEN_BYTES}}}")
Seen = dict[str, tuple[int, int, str]]
"""Maps a path to its size, modification time and content."""


@frozen
class SentContext:
    """``changes`` are the fields of the bake target that say where files are."""

    changes: Mapping[str, str]
    times: Mapping[str, tuple[int, int]]
    places: Mapping[str, str]

    def touched(self) -> bool:
        """Whether a file was changed since the context was prepared, even if it was changed
        back."""
        return _times(self.places) != self.times


@contextlib.contextmanager
def prepared(
    service: str,
    target: Mapping[str, Any],
    inputs: BuildInputs,
    project: Path,
    tools: Tools,
) -> Iterator[SentContext]:
    """Prepare what a service's build is sent, for the duration of the block. ``target`` is its bake
    target; a context that is not a folder of this machine is not changed. The link and the copy of
    the Dockerfile are in the folder of the project or instance, whose lock this run holds; what
    BuildKit was sent before is in the cache of all of them."""
    context = str(target.get("context", ""))
    if not os.path.isdir(context):
        yield SentContext({}, {}, {})
        return
    places = _places(target, inputs, project)
    memory, folder = (root / "contexts" / service for root in (tools.cache, tools.root))
    for place in (memory, folder):
        place.mkdir(parents=True, exist_ok=True)
    text, ignored = _dockerfile(target, context)
    own = build_records.own_pattern(context, tools.cache)
    if own:
        ignored = f"{ignored or ''}\n{own}\n"
    token = _token(memory / "sent", _seen(places, inputs, {"Dockerfile": text, "ignore": ignored}))
    link = folder / f"{service}-{token}"
    for killed in folder.glob(f"{service}-*"):
        killed.unlink()
    dockerfile = folder / (os.path.basename(str(target.get("dockerfile") or "")) or "Dockerfile")
    dockerfile.write_text(text, "utf-8", "surrogateescape", "")
    specific = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    if ignored is None:
        specific.unlink(missing_ok=True)
    else:
        specific.write_text(ignored, "utf-8", "surrogateescape", "")
    changes = {"context": str(link), "dockerfile": str(dockerfile)}
    # The context usually contains the library's folder: a walk that follows links would not end.
    link.symlink_to(context)
    try:
        yield SentContext(changes, _times(places), places)
    finally:
        link.unlink(missing_ok=True)


def _dockerfile(target: Mapping[str, Any], context: str) -> tuple[str, str | None]:
    """The text of the Dockerfile, and of the ignore file that applies, None without one."""
    inline = target.get("dockerfile-inline")
    place = os.path.join(context, str(target.get("dockerfile") or "Dockerfile"))
    text = str(inline) if inline else _read(place)
    if text is None:
        # BuildKit accepts this name too.
        text = _read(os.path.join(context, "dockerfile")) or ""
    ignored = None if inline else _read(f"{place}.dockerignore")
    return text, _read(os.path.join(context, ".dockerignore")) if ignored is None else ignored


def _read(place: str) -> str | None:
    with contextlib.suppress(OSError), open(place, "rb") as stream:
        return stream.read().decode("utf-8", "surrogateescape")
    return None


def _token(place: Path, now: Seen) -> str:
    """The end of the context's name: the previous one, or a new one if BuildKit would not notice
    everything that changed since."""
    token, before = cache_entry.load(place, _sent) or ("", {})
    if not token or any(
        path in before and before[path][:2] == row[:2] and before[path][2] != row[2]
        for path, row in now.items()
    ):
        token = secrets.token_hex(TOKEN_BYTES)
    cache_entry.save(place, (token, now))
    return token


def _sent(entry: Any) -> tuple[str, Seen]:
    token, before = entry
    seen = {
        path: (int(size), int(time), str(text))
        for path, (size, time, text) in cache_entry.as_mapping(before).items()
    }
    if not TOKEN.fullmatch(token):
        raise ValueError(token)
    return token, seen


def _places(target: Mapping[str, Any], inputs: BuildInputs, project: Path) -> dict[str, str]:
    """The path of each input file on this machine."""
    contexts = {name: str(path) for name, path in (target.get("contexts") or {}).items()}
    places = {}
    for path in inputs.files:
        name, colon, rest = path.partition(":")
        local = colon and os.path.isdir(contexts.get(name, ""))
        places[path] = os.path.join(contexts[name], rest) if local else f"{project}/{path}"
    return places


def _seen(places: Mapping[str, str], inputs: BuildInputs, texts: Mapping[str, str | None]) -> Seen:
    seen: Seen = {f"<{name}>": (0, 0, text or "") for name, text in texts.items()}
    for path, text in inputs.files.items():
        kind, _, rest = text.partition(" ")
        if kind == "d":
            seen[path] = (0, 0, text)
        elif kind == "f":
            with contextlib.suppress(OSError):
                status = os.lstat(places[path])
                # BuildKit notices a changed mode; the rest is the content's digest.
                seen[path] = (status.st_size, status.st_mtime_ns, rest.partition(" ")[2])
    return seen


def _times(places: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    times = {}
    for path, place in places.items():
        with contextlib.suppress(OSError):
            status = os.lstat(place)
            if not os.path.isdir(place):
                times[path] = (status.st_size, status.st_ctime_ns)
    return times
