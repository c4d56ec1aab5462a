"""What an edit costs, by what the layers took."""

from __future__ import annotations

import pytest

from composetasks.facts import BuildTime, Commits, LayeredImage
from composetasks.plan.layers.predict import EditKind, Predictor, predictions
from tests.unit.plan.layers.made import image, layer, stack

NONE = Commits()


def web(**options: tuple[BuildTime, ...]) -> LayeredImage:
    return stack(
        layer("FROM debian", image="debian"),
        layer("RUN apt-get install curl", 20.0, first=60.0, size=300),
        layer("COPY requirements.txt /", 0.5, files=("web/requirements.txt",)),
        layer("RUN pip install -r /requirements.txt", 10.0, first=30.0, size=600),
        layer("COPY . /app", 1.0, files=("web/app.py", "web/requirements.txt"), size=100),
        layer("CMD python app.py"),
        **options,
    )


def seconds(of: LayeredImage, commits: Commits = NONE) -> dict[str, float | None]:
    return {one.edit.value: one.seconds for one in predictions(of, commits)}


def test_an_edit_costs_the_first_layer_that_reads_it_and_all_that_follow() -> None:
    assert seconds(web()) == {
        "first": 91.5,
        "code": 1.0,
        "requirements": 11.5,
        "dockerfile": 31.5,
        "base": 31.5,
    }


def test_a_file_that_no_layer_reads_costs_nothing() -> None:
    path = Predictor(web()).of_path("README.md")
    assert (path.seconds, path.layers, path.line) == (0.0, (), None)


def test_an_edit_of_the_dockerfile_by_its_path_is_that_of_its_first_run() -> None:
    path = Predictor(web()).of_path("web/Dockerfile")
    assert (path.edit, path.line) == (EditKind.PATH, 2)


def test_of_the_code_the_file_that_changes_most_is_the_typical_one() -> None:
    of = stack(
        layer("FROM x", image="x"),
        layer("COPY early.py /", 0.1, files=("early.py",)),
        layer("RUN make", 9.0),
        layer("COPY late.py /", 0.1, files=("late.py",)),
    )
    often = Commits((frozenset({"late.py"}), frozenset({"late.py"}), frozenset({"early.py"})))
    typical = {one.path: one.seconds for one in predictions(of, often) if one.edit is EditKind.CODE}
    assert typical == {"late.py": 0.1}
    # Where nothing tells them apart, it is the one that costs most.
    unknown = [one.path for one in predictions(of, NONE) if one.edit is EditKind.CODE]
    assert unknown == ["early.py"]


def test_a_file_that_pip_is_given_is_a_requirement_whatever_its_name() -> None:
    of = stack(
        layer("FROM x", image="x"),
        layer("COPY large.txt /", 0.0, files=("large.txt",)),
        layer("RUN pip install -r /large.txt", 5.0),
    )
    assert seconds(of).get("requirements") == 5.0
    assert "code" not in seconds(of)


def two_stages() -> LayeredImage:
    return image(
        layer("FROM x", image="x"),
        layer("RUN apt-get install", 4.0, needs=(0,), line=2),
        layer("FROM y AS build", image="y", stage=1, line=3),
        layer("COPY src /", 1.0, needs=(2,), stage=1, line=4, files=("src/a",)),
        layer("RUN make", 6.0, needs=(3,), stage=1, line=5),
        layer("COPY --from=build /out /", 0.5, needs=(1, 4), line=6),
        chain=(0, 1, 5),
    )


def test_stages_are_made_side_by_side() -> None:
    assert seconds(two_stages())["base"] == 7.5


def test_an_edit_in_a_stage_reaches_those_that_copy_from_it() -> None:
    path = Predictor(two_stages()).of_path("src/a")
    assert (path.layers, path.seconds, path.line) == ((3, 4, 5), 7.5, 4)


def test_the_dockerfile_is_edited_in_the_images_own_stage() -> None:
    result = Predictor(two_stages()).dockerfile()
    assert (result.line, result.layers, result.seconds) == (2, (1, 5), 4.5)


def test_what_never_ran_has_no_seconds() -> None:
    of = stack(layer("FROM x", image="x"), layer("RUN make", None), layer("COPY a /", files=("a",)))
    result = predictions(of, NONE)
    known = {one.edit.value: one.seconds for one in result}
    assert known == {"first": None, "code": 0.0, "dockerfile": None, "base": None}


def test_a_folder_that_was_never_made_here_costs_nothing() -> None:
    of = stack(layer("FROM x", image="x"), layer("WORKDIR /a", None), layer("RUN make", 2.0))
    assert seconds(of)["base"] == 2.0


def test_the_measured_start_and_export_come_on_top() -> None:
    whole = BuildTime(seconds=100.0, busy=93.0, export=5.0)  # 2 s beside steps and export
    little = BuildTime(seconds=4.0, busy=1.0, export=1.0)
    of = web(builds=(whole, little))
    # The code is a tenth of what the image holds: its second, two to start, and 1 + 4/10 to export.
    assert seconds(of)["code"] == pytest.approx(4.4)
    assert seconds(of)["base"] == pytest.approx(31.5 + 2 + 5)


def test_what_building_costs_beside_the_layers_is_learned_from_other_images() -> None:
    others = [BuildTime(seconds=4.0, busy=1.0, export=0.5)]
    (code,) = (p for p in predictions(web(), NONE, others) if p.edit is EditKind.CODE)
    assert code.seconds == pytest.approx(1.0 + 2.5 + 0.5)


def test_no_edit_is_no_build() -> None:
    of = web(builds=(BuildTime(10.0, 1.0, 1.0),))
    assert Predictor(of).of_path("README.md").seconds == 0.0
