"""``env``: every variable, its value, the value's source, and what uses it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from composetasks.facts import Engine, ExitCode, Model, Problem, Usage
from composetasks.facts.engine import replicas_of
from composetasks.plan.env.check import correction, fatal, problems
from composetasks.plan.env.specification import values
from composetasks.plan.env.variables import variable_names, variable_status
from composetasks.plan.start.faults import model_faults
from composetasks.report.documents import environment_document
from composetasks.run.external_failures import engine_lost
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import hidden, secret
from composetasks.store import container_configs
from composetasks.verbs.session import Session

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient


ASIDE_SECONDS = 5.0
"""How long the engine may take for an optional answer."""


def env(session: Session, *, check: bool = False) -> ExitCode:
    """Show the environment; with ``check`` show only its problems, and exit with code 6 if one is
    fatal."""
    from composetasks.observe.compose.config import interpolated
    from composetasks.observe.env.usage import read_usage, resolved

    environment = session.environment
    wrong = problems(environment)
    if not fatal(wrong):
        # Other errors for which Compose refuses the model; it reports only the first.
        wrong = (*_refusals(session), *wrong)
    usage = read_usage(session.compose, environment.files)
    names = variable_names(environment, usage)
    held, unasked = ({}, "") if check else _held(session, usage)
    expected = {
        name: assignments[0].value for name in names if (assignments := values(environment, name))
    }
    interpolation = interpolated(session.compose, expected)
    included = {name: value for name, (value, _) in usage.included.items()}
    usage = resolved(usage, {**included, **interpolation})
    by_name = {name for name in names if secret(environment, name)}
    variables = [
        variable_status(environment, name, interpolation.get(name), usage, held, by_name)
        for name in names
    ]
    document = environment_document(variables, wrong, hidden())
    session.reporter.result(document, [])
    if session.reporter.draws:
        from composetasks.report.environment import show

        show(session.reporter.page, document, correction(environment), check=check)
    if unasked:
        session.reporter.note(
            f"whether the running containers have these values is unknown: {unasked}"
        )
    return ExitCode.INVALID if check and fatal(wrong) else ExitCode.OK


def _refusals(session: Session) -> Iterator[Problem]:
    """The reasons why Compose refuses the model, or some of its services."""
    try:
        model = session.model()
    except TaskFailure as failure:
        if failure.detail:
            why = failure.detail.splitlines()[0]
            yield Problem("fatal", "", "", 0, f"{failure.message}: {why}", failure.hint)
        return
    session.project.hide_literals(model)
    for blocker in model_faults(model, model.services):
        yield Problem("fatal", "", "", 0, blocker.message, blocker.hint)


# --- whether the running containers have the current values ---------------------------------


Held = Mapping[str, Mapping[str, bool | None]]
"""For each running service and each variable it uses: whether all its containers were created with
the current value; None if only a change of the whole configuration is known."""


def _held(session: Session, usage: Usage) -> tuple[Held, str]:
    """The values that running containers have, and why they could not be read. Without an engine,
    the environment itself can still be shown; if the model is invalid, the problems say so."""
    from composetasks.observe.engine.inventory import connect

    try:
        model = session.model()
    except TaskFailure:
        return {}, ""
    seconds = min(ASIDE_SECONDS, session.settings.engine_timeout)
    try:
        with contextlib.closing(connect(seconds)) as client:
            return _held_by(session, model, client, usage), ""
    except TaskFailure as failure:
        return {}, failure.message
    except engine_lost():
        return {}, f"the engine gave no answer within {seconds:g} s"


def _held_by(session: Session, model: Model, client: APIClient, usage: Usage) -> Held:
    from composetasks.observe.compose.hashes import with_asked_hashes
    from composetasks.observe.engine.inventory import inspect_container, read_containers

    engine = Engine(containers=read_containers(client))
    engine = with_asked_hashes(model, engine, session.compose, session.own_folder.cache)
    key = container_configs.digest_key(session.own_folder.cache)
    held: dict[str, dict[str, bool | None]] = {}
    for name, service in model.services.items():
        wanted = dict(service.config.get("environment") or {})
        for container in replicas_of(engine.containers, model.project, name):
            if not container.running:
                continue
            current = container.config_hash == service.config_hash
            actual = {} if current else _environment(inspect_container(client, container.id), key)
            held_here = held.setdefault(name, {})
            for variable, places in usage.services.get(name, {}).items():
                has = True if current else _has(places, wanted, actual)
                held_here[variable] = _worse(held_here.get(variable, True), has)
    return held


def _environment(record: Mapping[str, Any], key: bytes) -> dict[str, str]:
    """A container's variables, with digests in place of secrets, as in the model."""
    entries = (record.get("Config") or {}).get("Env") or ()
    variables = dict(str(entry).partition("=")[::2] for entry in entries)
    masked: dict[str, str] = container_configs.mask({"environment": variables}, key)["environment"]
    return masked


def _has(
    places: Collection[str], wanted: Mapping[str, Any], actual: Mapping[str, str]
) -> bool | None:
    """Whether a container of an older configuration has a variable's current value."""
    keys = [place.partition(".")[2] for place in places if place.startswith("environment.")]
    for key in keys:
        if key in wanted and str(wanted[key] or "") != actual.get(key, ""):
            return False
    return True if len(keys) == len(places) else None


def _worse(first: bool | None, other: bool | None) -> bool | None:
    return min(first, other, key=[False, None, True].index)
