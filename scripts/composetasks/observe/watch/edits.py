"""Match the paths of a batch with the watch rules, and tell what happened to each path."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from composetasks.facts import Build, Edit, Model, WatchAction, WatchRule
from composetasks.facts.frozen import frozen
from composetasks.observe.images.build_section import ignore_patterns
from composetasks.observe.images.ignore import Ignore, clean, read_patterns

OURS = (".git", ".composetasks")
"""Names of folders and files that users do not edit."""
EDITORS = Ignore(
    read_patterns(
        "**/4913\n**/*~\n**/.*.sw?\n**/.#*\n**/#*#\n**/*___jb_old___\n**/*___jb_tmp___\n**/.idea"
    )
)
"""The files that editors write beside the edited file: Vim, Emacs, JetBrains."""


@frozen
class _WatchedRule:
    """A rule with its patterns. ``context`` and ``ignored`` are those of the build; ``recipe`` are
    the files that define the build, which apply even if an ignore file excludes them."""

    rule: WatchRule
    include: Ignore
    ignore: Ignore
    context: str
    ignored: Ignore
    recipe: tuple[str, ...]
    is_folder: bool

    def below(self, path: str, awaited: Collection[str] | None) -> str | None:
        """Return the path relative to the rule's, "" for the rule's path itself; None if the rule
        does not apply. A file that the rule names always matches, whatever the patterns; a folder
        stands for its content. After a failed rebuild, the rule applies to the whole recipe, and to
        the paths that the build lacked (``awaited``; None if the last rebuild succeeded)."""
        retried = awaited is not None and self.rule.action is WatchAction.REBUILD
        if retried and (path in self.recipe or _leads_to(path, awaited or ())):
            return _below(path, self.rule.path)
        if path == self.rule.path:
            return None if self.is_folder or os.path.isdir(path) else ""
        below = _below(path, self.rule.path)
        if not below or self.ignore.ignored(below):
            return None
        if self.rule.include and not self.include.ignored(below):
            return None
        if self.rule.action is WatchAction.REBUILD and path in self.recipe:
            return below
        inside = _below(path, self.context) if self.context else ""
        return None if inside and self.ignored.ignored(inside) else below


class WatchedRules:
    """The rules of a model, prepared for matching paths."""

    def __init__(
        self,
        model: Model,
        rules: Iterable[WatchRule],
        failed: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """``failed`` are the services whose last rebuild failed, with the paths that it lacked; it
        may change. An edit of these, and of the recipe of such a service, counts wherever the file
        is."""
        self.model, self.rules = model, tuple(rules)
        self._failed: Mapping[str, Collection[str]] = {} if failed is None else failed
        self._watched = tuple(_watched(model, rule) for rule in self.rules)

    def edits(self, batch: Mapping[str, bool]) -> tuple[Edit, ...]:
        """Return the edits in a batch (the changed paths, and if each was added) that match a
        rule."""
        edits: dict[str, Edit] = {}
        for path, added in sorted(batch.items()):
            for changed in _with_contents(path) if added else (path,):
                change = "added" if added else "modified"
                edit = None if changed in edits else self._edit(changed, change)
                if edit is not None:
                    edits[changed] = edit
        return tuple(edits.values())

    def initial(self, services: Collection[str]) -> tuple[Edit, ...]:
        """Return the files that must be in the containers of ``services`` from the beginning."""
        edits = {}
        rules = {rule for rule in self.rules if rule.initial_sync and rule.service in services}
        for rule in rules:
            skipped = {*map(str, self.model.files), *dockerfiles(self.model, rule.service)}
            for path in _with_contents(rule.path):
                if path in skipped or os.path.isdir(path) or not os.path.lexists(path):
                    continue
                edit = self._edit(path, "added", rules)
                if edit is not None:
                    edits[path] = edit
        return tuple(edits.values())

    def outdated(self, batch: Mapping[str, bool]) -> bool:
        """Tell whether the rules have to be prepared again: a watched folder was added or removed,
        or an ignore file changed."""
        roots = {one.rule.path for one in self._watched if one.is_folder}
        roots |= {one.rule.path for one in self._watched if os.path.isdir(one.rule.path)}
        gone = any(
            path in roots and (added or not os.path.isdir(path)) for path, added in batch.items()
        )
        ignoring = (path for path in batch if path.endswith(".dockerignore"))
        return gone or any(not set(Path(path).parts).intersection(OURS) for path in ignoring)

    def _edit(
        self, path: str, change: str, only: Collection[WatchRule] | None = None
    ) -> Edit | None:
        is_folder = os.path.isdir(path) and not os.path.islink(path)
        if is_folder and change == "modified":
            return None  # changes inside it are reported by themselves
        if set(Path(path).parts).intersection(OURS) or EDITORS.ignored(path.lstrip("/")):
            return None
        matches = [
            (watched.rule, below)
            for watched in self._watched
            if (only is None or watched.rule in only)
            and (below := watched.below(path, self._failed.get(watched.rule.service))) is not None
        ]
        if not matches:
            return None
        change = change if os.path.lexists(path) else "removed"
        folder = str(self.model.directory)
        name = _below(path, folder) or path
        return Edit(path, name, change, *(tuple(part) for part in zip(*matches, strict=True)))


def _watched(model: Model, rule: WatchRule) -> _WatchedRule:
    build = model.services[rule.service].build
    context, ignored = "", Ignore(())
    recipe: tuple[str, ...] = ()
    if build is not None and os.path.isdir(build.context):
        context = clean(build.context)
        dockerfile = _dockerfile(build)
        ignored = Ignore(ignore_patterns(context, dockerfile))
        ignore_files = (f"{dockerfile}.dockerignore", os.path.join(context, ".dockerignore"))
        recipe = (dockerfile, *ignore_files)
    include = Ignore(read_patterns("\n".join(rule.include)))
    ignore = Ignore(read_patterns("\n".join(rule.ignore)))
    is_folder = os.path.isdir(rule.path)
    return _WatchedRule(rule, include, ignore, context, ignored, recipe, is_folder)


def dockerfiles(model: Model, service: str) -> Iterator[str]:
    """Yield the Dockerfile of a service whose build context is a folder of this machine."""
    build = model.services[service].build
    if build is not None and build.context.startswith("/"):
        yield _dockerfile(build)


def _dockerfile(build: Build) -> str:
    return clean(build.dockerfile_path)


def _below(path: str, folder: str) -> str:
    """Return a path relative to a folder; "" if it is not below it."""
    above = f"{folder.rstrip('/')}/"
    return path[len(above) :] if path.startswith(above) else ""


def _leads_to(path: str, places: Iterable[str]) -> bool:
    """Tell whether a path is one of ``places`` or a folder above one of them."""
    return any(one == path or _below(one, path) for one in places)


def _with_contents(path: str) -> Iterator[str]:
    """Yield a path and everything below it: only the name of a moved folder is reported."""
    yield path
    if os.path.islink(path):
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(set(names).difference(OURS))
        yield from (os.path.join(folder, name) for name in (*names, *sorted(files)))
