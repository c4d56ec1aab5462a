"""The rules by which files are watched: ``develop.watch`` of the services or, if none of them has
it, their build contexts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from composetasks.facts import Blocker, ExitCode, Hook, Model, Service, WatchAction, WatchRule
from composetasks.facts.frozen import frozen
from composetasks.facts.paths import within
from composetasks.facts.program import task


@frozen
class Rules:
    """The rules of some services, with warnings and blockers."""

    rules: tuple[WatchRule, ...]
    warnings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


def watch_rules(model: Model, names: Iterable[str]) -> Rules:
    """The rules of the services ``names``, or of all active ones if none is named."""
    named = tuple(names)
    services = [model.services[name] for name in named or model.services]
    declared = [rule for service in services for rule in _declared(service)]
    if declared:
        unwatched = _unwatched(named, declared)
        return replace(_checked(model, declared), warnings=tuple(unwatched))
    if any(_section(service) for service in services):
        return Rules((), (), (_nothing(model, "no rule in their develop sections watches a path"),))
    rules = tuple(rule for service in services for rule in _of_build(service))
    if rules:
        return Rules(rules)
    return Rules(
        (),
        (),
        (_nothing(model, "no service has a develop section or an image that is built here"),),
    )


def _section(service: Service) -> list[Mapping[str, Any]]:
    develop = service.config.get("develop") or service.config.get("x-develop") or {}
    return list(develop.get("watch") or ())


def _declared(service: Service) -> Iterator[WatchRule]:
    for entry in _section(service):
        path = posixpath.normpath(str(entry["path"]))
        action = WatchAction(entry["action"])
        rule = WatchRule(
            service=service.name,
            action=action,
            path=path,
            target=str(entry.get("target") or ""),
            ignore=tuple(map(str, entry.get("ignore") or ())),
            include=tuple(map(str, entry.get("include") or ())),
            initial_sync=bool(entry.get("initial_sync") or entry.get("x-initialSync")),
            hook=_hook(entry.get("exec") or {}) if action is WatchAction.SYNC_EXEC else None,
        )
        yield replace(rule, mounted=action.copies and _is_mounted(service, rule))


def _hook(section: Mapping[str, Any]) -> Hook:
    environment = section.get("environment") or {}
    return Hook(
        command=tuple(map(str, section.get("command") or ())),
        user=str(section.get("user") or ""),
        privileged=bool(section.get("privileged")),
        working_dir=str(section.get("working_dir") or ""),
        environment=tuple(
            name if value is None else f"{name}={value}" for name, value in environment.items()
        ),
    )


def _is_mounted(service: Service, rule: WatchRule) -> bool:
    """Whether a mount already shows the rule's path at its target in the container."""
    for mount in service.mounts:
        source = mount.source.rstrip("/")
        if mount.type == "bind" and within(rule.path, source):
            seen = posixpath.normpath(mount.target + rule.path[len(source) :])
            if seen == posixpath.normpath(rule.target):
                return True
    return False


def _checked(model: Model, declared: list[WatchRule]) -> Rules:
    """The rules without useless ones, and blockers for incomplete ones."""
    blockers = []
    for rule in declared:
        missing = ""
        if rule.action is WatchAction.REBUILD and model.services[rule.service].build is None:
            missing = "a build section"
        elif rule.action.copies and not rule.target:
            missing = "a target"
        elif rule.hook is not None and not rule.hook.command:
            missing = "a command"
        if missing:
            message = f"{rule.service}: action {rule.action.value} of {rule.path} needs {missing}"
            hint = "correct develop.watch in the compose file"
            code = ExitCode.INVALID
            blockers.append(Blocker("watch", rule.path, message, hint, code, rule.service))
    useless = [rule for rule in declared if _copies_itself(rule)]
    return Rules(tuple(rule for rule in declared if rule not in useless), (), tuple(blockers))


def _copies_itself(rule: WatchRule) -> bool:
    return rule.mounted and rule.action is WatchAction.SYNC


def _unwatched(named: tuple[str, ...], declared: list[WatchRule]) -> Iterator[str]:
    """Yield warnings about paths and services that one might expect to be watched."""
    for rule in declared:
        if _copies_itself(rule):
            yield (
                f"{rule.service}: {rule.path} is mounted at {rule.target}: nothing to sync, so it "
                "is not watched"
            )
    watched = {rule.service for rule in declared}
    for name in named:
        if name not in watched:
            alone = task(f"watch {name}")
            yield f"{name} has no develop section: {alone} watches its build inputs"


def _of_build(service: Service) -> Iterator[WatchRule]:
    """Yield rules for the folders and files that a service's image may be built from."""
    build = service.build
    if build is None:
        return
    contexts = build.definition.get("additional_contexts") or {}
    folders = [one for one in (build.context, *contexts.values()) if str(one).startswith("/")]
    dockerfile = posixpath.normpath(build.dockerfile_path)
    elsewhere = not dockerfile.startswith(f"{build.context.rstrip('/')}/")
    if build.context.startswith("/") and elsewhere:
        folders += [dockerfile, f"{dockerfile}.dockerignore"]
    for path in dict.fromkeys(map(str, folders)):
        yield WatchRule(service.name, WatchAction.REBUILD, path, declared=False)


def _nothing(model: Model, why: str) -> Blocker:
    return Blocker(
        kind="watch",
        target=model.project,
        message=f"there is nothing to watch: {why}",
        hint="add a develop section to a service, or name services whose images are built here",
        code=ExitCode.INVALID,
    )
