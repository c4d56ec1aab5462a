"""Find what a Dockerfile's target needs: stages, sources in contexts, base images, build args.

Follows moby/buildkit frontend/dockerfile/dockerfile2llb (convert.go). Pure: text in, needs out. If
something can't be determined, the whole context is needed: an unnecessary build costs seconds, a
stale image costs trust.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from composetasks.facts.references import plain
from composetasks.facts.units import whole_number
from composetasks.observe.images.dockerfile import (
    HEREDOC,
    Dockerfile,
    Instruction,
    mount_options,
    parse_one,
    with_heredocs,
)
from composetasks.observe.images.expansion import (
    UnknownValue,
    Variables,
    expand,
    expand_known,
    quoted_words,
    set_env,
)
from composetasks.observe.images.global_args import GlobalArgs, unmasked
from composetasks.observe.images.ignore import cleaned
from composetasks.observe.images.needs import (
    ImageConfig,
    Modes,
    NeededInstruction,
    Needs,
    Source,
    UnknownTarget,
    is_folder,
    modes_after,
)

MEANS_NO_FILE = frozenset({"CMD", "ENTRYPOINT", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"}) | {
    *("MAINTAINER", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}
ALWAYS_ARGS = re.compile(r"BUILDKIT_|SOURCE_DATE_EPOCH$")
"""Build args that BuildKit itself reads, declared or not."""
OFFICIAL_SYNTAX = re.compile(
    r"(docker\.io/)?docker/dockerfile(-upstream)?(:[\w.-]+)?(@sha256:\w+)?$"
)
REMOTE = re.compile(r"(https?|git|ssh)://|git@[\w.-]+:")


@dataclass
class _Stage:
    """A stage while its needs are searched for: ``own`` are its instructions, ``walked`` is whether
    they were read; ``scope`` holds its variables, ``onbuild`` the triggers that it sets."""

    index: int
    name: str
    head: Instruction
    base: str
    platform: str
    own: list[Instruction] = field(default_factory=list)
    scope: Variables = field(default_factory=Variables)
    onbuild: list[Instruction] = field(default_factory=list)
    walked: bool = False

    @property
    def line(self) -> int:
        return self.head.first_line


@dataclass
class _InstructionReads:
    """What an instruction reads, as far as known."""

    sources: list[Source] = field(default_factory=list)
    stages: list[int] = field(default_factory=list)
    image: str = ""


class Finder:
    """Find what a Dockerfile's stages need. ``contexts`` maps the names of named contexts to their
    values; ``platform`` is os/arch[/variant]; ``image_config`` returns an image's configuration."""

    def __init__(
        self,
        dockerfile: Dockerfile,
        args: Mapping[str, str],
        contexts: Mapping[str, str],
        platform: str,
        image_config: Callable[[str], ImageConfig],
    ) -> None:
        self.dockerfile = dockerfile
        self.escape = dockerfile.escape
        self.passed = dict(args)
        self.contexts = {plain(name): name for name in contexts}
        self.kinds = contexts
        self.image_config = image_config
        self.globals = GlobalArgs(self.passed, platform, self.escape)
        self.stages: list[_Stage] = []
        self.sources: dict[Source, None] = {}
        self.images: dict[str, None] = {}
        self.used_contexts: dict[str, None] = {}
        self.args: set[str] = set()
        self.untold: dict[str, None] = {}
        self.remote: dict[str, None] = {}
        self.text: dict[int, list[str]] = {}
        self.reading: list[_InstructionReads] = []
        self.parts: list[NeededInstruction] = []

    def find(self, target: str) -> Needs:
        """Return what ``target`` (the last stage if it is "") needs. Raises UnknownTarget."""
        self._divide()
        syntax = self.passed.get("BUILDKIT_SYNTAX") or self.dockerfile.directives.get("syntax", "")
        wanted = self._target(target)
        self._visit(wanted)
        if syntax and not OFFICIAL_SYNTAX.match(syntax.split()[0]):
            self._whole(f"syntax {syntax} is not known")
        used = self.globals.closed(self.args)
        lines = [f"# syntax={syntax}"] if syntax else []
        lines += self.globals.lines(used)
        for index in sorted(self.text):
            lines += self.text[index]
        counted = used | {name for name in self.passed if ALWAYS_ARGS.match(name)}
        return Needs(
            sources=tuple(self.sources),
            images=tuple(self.images),
            contexts=tuple(self.used_contexts),
            args=frozenset(counted & set(self.passed)),
            text="\n".join(lines),
            untold=tuple(self.untold),
            remote=tuple(self.remote),
            onbuild=tuple(wanted.onbuild),
            parts=tuple(self.parts),
        )

    # --- stages -----------------------------------------------------------------------------

    def _divide(self) -> None:
        for instruction in self.dockerfile.instructions:
            if instruction.keyword == "FROM":
                words = instruction.words()
                named = len(words) >= 3 and words[1].upper() == "AS"
                self.stages.append(
                    _Stage(
                        index=len(self.stages),
                        name=words[2].lower() if named else "",
                        head=instruction,
                        base=words[0] if words else "",
                        platform=instruction.flag("platform") or "",
                    )
                )
            elif self.stages:
                self.stages[-1].own.append(instruction)
            elif instruction.keyword == "ARG":
                self.globals.declare(instruction)

    def _target(self, target: str) -> _Stage:
        if not self.stages:
            raise UnknownTarget("no FROM instruction")
        if not target:
            return self.stages[-1]
        for stage in reversed(self.stages):
            if stage.name == target.lower():
                return stage
        index = whole_number(target)
        if index is not None and index < len(self.stages):
            return self.stages[index]
        raise UnknownTarget(f"no stage {target!r}")

    def _visit(self, stage: _Stage) -> None:
        if stage.walked:
            return
        stage.walked = True
        if stage.name in self.contexts:
            # A named context of the same name replaces the whole stage.
            with self._part(stage, stage.head):
                self._context(self.contexts[stage.name], "")
            stage.scope.open = True
            return
        with self._part(stage, stage.head):
            triggers = self._start(stage)
        lines = self.text.setdefault(stage.index, [])
        for number, instruction in enumerate((*triggers, *stage.own)):
            lines.append(instruction.source())
            # A trigger is from another Dockerfile: its cost is attributed to this FROM.
            shown = instruction._replace(first_line=stage.line, last_line=stage.head.last_line)
            with self._part(stage, shown if number < len(triggers) else instruction):
                self._instruction(stage, instruction)

    @contextlib.contextmanager
    def _part(self, stage: _Stage, instruction: Instruction) -> Iterator[None]:
        """Record what is read within the block as read by this instruction."""
        self.reading.append(_InstructionReads())
        yield
        seen = self.reading.pop()
        stages = tuple(dict.fromkeys(seen.stages))
        self.parts.append(
            NeededInstruction(stage.index, instruction, tuple(seen.sources), stages, seen.image)
        )

    def _reads(self, source: Source) -> None:
        self.sources[source] = None
        if self.reading:
            self.reading[-1].sources.append(source)

    def _reads_stage(self, stage: _Stage) -> None:
        self._visit(stage)
        self.reading[-1].stages.append(stage.index)

    def _start(self, stage: _Stage) -> list[Instruction]:
        """Set the stage's scope from its base, and return the triggers of the base."""
        variables = Variables(self.globals.values)
        platform = expand_known(stage.platform, variables, self.escape) or stage.platform
        try:
            base = expand(stage.base, variables, self.escape)
        except UnknownValue:
            self._whole(f"line {stage.line}: the image of FROM can't be determined")
            base = stage.base
        self.args |= variables.used - self.globals.platform
        self.text[stage.index] = [f"FROM {platform} {base}"]
        earlier = self._earlier(stage, base)
        if plain(base) in self.contexts:
            name = self.contexts[plain(base)]
            self._context(name, "")
            reference = re.sub(r"^docker-image:(//)?", "", self.kinds[name])
            if reference != self.kinds[name] or reference.startswith("service:"):
                return self._configured(stage, reference)
            stage.scope.open = True
        elif earlier is not None:
            self._reads_stage(earlier)
            self.text[stage.index] = [f"FROM {platform} stage {earlier.index}"]
            stage.scope = earlier.scope.copy()
            return earlier.onbuild
        elif base != "scratch":
            self.images[base] = None
            self.reading[-1].image = base
            return self._configured(stage, base)
        return []

    def _configured(self, stage: _Stage, image: str) -> list[Instruction]:
        """Set the stage's scope from an image's environment, and return its triggers."""
        config = self.image_config(image)
        stage.scope.open = config.env is None
        stage.scope.values.update(config.env or {})
        if config.onbuild is None:
            self._whole(f"line {stage.line}: the ONBUILD triggers of {image} can't be determined")
        return list(config.onbuild or ())

    def _earlier(self, stage: _Stage, name: str, by_index: bool = False) -> _Stage | None:
        before = self.stages[: stage.index]
        for other in reversed(before):
            if other.name and other.name == name.lower():
                return other
        index = whole_number(name) if by_index else None
        if index is not None and index < len(before):
            return before[index]
        return None

    # --- instructions -----------------------------------------------------------------------

    def _instruction(self, stage: _Stage, instruction: Instruction) -> None:
        if instruction.keyword == "ARG":
            self._arg(stage, instruction)
        elif instruction.keyword == "ENV":
            set_env(stage.scope, instruction.text, self.escape)
        elif instruction.keyword in ("COPY", "ADD"):
            self._copy(stage, instruction)
        elif instruction.keyword == "RUN":
            self._run(stage, instruction)
        elif instruction.keyword == "ONBUILD":
            inner = parse_one(with_heredocs(instruction))
            if inner:
                stage.onbuild.append(inner)
        elif instruction.keyword not in MEANS_NO_FILE:
            self._whole(f"line {instruction.first_line}: {instruction.keyword} is not known")

    def _arg(self, stage: _Stage, instruction: Instruction) -> None:
        for word in quoted_words(instruction.text):
            name, equals, default = word.partition("=")
            self.args.add(name)
            if name in self.passed:
                stage.scope.values[name] = unmasked(self.passed[name])
            elif equals:
                stage.scope.values[name] = expand_known(default, stage.scope, self.escape)
            elif name in self.globals.values:
                stage.scope.values[name] = self.globals.values[name]

    def _copy(self, stage: _Stage, instruction: Instruction) -> None:
        place = instruction.flag("from")
        if place:
            local = self._place(stage, place, instruction)
            if local is None:
                return
        else:
            local = ""
        words = instruction.words()
        try:
            excludes = [
                expand(e, stage.scope, self.escape) for e in instruction.all_flags("exclude")
            ]
            paths = [
                expand(word, stage.scope, self.escape)
                for word in words[:-1]
                if not (instruction.heredocs and HEREDOC.match(word))
            ]
        except UnknownValue as untold:
            self._whole(f"line {instruction.first_line}: {untold} can't be determined", local)
            return
        for path in paths:
            if instruction.keyword == "ADD" and REMOTE.match(path):
                self.remote[path] = None
                continue
            source = Source(
                context=local,
                path=path,
                modes=self._modes(instruction, stage.scope),
                excludes=tuple(map(cleaned, excludes)),
                parents=instruction.flag("parents") not in (None, "false"),
            )
            self._reads(source)

    def _modes(self, instruction: Instruction, scope: Variables) -> Modes:
        try:
            return modes_after(expand(instruction.flag("chmod") or "", scope, self.escape))
        except UnknownValue:
            return Modes.ALL

    def _run(self, stage: _Stage, instruction: Instruction) -> None:
        for mount in instruction.all_flags("mount"):
            options = mount_options(mount)
            kind = options.get("type", "bind")
            if kind not in ("bind", "cache"):
                continue
            place = options.get("from", "")
            if not place and kind == "cache":
                continue
            local = self._place(stage, place, instruction) if place else ""
            if local is None:
                continue
            path = options.get("source", options.get("src", ""))
            try:
                path = expand(path, stage.scope, self.escape)
            except UnknownValue as untold:
                self._whole(f"line {instruction.first_line}: {untold} can't be determined", local)
                continue
            self._reads(Source(local, path, pattern=False))

    def _place(self, stage: _Stage, name: str, instruction: Instruction) -> str | None:
        """Record what ``--from`` names; return the name if it is a local context, else None."""
        scope = stage.scope.copy()
        try:
            name = expand(name, scope, self.escape)
        except UnknownValue:
            self._whole(f"line {instruction.first_line}: {name} can't be determined")
            for other in self.stages[: stage.index]:
                self._reads_stage(other)
            for other_name in self.kinds:
                self._context(other_name, "")
            return None
        self.args |= {used for used in scope.used if used in self.globals.refers}
        if plain(name) in self.contexts:
            return self._context(self.contexts[plain(name)], None)
        earlier = self._earlier(stage, name, by_index=True)
        if earlier is None:
            self.images[name] = None
        elif earlier.name in self.contexts:
            return self._context(self.contexts[earlier.name], None)
        else:
            self._reads_stage(earlier)
        return None

    def _context(self, name: str, path: str | None) -> str | None:
        """Record that a named context is used, all of it if ``path`` is ""; return its name if it
        is a folder of this machine."""
        self.used_contexts[name] = None
        if not is_folder(self.kinds[name]):
            return None
        if path is not None:
            self._reads(Source(name, path))
        return name

    def _whole(self, why: str, context: str = "") -> None:
        self.untold[why] = None
        self._reads(Source(context, ""))
