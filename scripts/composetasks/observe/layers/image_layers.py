"""The layers of a project's images: the files they read, their build time, and their size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Engine, Layer, LayeredImage, Model, StepTime
from composetasks.facts.layers import TAKES_TIME
from composetasks.facts.references import plain
from composetasks.observe.images.build_section import without_secrets
from composetasks.observe.images.dockerfile import Instruction
from composetasks.observe.images.ignore import Ignore
from composetasks.observe.images.needs import NeededInstruction
from composetasks.observe.images.observer import ObservedBuild, Observer
from composetasks.observe.images.selection import select
from composetasks.run.failure import TaskFailure
from composetasks.store import build_records

if TYPE_CHECKING:
    from docker import APIClient

VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")


def layered_images(
    model: Model, engine: Engine, cache: Path, services: Iterable[str], client: APIClient | None
) -> tuple[list[LayeredImage], list[TaskFailure]]:
    """Return the images that ``services`` build, each once, in the model's order, and the failures
    of those with a missing context or Dockerfile. Images with a remote context are left out,
    because their Dockerfile is not here."""
    observer = Observer(model, engine, cache, client)
    images: dict[str, LayeredImage] = {}
    faults: list[TaskFailure] = []
    for name in services:
        service = model.services[name]
        if not service.build or service.image in images:
            continue
        try:
            inputs = observer.inputs(name)
        except TaskFailure as failure:
            faults.append(failure)
            continue
        if name in observer.observed:
            observed = observer.observed[name]
            # Builds are recorded for the first of the services that share an image.
            builder = observer.builders[plain(service.image)]
            listed = observer.with_files(inputs).files
            files = [path for path, text in listed.items() if not text.startswith("d ")]
            image = _BuiltImage(observer, builder, name, observed, files)
            images[service.image] = image.layered(engine, client)
    return list(images.values()), faults


@dataclass
class _BuiltImage:
    """The image of ``service``, whose builds are recorded under the name of ``builder``; ``files``
    are all files that it is built from."""

    observer: Observer
    builder: str
    service: str
    observed: ObservedBuild
    files: Sequence[str]

    def layered(self, engine: Engine, client: APIClient | None) -> LayeredImage:
        times, builds = build_records.load_times(self.observer.cache, self.builder)
        parts = self.observed.needs.parts
        chain = _chain(parts)
        reference = self.observer.model.services[self.service].image
        present = engine.image(reference)
        history = _history(client, present.id) if present else []
        sizes = dict(sizes_of([parts[at].instruction.keyword for at in chain], chain, history))
        place = self.observed.dockerfile
        directory = self.observer.model.directory
        return LayeredImage(
            service=self.builder,
            image=reference,
            dockerfile=os.path.relpath(place, directory) if place else "",
            layers=tuple(self._layers(parts, times, sizes)),
            chain=tuple(chain),
            builds=tuple(builds),
            bytes=present.size if present else None,
            context=self._context(),
        )

    @cached_property
    def _times_of_others(self) -> dict[str, StepTime]:
        """The steps of the other images: BuildKit runs a step that reads nothing of the project
        once for all images, and records it with the first."""
        others = dict.fromkeys(self.observer.builders.values())
        others.pop(self.builder, None)
        times: dict[str, StepTime] = {}
        for name in others:
            times.update(build_records.load_times(self.observer.cache, name)[0])
        return times

    def _context(self) -> str:
        """Return the prefix of the build context's paths; "" if the context was not read."""
        folder = self.observed.folders.get("")
        return self.observer.prefix("", folder) if folder else ""

    def _layers(
        self,
        parts: Sequence[NeededInstruction],
        times: Mapping[str, StepTime],
        sizes: Mapping[int, int],
    ) -> Iterator[Layer]:
        last: dict[int, int] = {}
        own: set[int] = set()
        for at, part in enumerate(parts):
            instruction = part.instruction
            if part.sources or not own.isdisjoint(part.stages):
                own.add(part.stage)
            time = time_of(instruction, times)
            if time is None and part.stage not in own:
                time = time_of(instruction, self._times_of_others)
            needs = [last[stage] for stage in (part.stage, *part.stages) if stage in last]
            last[part.stage] = at
            ours = plain(part.image) in self.observer.builders
            yield Layer(
                line=instruction.first_line,
                last_line=instruction.last_line,
                keyword=instruction.keyword,
                flags=instruction.flags,
                text=without_secrets(_text(instruction)),
                stage=part.stage,
                needs=tuple(dict.fromkeys(needs)),
                files=tuple(self._files(part)),
                image=part.image,
                ours=ours,
                time=time,
                bytes=sizes.get(at),
            )

    def _files(self, part: NeededInstruction) -> Iterator[str]:
        """Yield the files that an instruction reads, of those that reach the image."""
        for context in dict.fromkeys(source.context for source in part.sources):
            folder = self.observed.folders[context]
            prefix = self.observer.prefix(context, folder)
            sources = [one for one in part.sources if one.context == context]
            roots = [(root, Ignore(root.excludes)) for root in select(folder, sources).roots]
            for path in self.files:
                if not path.startswith(prefix) or (not context and _in_named(path, self.observed)):
                    continue
                inner = path[len(prefix) :]
                for root, excluded in roots:
                    below = inner[len(root.path) + 1 :] if root.path else inner
                    within = not root.path or inner.startswith(f"{root.path}/")
                    if inner == root.path or (within and not excluded.ignored(below)):
                        yield path
                        break


def _in_named(path: str, observed: ObservedBuild) -> bool:
    return any(name and path.startswith(f"{name}:") for name in observed.folders)


def _chain(parts: Sequence[NeededInstruction]) -> list[int]:
    """Return the positions of the parts that make up the image, in order: the target's stage and
    the stages that it is based on."""
    chain: list[int] = []
    stage: int | None = parts[-1].stage
    while stage is not None:
        own = [at for at, part in enumerate(parts) if part.stage == stage]
        chain = own + chain
        below = parts[own[0]].stages
        stage = below[0] if below else None
    return chain


def time_of(instruction: Instruction, times: Mapping[str, StepTime]) -> StepTime | None:
    """Return how long an instruction took, found by BuildKit's name of its step: the instruction's
    text with known variables replaced. An instruction that is no build step takes no time."""
    if instruction.keyword not in TAKES_TIME:
        return StepTime(0.0, 0.0)
    head = _plain(" ".join((instruction.keyword, *instruction.flags, instruction.text)))
    pieces = [re.escape(piece) for piece in VARIABLE.split(head)]
    ending = ".*" if instruction.heredocs else ""
    expression = re.compile(".*?".join(pieces) + ending, re.DOTALL)
    for name, time in times.items():
        if expression.fullmatch(_plain(name)):
            return time
    return None


def _text(instruction: Instruction) -> str:
    return instruction.text + "".join(f"\n{body}" for _, body in instruction.heredocs)


def _plain(text: str) -> str:
    """Return a text without what BuildKit may leave out: quotes, escapes, repeated blanks."""
    return " ".join(re.sub(r"[\"'\\]", "", text).split())


def _history(client: Any, image: str) -> list[tuple[str, int]]:
    """Return the command and the bytes of each layer of an image, the last layer first."""
    if client is None:
        return []
    from docker.errors import DockerException

    try:
        entries = client.history(image)
    except DockerException:
        return []
    return list(read_history(entries))


def read_history(entries: Any) -> Iterator[tuple[str, int]]:
    """Yield the entries of an engine's history of an image, and ignore malformed ones."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            size = entry.get("Size")
            held = size if isinstance(size, int) and size > 0 else 0
            yield str(entry.get("CreatedBy", "")), held


def sizes_of(
    keywords: Sequence[str], chain: Sequence[int], history: Sequence[tuple[str, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the bytes of the chain's layers, from the end as far as the image's history matches;
    the rest of the history belongs to the base image."""
    left = list(history)
    for keyword, at in zip(reversed(keywords), reversed(chain), strict=True):
        if keyword == "FROM":
            if at == chain[0]:
                yield at, sum(size for _, size in left)
            continue
        if not left or not left[0][0].upper().startswith(keyword):
            return
        yield at, left.pop(0)[1]
