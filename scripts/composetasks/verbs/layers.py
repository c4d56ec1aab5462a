"""``layers``: the cost of each layer of the images, and what an edit would rebuild."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from composetasks.facts import ExitCode, Model
from composetasks.facts.references import plain
from composetasks.plan.layers.predict import TriedEdit
from composetasks.report.layers import document, show
from composetasks.run.failure import TaskFailure
from composetasks.verbs.picture import write_picture
from composetasks.verbs.session import Session
from composetasks.verbs.validate import try_edits


def layers(
    session: Session,
    services: Sequence[str],
    *,
    edit: str = "",
    validate: bool = False,
    svg: str = "",
) -> ExitCode:
    """Show the layers of the images that ``services`` (or all) build, predictions and advice.

    ``edit`` is a file whose edit is predicted too; with ``validate`` each edit is made on a copy
    and built; ``svg`` is a file to write a picture to.
    """
    from composetasks.observe.engine.inventory import read_engine
    from composetasks.observe.layers.commits import last_commits
    from composetasks.observe.layers.image_layers import layered_images
    from composetasks.plan.layers.costs import costs

    model = session.model(services)
    engine = read_engine(session.client)
    wanted = services or tuple(model.services)
    _learn(session, model, wanted)
    images, faults = layered_images(model, engine, session.own_folder.cache, wanted, session.client)
    if faults and not images:
        raise faults[0]
    for failure in faults:
        session.reporter.note(failure.message)
    if not images:
        session.reporter.note("no image is built here from a folder of this machine")
    path = _edited(edit, model.directory) if edit else ""
    commits = last_commits(model.directory)
    image_costs = costs(images, commits, path)
    tried: list[TriedEdit] | None = None
    if validate:
        image_costs, tried = try_edits(session, model, image_costs)
    result = document(image_costs, tried)
    if commits is None:
        session.reporter.note("no git repository: how often files change is not known")
    if svg:
        from composetasks.report.layers_svg import picture

        write_picture(Path(svg), picture(result))
    session.reporter.result(result, [])
    if session.reporter.draws:
        show(session.reporter.page, result)
    return ExitCode.OK


def _learn(session: Session, model: Model, services: Sequence[str]) -> None:
    """Learn from BuildKit's history what is not recorded here: builds by Compose, or before
    `.composetasks/` was removed."""
    from composetasks.observe.images.build_history import learn
    from composetasks.store.build_records import load_times

    builders = model.builders()
    builder_names = (builders.get(plain(model.services[name].image), "") for name in services)
    cache = session.own_folder.cache
    unknown = [
        name for name in dict.fromkeys(builder_names) if name and not load_times(cache, name)[1]
    ]
    if unknown:
        learn(model, unknown, cache, session.compose.environment, session.client)


def _edited(edit: str, directory: Path) -> str:
    """The path of the file to edit, relative to the project's folder. Raises TaskFailure, code
    2."""
    if not os.path.isfile(edit):
        raise TaskFailure(
            f"--edit takes an existing file, not {edit!r}",
            code=ExitCode.USAGE,
            hint="give its path relative to this folder",
        )
    return os.path.relpath(os.path.realpath(edit), os.path.realpath(directory))
