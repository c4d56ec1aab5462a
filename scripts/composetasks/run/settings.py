"""The settings under ``stack`` in Invoke's configuration, validated and converted to facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from composetasks.facts import ExitCode
from composetasks.facts.frozen import frozen
from composetasks.run.failure import TaskFailure

if TYPE_CHECKING:
    from composetasks.facts import StackCheck

ENGINE_SECONDS = 20.0
"""The default limit for one answer of the engine. The engine is queried every 5 s, so a run ends
within 30 s of the engine's last answer."""
READY = ("healthy", "listening", "running")
"""The criteria by which a service can count as up."""

ENDPOINTS = ("vip", "dnsrr")
"""How a service of a swarm is addressed: one address for all tasks, or each task's in turn."""


@frozen
class StateSetting:
    """The settings of one piece of state (by a volume's key, or by a name with a ``path``).
    ``shared``: instances have no copy of their own."""

    group: str = ""
    cache: bool = False
    description: str = ""
    path: str = ""
    shared: bool = False


@frozen
class Deploy:
    """The settings of deployments: the docker ``context`` of a swarm's manager ("": the current
    engine), the stack's ``name`` ("": the project's), ``files`` that override the model there, the
    ``endpoint`` mode of services that specify none, and how many revisions to keep."""

    context: str = ""
    name: str = ""
    files: tuple[str, ...] = ()
    endpoint: str = ""
    keep: int = 5


@frozen
class Remote:
    """The settings for an engine on another host: ``forward`` forwards published ports to this
    machine if the engine is behind ssh; ``send`` sends mount sources that exist only here to a
    volume there."""

    forward: bool = True
    send: bool = False


@frozen
class Settings:
    """All settings under ``stack``; every field is optional. Timeouts are seconds,
    ``engine_timeout`` limits one answer of the engine; ``ready`` is the criterion by which a
    service is up (one of READY); ``live`` holds the services that may be paused for a snapshot,
    with the command to run in each beforehand (usually none); ``facts`` declares how services are
    asked for their facts, as :func:`composetasks.facts.service_facts.facts_source` reads it;
    ``owner`` is the process id of the instance's owner."""

    files: tuple[str, ...] = ()
    state: Mapping[str, StateSetting] = field(default_factory=dict)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    ready: Mapping[str, str] = field(default_factory=dict)
    live: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    checks: tuple[StackCheck, ...] = ()
    jobs: int | None = None
    registry: str = ""
    instance: str = ""
    owner: str = ""
    engine_timeout: float = ENGINE_SECONDS
    deploy: Deploy = field(default_factory=Deploy)
    remote: Remote = Remote()


@frozen
class Limits:
    """The limits of one run: whether to wait for services, for how many seconds each (None: from
    the settings and the model), and how many images to build at once (None: by cores and memory).
    """

    wait: bool = True
    timeout: float | None = None
    jobs: int | None = None


DEFAULTS: dict[str, Any] = {
    "files": [],
    "state": {},
    "services": {},
    "checks": [],
    "jobs": "",
    "registry": "",
    "instance": "",
    "owner": "",
    "engine_timeout": "",
    "deploy": {"context": "", "name": "", "files": "", "endpoint": "", "keep": ""},
    "remote": {"forward": "", "mounts": ""},
}
"""All settings, with the values that mean "not set"."""


def read_settings(raw: Mapping[str, Any]) -> Settings:
    """Read the settings from Invoke's configuration. Raises TaskFailure, code 2, for a bad
    value."""
    unknown = sorted(set(raw) - set(DEFAULTS))
    if unknown:
        raise _bad(unknown[0], f"there is no such setting (there are {', '.join(DEFAULTS)})")
    services = {
        name: service
        for name, service in _mapping("services", raw).items()
        if isinstance(service, Mapping)
    }
    return Settings(
        files=_words("files", _given(raw, "files")),
        state={name: _state(name, one) for name, one in _mapping("state", raw).items()},
        timeouts={
            name: _number(f"services.{name}.timeout", service["timeout"])
            for name, service in services.items()
            if service.get("timeout") is not None
        },
        ready={
            name: _ready(name, service["ready"])
            for name, service in services.items()
            if service.get("ready")
        },
        live={
            name: ()
            if service["live"] == "pause"
            else _words(f"services.{name}.live", service["live"])
            for name, service in services.items()
            if service.get("live")
        },
        facts={
            name: _facts(f"services.{name}.facts", service["facts"])
            for name, service in services.items()
            if service.get("facts")
        },
        checks=tuple(_check(one) for one in _given(raw, "checks") or ()),
        jobs=jobs(raw.get("jobs")),
        registry=str(raw.get("registry") or ""),
        instance=str(raw.get("instance") or ""),
        owner=str(raw.get("owner") or ""),
        engine_timeout=_number("engine_timeout", raw.get("engine_timeout") or ENGINE_SECONDS),
        deploy=_deploy(_mapping("deploy", raw)),
        remote=_remote(_mapping("remote", raw)),
    )


def jobs(value: Any, flag: str = "") -> int | None:
    """A number of jobs from a setting, or from a flag if one is named; None for an empty value."""
    if value in (None, ""):
        return None
    from composetasks.facts.units import whole_number

    if number := whole_number(str(value)):
        return number
    if flag:
        message = f"{flag} takes a whole number from 1, not {value!r}"
        raise TaskFailure(message, code=ExitCode.USAGE, hint=f"for example `{flag} 2`")
    raise _bad("jobs", f"{value!r} is not a whole number from 1")


def _bad(name: str, why: str) -> TaskFailure:
    return TaskFailure(
        f"setting stack.{name}: {why}",
        code=ExitCode.USAGE,
        hint="correct it in tasks.py, invoke.yaml or the INVOKE_STACK_* variable",
    )


def _given(raw: Mapping[str, Any], name: str) -> Any:
    """A setting's value; a list or mapping from the environment is parsed as JSON."""
    value = raw.get(name)
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return json.loads(value)
        except ValueError as error:
            raise _bad(name, str(error)) from error
    return value


def _mapping(name: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    value = _given(raw, name) or {}
    if not hasattr(value, "items"):
        raise _bad(name, "is not a mapping")
    return dict(value.items())


def _words(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    if not isinstance(value, (list, tuple)):
        raise _bad(name, "is not a list")
    return tuple(str(one) for one in value)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if number <= 0:
        raise _bad(name, f"{value!r} is not a number of seconds above 0")
    return number


def _ready(service: str, value: Any) -> str:
    if value not in READY:
        raise _bad(f"services.{service}.ready", f"{value!r} is none of {', '.join(READY)}")
    return str(value)


def _facts(name: str, value: Any) -> str | tuple[str, ...]:
    from composetasks.facts.service_facts import facts_source

    declared = value if isinstance(value, str) else _words(name, value)
    try:
        facts_source(declared)
    except ValueError as error:
        raise _bad(name, f"{value!r}: {error}") from error
    return declared


def _remote(raw: Mapping[str, Any]) -> Remote:
    unknown = set(raw) - {"forward", "mounts"}
    if unknown:
        raise _bad(
            f"remote.{min(unknown)}", "there is no such setting (there are forward and mounts)"
        )
    mounts = raw.get("mounts")
    # A value from the environment is a string.
    forward = {"": None, "true": True, "false": False}.get(
        str(raw.get("forward", "")).lower(), raw.get("forward")
    )
    if forward not in (None, True, False):
        raise _bad("remote.forward", f"{forward!r} is neither true nor false")
    if mounts not in (None, "", "send"):
        raise _bad("remote.mounts", f"{mounts!r} is not 'send'")
    return Remote(forward is not False, mounts == "send")


def _state(name: str, raw: Any) -> StateSetting:
    fields = {"group", "cache", "description", "path", "shared"}
    if not hasattr(raw, "items") or set(raw) - fields:
        raise _bad(f"state.{name}", f"takes {', '.join(sorted(fields))}")
    return StateSetting(
        group=str(raw.get("group") or ""),
        cache=bool(raw.get("cache")),
        description=str(raw.get("description") or ""),
        path=str(raw.get("path") or ""),
        shared=bool(raw.get("shared")),
    )


def _deploy(raw: Mapping[str, Any]) -> Deploy:
    fields = ("context", "name", "files", "endpoint", "keep")
    if set(raw) - set(fields):
        raise _bad("deploy", f"takes {', '.join(fields)}")
    endpoint = str(raw.get("endpoint") or "")
    if endpoint not in ("", *ENDPOINTS):
        raise _bad("deploy.endpoint", f"{endpoint!r} is none of {', '.join(ENDPOINTS)}")
    from composetasks.facts.units import whole_number

    keep = whole_number(str(raw.get("keep") or Deploy.keep))
    if not keep:
        raise _bad("deploy.keep", f"{raw['keep']!r} is not a whole number from 1")
    return Deploy(
        context=str(raw.get("context") or ""),
        name=str(raw.get("name") or ""),
        files=_words("deploy.files", _given(raw, "files") or ()),
        endpoint=endpoint,
        keep=keep,
    )


def _check(raw: Any) -> StackCheck:
    from composetasks.facts import StackCheck

    if not hasattr(raw, "items") or not {"name", "service", "command"} <= set(raw):
        raise _bad("checks", "each needs name, service and command (a list)")
    return StackCheck(str(raw["name"]), str(raw["service"]), _words("checks", raw["command"]))
