"""Advice: of each badly layered Dockerfile what costs most comes first, of others nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from composetasks.facts import Build, BuildTime, Commits, Engine
from composetasks.observe.layers.image_layers import layered_images
from composetasks.plan.layers.commands import INSTALLS, commands, manifests
from composetasks.plan.layers.edits import followed
from composetasks.plan.layers.rules import advise
from tests.dockerfiles import model, service
from tests.layers import Case, cases, timed
from tests.unit.plan.layers.made import layer, stack

CASES = cases()


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 15
    assert {case.told["first"]["kind"] for case in CASES} == {
        *("lock-first", "split", "merge", "order", "cache-mount"),
        *("unread", "lists", "wide", "floating"),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_saves_most_comes_first(case: Case, tmp_path: Path) -> None:
    first, *others = advise(case.image(tmp_path), case.commits)
    results = {"kind": first.kind.value, "lines": list(first.lines)}
    assert results == case.told["first"], (first, others)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_advice_that_was_followed_is_not_given_again(case: Case, tmp_path: Path) -> None:
    image = case.image(tmp_path)
    first = advise(image, case.commits)[0]
    if first.remedy is None:
        assert first.kind.value not in ("lock-first", "cache-mount"), (
            "these can be followed blindly"
        )
        return
    text = followed(case.dockerfile, image, first.remedy)
    (tmp_path / "better").mkdir()
    better = replace(case, dockerfile=text).image(tmp_path / "better")
    # The instructions take what they took, on whatever line they stand now.
    took = {" ".join(one.text.split()): one.time for one in image.layers if one.time}
    layers = [replace(one, time=took.get(" ".join(one.text.split()))) for one in better.layers]
    assert {one.text for one in layers} >= {one.text for one in image.layers}
    again = advise(replace(better, layers=tuple(layers)), case.commits)
    rest = sum(one.saves_seconds_per_week for one in again if one.kind is first.kind)
    assert rest < first.saves_seconds_per_week / 10, text


def test_of_a_well_layered_image_nothing_is_said() -> None:
    of = stack(
        layer("FROM debian:12", image="debian:12"),
        layer("RUN --mount=type=cache,target=/var/lib/apt apt-get install -y curl", 20.0),
        layer("COPY requirements.txt /", files=("web/requirements.txt",)),
        layer("RUN --mount=type=cache,target=/c pip install -r /requirements.txt", 10.0),
        layer("COPY app.py /app/", 0.1, files=("web/app.py",)),
    )
    assert advise(of, weekly(**{"web/app.py": 9, "web/requirements.txt": 3})) == []


def weekly(**changes: int) -> Commits:
    """Commits of one week, each of one file."""
    return Commits(
        tuple(frozenset({path}) for path, count in changes.items() for _ in range(count))
    )


def test_advice_is_worth_what_is_made_again_for_nothing() -> None:
    of = stack(
        layer("FROM debian:12", image="debian:12"),
        layer("COPY . /app", 0.1, files=("web/app.py", "web/requirements.txt")),
        layer("RUN --mount=type=cache,target=/c pip install -r /app/requirements.txt", 10.0),
    )
    (result,) = advise(of, weekly(**{"web/app.py": 9, "web/requirements.txt": 3}))
    assert (result.lines, result.saves_seconds_per_week) == ((2, 3), 90.0)


def test_where_nothing_changes_only_a_floating_base_costs_anything() -> None:
    of = stack(
        layer("FROM debian", image="debian"),
        layer("COPY . /app", 0.1, files=("web/app.py",)),
        layer("RUN apt-get install -y curl", 10.0),
    )
    assert [one.kind.value for one in advise(of, Commits())] == ["floating"]
    ours = replace(of, layers=(replace(of.layers[0], ours=True), *of.layers[1:]))
    assert advise(ours, Commits()) == []


@pytest.mark.parametrize(
    ("size", "export", "seconds"),
    [(200_000_000, 4.0, 0.4), (20, 4.0, 0.1), (200_000_000, 0.0, 0.1)],
)
def test_package_lists_cost_what_their_bytes_take_to_export(
    size: int, export: float, seconds: float
) -> None:
    install = "RUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y x"
    of = stack(
        layer("FROM debian:12", image="debian:12"),
        layer(install, 9.0, size=size),
        builds=(BuildTime(20.0, 9.0, export),),
    )
    (result,) = advise(of, weekly(**{"web/Dockerfile": 1}))
    assert result.kind.value == "lists"
    assert result.saves_seconds_per_week == pytest.approx(seconds)


def test_an_install_of_the_project_itself_needs_its_code() -> None:
    of = stack(
        layer("FROM debian:12", image="debian:12"),
        layer("COPY . /app", 0.1, files=("web/app.py", "web/pyproject.toml")),
        layer("RUN --mount=type=cache,target=/c pip install /app", 10.0),
        layer("RUN --mount=type=cache,target=/c pip install -e .", 10.0),
    )
    assert advise(of, weekly(**{"web/app.py": 9})) == []


# --- the stack's own ------------------------------------------------------------------------

COMPOSE = Path(__file__).parents[4] / "compose"
INSTALL_SECONDS, RUN_SECONDS = 30.0, 0.3
CODE_PER_WEEK, MANIFEST_PER_WEEK = 5, 1


@pytest.mark.parametrize("name", sorted(path.parent.name for path in COMPOSE.glob("*/Dockerfile")))
def test_the_stacks_own_dockerfiles_give_no_reason_for_advice(name: str, tmp_path: Path) -> None:
    """With installs that take half a minute, code that changes every day and locks every week."""
    build = Build(str(COMPOSE / name), "Dockerfile", {})
    (image,), _ = layered_images(
        model(COMPOSE, service(build, name)), Engine(), tmp_path, [name], None
    )
    runs = [one for one in image.layers if one.keyword == "RUN"]
    installs = {one.line for one in runs if any(kind in INSTALLS for kind, _ in commands(one))}
    took = {one.line: INSTALL_SECONDS if one.line in installs else RUN_SECONDS for one in runs}
    assert took
    files = {path for one in image.layers for path in one.files}
    locks = manifests(image)
    changes = {
        path: MANIFEST_PER_WEEK if path in locks else CODE_PER_WEEK for path in sorted(files)
    }
    changes[image.dockerfile] = 1
    result = advise(timed(image, took), weekly(**changes))
    assert [one for one in result if one.saves_seconds_per_week > 1.0] == []
