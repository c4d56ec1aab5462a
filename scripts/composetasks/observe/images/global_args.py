"""The args before a Dockerfile's first ``FROM``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from composetasks.observe.images.dockerfile import Instruction
from composetasks.observe.images.expansion import Variables, expand_known, quoted_words
from composetasks.run.masking import MASK


class GlobalArgs:
    """The ``values`` of the args, None if unknown, including those that BuildKit sets from the
    ``platform`` (os/arch[/variant]); ``refers`` holds the args that each default refers to."""

    def __init__(self, passed: Mapping[str, str], platform: str, escape: str) -> None:
        self.passed, self.escape = passed, escape
        self.values = _platform_args(platform)
        self.platform = frozenset(self.values)
        self.refers: dict[str, set[str]] = {}

    def declare(self, instruction: Instruction) -> None:
        """Add an ``ARG`` that is before the first ``FROM``."""
        for word in quoted_words(instruction.text):
            name, equals, default = word.partition("=")
            seen = Variables(self.values)
            value: str | None = None
            if name in self.passed:
                value = unmasked(self.passed[name])
            elif equals:
                value = expand_known(default, seen, self.escape)
            elif name in self.values:
                continue
            else:
                self.refers.setdefault(name, set())
                continue
            self.values[name] = value
            self.refers.setdefault(name, set()).update(seen.used)

    def closed(self, names: Iterable[str]) -> set[str]:
        """Return ``names`` and the global args that their defaults refer to."""
        todo, closure = list(names), set()
        while todo:
            name = todo.pop()
            if name not in closure:
                closure.add(name)
                todo += self.refers.get(name, ())
        return closure

    def lines(self, names: Iterable[str]) -> list[str]:
        """Return the args among ``names`` as Dockerfile lines, except those of the platform."""
        return [
            f"ARG {name}={self.values[name]}"
            for name in sorted(names)
            if name in self.values and name not in self.platform
        ]


def _platform_args(platform: str) -> dict[str, str | None]:
    parts = [*platform.split("/"), "", ""]
    values = {"PLATFORM": platform, "OS": parts[0], "ARCH": parts[1], "VARIANT": parts[2]}
    if not platform or "," in platform:
        # Several platforms have several values.
        return {f"{side}{key}": None for side in ("TARGET", "BUILD") for key in values}
    target = {f"TARGET{key}": value for key, value in values.items()}
    return {**target, **{f"BUILD{key}": None for key in values}}


def unmasked(value: str) -> str | None:
    """Return a value that was passed; None if it is masked."""
    return None if MASK in value else value
