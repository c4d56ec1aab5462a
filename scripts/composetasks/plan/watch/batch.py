"""The operations for a batch of edits, by the watch rules that match them. In Compose's order:
images and their containers, then files, restarts, and commands."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from composetasks.facts import (
    Edit,
    Rebuild,
    Restart,
    RunHook,
    Sync,
    WatchAction,
    WatchOperation,
    WatchRule,
    World,
)
from composetasks.facts.paths import within
from composetasks.plan.start.restart import alone, with_dependents


def operations(edits: Sequence[Edit]) -> tuple[WatchOperation, ...]:
    """The operations, each once, however many edits cause it."""
    operations: list[WatchOperation] = []
    if of := _under(edits, lambda rule: rule.action is WatchAction.REBUILD):
        operations.append(Rebuild(_services(of), of))
    syncing = _under(edits, lambda rule: rule.action.copies and not rule.mounted)
    operations += [_sync(name, syncing) for name in _services(syncing)]
    restarts = (WatchAction.RESTART, WatchAction.SYNC_RESTART)
    if of := _under(edits, lambda rule: rule.action in restarts):
        operations.append(Restart(_services(of), of))
    hooked = _under(edits, lambda rule: rule.hook is not None)
    for rule in dict.fromkeys(rule for edit in hooked for rule in edit.rules):
        if rule.hook is not None:
            edited = tuple(edit for edit in hooked if rule in edit.rules)
            operations.append(RunHook(rule.service, rule.hook, edited))
    return tuple(
        operation
        for operation in operations
        if not isinstance(operation, Sync) or operation.copies or operation.removals
    )


def _under(edits: Iterable[Edit], wanted: Callable[[WatchRule], bool]) -> tuple[Edit, ...]:
    """The edits that match ``wanted`` rules, with only these rules."""
    pairs = []
    for edit in edits:
        matching = [at for at, rule in enumerate(edit.rules) if wanted(rule)]
        if matching:
            rules = tuple(edit.rules[at] for at in matching)
            pairs.append(replace(edit, rules=rules, below=tuple(edit.below[at] for at in matching)))
    return tuple(pairs)


def _services(edits: Iterable[Edit]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.service for edit in edits for rule in edit.rules))


def _sync(service: str, edits: Iterable[Edit]) -> Sync:
    copies: dict[str, str] = {}
    removals: dict[str, None] = {}
    mine = _under(edits, lambda rule: rule.service == service)
    for edit in mine:
        for rule, below in zip(edit.rules, edit.below, strict=True):
            place = _place(rule, edit.path, below)
            if edit.change != "removed":
                copies[place] = edit.path
            elif below or place != "/":
                removals[place] = None
    highest = [
        one for one in removals if not any(within(one, other) for other in removals if other != one)
    ]
    return Sync(service, tuple(copies.items()), tuple(sorted(highest)), mine)


def after_initial(operation: Sync) -> Sync:
    """The part of a sync that remains after ``initial_sync`` copied the existing files: removals,
    and the copies of other rules."""
    removed = [edit for edit in operation.edits if edit.change == "removed"]
    present = [edit for edit in operation.edits if edit.change != "removed"]
    left = _under(present, lambda rule: not rule.initial_sync)
    return _sync(operation.service, (*removed, *left))


def _place(rule: WatchRule, path: str, below: str) -> str:
    """The path of a file in the container, never above the rule's target."""
    if not below and rule.target.endswith("/"):
        below = posixpath.basename(path)
    return posixpath.normpath(posixpath.join("/", rule.target, below))


def rebuilt_alone(world: World, services: Iterable[str]) -> tuple[World, tuple[str, ...]]:
    """``world`` in which ``services`` depend on nothing else, and their names with the services
    that restart with them: an edit of a service is no reason to start or build its dependencies."""
    names = tuple(with_dependents(world, tuple(services)))
    return alone(world, names), names


def described(edits: Sequence[Edit]) -> str:
    """A clause that says what was edited."""
    if len(edits) == 1:
        return f"{edits[0].name} was {edits[0].change}"
    return f"{len(edits)} files changed, {edits[0].name} among them"


def initially(edits: Sequence[Edit]) -> str:
    """A clause that says what is copied before any edit."""
    what = edits[0].name if len(edits) == 1 else f"{len(edits)} files"
    return f"initial_sync of {what}"
