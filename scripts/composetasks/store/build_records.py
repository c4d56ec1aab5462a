"""The build inputs of images, kept in ``.composetasks/cache/`` by the digest of the inputs.

Safe to delete: only the next build's reason is lost, and one build is repeated if its base image
was only ever pulled by BuildKit.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from composetasks.facts import BuildInputs, BuildTime, StepTime
from composetasks.facts.frozen import frozen
from composetasks.store import cache_entry
from composetasks.store.folder import own_folder

DIGITS = 24
KEPT_BUILDS = 20
KEPT_RUNS = 5
KEPT_UNDIGESTED = 50
KEPT_TAGS = 200
COUNTED = re.compile(r"^\[[^\]]*\] ")
"""BuildKit's prefix with a step's number and the number of steps, which changes for every step when
a line is inserted."""


def combined(core: str, bases: Mapping[str, str]) -> str:
    """The digest of inputs, from the digest of all but the base images, and the base images."""
    text = json.dumps([core, sorted(bases.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def own_path(context: str, cache: Path) -> str:
    """The path of this library's own folder in a build context; "" if it is not in it."""
    path = os.path.relpath(os.path.realpath(own_folder(cache)), os.path.realpath(context))
    return "" if path.startswith(os.pardir) or path == os.curdir else path


def own_pattern(context: str, cache: Path) -> str:
    """The pattern of an ignore file that excludes this library's own folder from a build context;
    "" if it is not in it. The folder changes with every run, and its content does not belong in an
    image."""
    return literal(own_path(context, cache))


def literal(path: str) -> str:
    """The pattern of an ignore file that matches this path alone."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def _place(cache: Path, digest: str) -> Path:
    return cache / "built" / f"{digest}.json"


def load_inputs(cache: Path, digests: Iterable[str]) -> dict[str, BuildInputs]:
    """The recorded inputs for those of ``digests`` that have a record."""
    read = {one: cache_entry.load(_place(cache, one), partial(_inputs, one)) for one in digests}
    return {digest: found for digest, found in read.items() if found is not None}


def save_inputs(cache: Path, inputs: BuildInputs) -> None:
    """Record the inputs that an image was built from."""
    document = {
        "service": inputs.service,
        "core": inputs.core,
        "bases": dict(inputs.bases),
        "options": dict(inputs.options),
        "files": dict(inputs.files),
    }
    cache_entry.save(_place(cache, inputs.digest), document)


@frozen
class Base:
    """A base image when it was last seen: the registry's digest of it, or the id of a locally built
    one. ``image`` is its id if it was a local image; for an image that only BuildKit knows,
    ``triggers`` is whether it has ONBUILD triggers, which can't be read in that case."""

    digest: str
    triggers: bool = False
    image: str = ""


def load_bases(cache: Path) -> dict[str, Base]:
    """The recorded base images, which may no longer be on the engine, by their plain names."""
    return cache_entry.load(cache / "bases.json", _bases) or {}


def _bases(entry: Any) -> dict[str, Base]:
    return {
        name: Base(str(base["digest"]), bool(base["triggers"]), str(base["image"]))
        for name, base in cache_entry.as_mapping(entry).items()
    }


def save_bases(cache: Path, bases: Mapping[str, Base]) -> None:
    """Add base images to the recorded ones."""
    recorded = load_bases(cache)
    if {**recorded, **bases} != recorded:
        everything = {name: asdict(base) for name, base in {**recorded, **bases}.items()}
        cache_entry.save(cache / "bases.json", everything)


def load_undigested(cache: Path) -> frozenset[str]:
    """The ids of recently built local images whose inputs have no digest."""
    return frozenset(_undigested(cache))


def save_undigested(cache: Path, image: str) -> None:
    """Record that an image was built here from unknown files."""
    images = [*_undigested(cache), image]
    cache_entry.save(cache / "undigested.json", images[-KEPT_UNDIGESTED:])


def _undigested(cache: Path) -> list[str]:
    return cache_entry.load(cache / "undigested.json", cache_entry.as_names) or []


def load_tags(cache: Path) -> dict[str, str]:
    """The recently seen digest tags, ``<repository>:ct-<digest>``, with the ids of their images.
    `docker image prune -a` removes such a tag from an image that a container runs, but not its
    normal tag."""
    return cache_entry.load(cache / "digest-tags.json", cache_entry.as_texts) or {}


def save_tags(cache: Path, tags: Mapping[str, str]) -> None:
    """Record digest tags, in place of what was recorded for the same tags."""
    recorded = load_tags(cache)
    if {**recorded, **tags} != recorded:
        others = {tag: image for tag, image in recorded.items() if tag not in tags}
        newest = list({**others, **tags}.items())[-KEPT_TAGS:]
        cache_entry.save(cache / "digest-tags.json", dict(newest))


def save_times(
    cache: Path,
    service: str,
    steps: Iterable[Mapping[str, Any]],
    took: BuildTime | None = None,
) -> None:
    """Record how long each step of an image's build took (``name``, ``seconds``, ``cached``), and
    the build as a whole. A cached step keeps the seconds of its last run."""
    place = cache / "steps" / f"{service}.json"
    document = _document(place)
    ran = _step_times(document)
    for step in steps:
        if not step["cached"]:
            name, seconds = COUNTED.sub("", str(step["name"])), float(step["seconds"])
            earlier = ran.get(name)
            ran[name] = known_again(earlier, seconds) if earlier else StepTime(seconds, seconds)
    builds = [[one.seconds, one.busy, one.export] for one in _build_times(document)]
    if took is not None:
        builds.append([took.seconds, took.busy, took.export])
    times = {name: [one.first, one.last, one.runs, *one.recent] for name, one in ran.items()}
    cache_entry.save(place, {"steps": times, "builds": builds[-KEPT_BUILDS:]})


def load_times(cache: Path, service: str) -> tuple[dict[str, StepTime], list[BuildTime]]:
    """The times of the steps of a service's builds, by their text, and its last builds, the latest
    at the end."""
    document = _document(cache / "steps" / f"{service}.json")
    return _step_times(document), _build_times(document)


def _document(place: Path) -> dict[str, Any]:
    return cache_entry.load(place, cache_entry.as_mapping) or {}


def _step_times(document: Mapping[str, Any]) -> dict[str, StepTime]:
    steps = document.get("steps")
    if not isinstance(steps, dict):
        return {}
    times = {}
    for name, step in steps.items():
        numbers = _numbers(step)
        if numbers:
            first, last, runs, *recent = numbers
            times[name] = StepTime(first, last, max(1, int(runs)), tuple(recent[-KEPT_RUNS:]))
    return times


def known_again(recorded: StepTime, seconds: float) -> StepTime:
    """A step's times after another run: the median of the last runs, so that one run on a busy
    machine does not count much."""
    import statistics

    recent = (*recorded.recent, seconds)[-KEPT_RUNS:]
    return StepTime(recorded.first, statistics.median(recent), recorded.runs + 1, recent)


def _build_times(document: Mapping[str, Any]) -> list[BuildTime]:
    builds = document.get("builds")
    rows = [_numbers(row) for row in builds] if isinstance(builds, list) else []
    return [BuildTime(row[0], row[1], row[2]) for row in rows if row]


def _numbers(value: Any) -> list[float]:
    """A list of at least three durations; an empty one for anything else."""
    whole = isinstance(value, list) and len(value) >= 3 and all(map(_is_number, value))
    return [float(one) for one in value] if whole else []


def _is_number(value: Any) -> bool:
    """Whether it is a duration; more than a century is not."""
    return isinstance(value, (int, float)) and type(value) is not bool and 0 <= value < 4e9


def _inputs(digest: str, entry: Any) -> BuildInputs:
    return BuildInputs(
        service=str(entry["service"]),
        digest=digest,
        files=cache_entry.as_texts(entry["files"]),
        options=cache_entry.as_texts(entry["options"]),
        core=str(entry["core"]),
        bases=cache_entry.as_texts(entry["bases"]),
    )
