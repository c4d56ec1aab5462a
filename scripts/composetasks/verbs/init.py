"""``init``: examines a project that does not use this library yet, and writes the files it
lacks."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from composetasks.apply.init.write import write
from composetasks.facts import ExitCode, InitPlan, Model, Proposal, Surroundings
from composetasks.observe.compose.model import load_model
from composetasks.observe.compose.sources import compose_files, no_compose_file
from composetasks.observe.env.usage import read_usage, resolved
from composetasks.observe.init.contexts import left_out
from composetasks.observe.init.surroundings import surroundings
from composetasks.observe.state.places import reset_folders
from composetasks.plan.init.files import plan_init
from composetasks.report.init import init_document, show, summary
from composetasks.run.compose import Compose
from composetasks.run.failure import TaskFailure
from composetasks.verbs.carry_through import agreed, somebody_is_there
from composetasks.verbs.session import Session


def init(session: Session) -> ExitCode:
    """Show the proposed files, and write them with consent. Existing content is left unchanged."""
    plan = plan_init(_seen(session))
    options, reporter = session.options, session.reporter
    document = init_document(plan)
    if options.plan:
        reporter.result(document, [])
    if reporter.draws:
        show(reporter.page, document)
    if options.plan:
        return ExitCode.CHANGES if plan.written and options.exit_code else ExitCode.OK
    if plan.written:
        _consent(session, plan)
    written = list(write(session.folder, plan.written))
    left = [one.path for one in plan.files if one.proposal is Proposal.LEAVE]
    reporter.result(init_document(plan, written), [summary(written, left)])
    return ExitCode.OK


def _seen(session: Session) -> Surroundings:
    compose, given = session.compose, session.project.files
    files = compose_files(session.folder, given, session.project.process)
    if not files:
        raise no_compose_file(session.folder)
    if files == compose_files(session.folder, given, {}):
        files = ()
    model = _model(session, compose)
    usage = resolved(read_usage(compose, session.environment.files), {})
    contexts = tuple(left_out(session.folder, model)) if model else ()
    named, home = session.settings.state, session.folder.resolve()
    state = reset_folders(model, home, named) if model else ()
    project = model.project if model else session.folder.name
    seen = surroundings(session.environment, usage, project, contexts)
    names = tuple(os.path.relpath(path, session.folder) for path in files)
    return replace(seen, files=names, state=tuple(os.path.relpath(one, home) for one in state))


def _model(session: Session, compose: Compose) -> Model | None:
    """The model, with a placeholder for each required variable that is not set; None if Compose
    refuses the model for another reason."""
    names = [name for name, *_ in session.environment.demanded]
    chosen = dict.fromkeys(names, "1") | dict(compose.environment)
    with contextlib.suppress(TaskFailure):
        filled = replace(compose, environment=chosen)
        return load_model(filled, session.own_folder.cache, all_profiles=True)
    return None


def _consent(session: Session, plan: InitPlan) -> None:
    names = ", ".join(one.path for one in plan.written)
    if session.options.yes or session.options.force:
        return
    if somebody_is_there() and agreed(f"Write {names}? [y/N]"):
        return
    raise TaskFailure(
        f"refused: {names} would be written",
        code=ExitCode.REFUSED,
        hint="nothing was changed; give --yes to consent",
    )
