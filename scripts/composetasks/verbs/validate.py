"""``layers --validate``: makes each edit on a copy of the project, and builds it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from composetasks.apply.images.bake import definition
from composetasks.apply.layers.trial import Outcome, Trial
from composetasks.facts import LayeredImage, Model
from composetasks.plan.layers.costs import ImageCosts
from composetasks.plan.layers.edits import (
    edited,
    edited_dockerfile,
    followed,
    with_other_bases,
)
from composetasks.plan.layers.evidence import Advice
from composetasks.plan.layers.predict import EditKind, Prediction, Predictor, TriedEdit
from composetasks.report.layers import tried_line
from composetasks.run.failure import TaskFailure
from composetasks.verbs.session import Session

FOLLOWED_FROM = 1.0
"""The seconds saved per week that make advice worth the builds that measure it."""


def try_edits(
    session: Session, model: Model, costs: Sequence[ImageCosts]
) -> tuple[list[ImageCosts], list[TriedEdit]]:
    """Make and build every predicted edit except the first build, which would require emptying the
    builder's cache; then apply the advice that can be applied automatically, and build again.
    Returns the costs, with what the advice saved, and the edits. Notes name what could not be
    tried."""
    names = [one.image.service for one in costs]
    compose = session.compose
    targets = definition(compose.argv(), names, compose.folder, compose.environment)
    tried, measured = [], []
    with Trial(
        model.project,
        model.directory,
        model.services,
        targets,
        compose.environment,
        session.client,
        session.own_folder.cache,
    ) as trial:
        for image in costs:
            edits = _chosen(image)
            if not edits:
                measured.append(image)
                continue
            session.reporter.note(f"{image.image.service}: building the copy as it is")
            trial.build(image.image)
            for result in _tried(session, trial, image.image, edits):
                session.reporter.note(tried_line(result))
                tried.append(result)
            if edits[0].edit is EditKind.PATH:
                measured.append(image)
                continue
            advice = tuple(_followed(session, trial, image.image, each) for each in image.advice)
            measured.append(replace(image, advice=advice))
    return measured, tried


def _chosen(costs: ImageCosts) -> list[Prediction]:
    """The edits to make: the named file, or one of each kind; those that build nothing are left
    out."""
    named = [one for one in costs.predictions if one.edit is EditKind.PATH]
    return [
        prediction
        for prediction in named or costs.predictions
        if prediction.layers and prediction.edit is not EditKind.FIRST
    ]


def _tried(
    session: Session, trial: Trial, image: LayeredImage, edits: Sequence[Prediction]
) -> Iterator[TriedEdit]:
    for prediction in edits:
        built = _built(trial, image, prediction)
        if built is None:
            what = prediction.path or prediction.edit.value
            session.reporter.note(f"{image.service}: {what} can't be edited on a copy")
            continue
        yield TriedEdit(image.service, prediction, built.seconds, built.ran)


def _built(trial: Trial, image: LayeredImage, prediction: Prediction) -> Outcome | None:
    """The build after an edit; None if the edit is not possible."""
    token = secrets.randbelow(10**9)
    text = trial.dockerfile(image.service)
    if prediction.edit is EditKind.BASE:
        names = {one.image for one in image.layers if one.image}
        bases = {name: trial.other_base(name) for name in names}
        built = {name: base for name, base in bases.items() if base is not None}
        if not built or len(built) < len(bases):
            return None
        return trial.build(image, with_other_bases(text, image.layers, built))
    if prediction.path == image.dockerfile:
        layer = image.layers[Predictor(image).edited_in_dockerfile()]
        return trial.build(image, edited_dockerfile(text, layer, token))
    return _edited(trial, image, prediction.path, text)


def _edited(trial: Trial, image: LayeredImage, path: str, dockerfile: str) -> Outcome | None:
    """The build after an edit of a file; None if the file is not in the copy."""
    place = trial.place(path)
    if place is None:
        return None
    before = place.read_bytes()
    place.write_bytes(edited(path, before, secrets.randbelow(10**9)))
    try:
        return trial.build(image, dockerfile)
    finally:
        place.write_bytes(before)


def _followed(session: Session, trial: Trial, image: LayeredImage, advice: Advice) -> Advice:
    """The advice with the measured saving, if it could be tried."""
    remedy, worth = advice.remedy, advice.saves_seconds_per_week
    if remedy is None or remedy.path == image.dockerfile or worth < FOLLOWED_FROM:
        return advice
    text = trial.dockerfile(image.service)
    better = followed(text, image, remedy)
    session.reporter.note(
        f"{image.service}: following the advice on {image.place(advice.lines[0])}"
    )
    try:
        trial.build(image, better)
    except TaskFailure:
        session.reporter.note(f"{image.service}: it does not build with that change")
        return advice
    before = _edited(trial, image, remedy.path, text)
    after = _edited(trial, image, remedy.path, better)
    if before is None or after is None:
        return advice
    return replace(advice, measured=(before.seconds - after.seconds) * remedy.rate)
