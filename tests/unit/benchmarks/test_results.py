"""What the benchmarks say of what they measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.framework import Figure, Target, in_turns
from benchmarks.picture import picture
from benchmarks.results import Results, worsened


def kept(ratio: float, name: str = "an empty start") -> Results:
    """Results of one case whose one figure has this ratio."""
    result = Results()
    figure = Figure(name, "the peer", (ratio, ratio, 9.0), (1.0,))
    result.cases["case"] = {"date": "", "load": 0.0, "figures": [figure.document()]}
    return result


def test_a_ratio_that_grew_by_more_than_a_quarter_is_told() -> None:
    assert worsened(kept(0.64), kept(0.5), ["case"]) == ["case: an empty start: ratio 0.50 -> 0.64"]


@pytest.mark.parametrize("now", [0.3, 0.5, 0.62])
def test_a_ratio_that_grew_by_less_or_shrank_is_not(now: float) -> None:
    assert worsened(kept(now), kept(0.5), ["case"]) == []


def test_only_cases_that_were_measured_now_are_compared() -> None:
    assert worsened(kept(5.0), kept(0.5), ["another"]) == []


def test_a_figure_that_is_new_is_compared_with_nothing() -> None:
    assert worsened(kept(5.0, "a new one"), kept(0.5), ["case"]) == []


def test_the_figures_that_are_kept_can_be_compared_with() -> None:
    now, before = Results.kept(), Results.kept()
    assert worsened(now, before, list(now.cases)) == []
    for case in now.cases.values():
        for figure in case["figures"]:
            if figure["ratio"]:
                figure["ratio"] *= 1.3
    assert worsened(now, before, list(now.cases))


@pytest.mark.parametrize(
    ("target", "allowed", "missed"),
    [(Target(0.5), 5.0, 5.01), (Target(1, 0.3), 10.3, 10.31), (Target(0, 3.0), 3.0, 3.01)],
)
def test_a_target_is_reached_up_to_its_limit(target: Target, allowed: float, missed: float) -> None:
    assert Figure("", "", (allowed,), (10.0,), target).reached is True
    assert Figure("", "", (missed,), (10.0,), target).reached is False


def test_a_figure_is_read_as_it_was_kept() -> None:
    figure = Figure("a", "b", (2.0,), (1.0,), Target(0.5), "s", "note", {"plan": 0.5}, "Slow.")
    assert Figure.read(figure.document()) == figure


def test_a_figure_that_reaches_its_target_is_not_explained() -> None:
    figure = Figure("a", "b", (1.0,), (4.0,), Target(0.5), reason="Slow.")
    assert figure.explained(lambda: {"plan": 0.5}) is figure
    assert not {"parts", "reason"} & figure.document().keys()


def test_the_page_says_of_every_target_whether_it_is_reached_and_why_not() -> None:
    reached = Figure("quick", "peer", (1.0, 2.0), (4.0,), Target(0.5))
    missed = Figure("slow", "peer", (3.0,), (4.0,), Target(0.5), parts={"plan": 0.5, "build": 2.4})
    result = Results(cases={"case": {"date": "", "load": 0.0, "figures": []}})
    result.cases["case"]["figures"] = [one.document() for one in (reached, missed)]
    page = list(result.lines(["case", "other"]))
    rows = [line for line in page if line.startswith(("| quick", "| slow"))]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == ["yes", "**no**"]
    told = "- slow: 3.00 s where 2.00 s is allowed; of one run: build 2.40 s, plan 0.500 s."
    assert told in page
    assert "Not measured: `other`." in page


def test_the_committed_page_and_picture_are_those_of_the_committed_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.run import CASES

    for name in ("KEPT", "PAGE", "PICTURE"):
        source: Path = getattr(results, name)
        (tmp_path / source.name).write_text(source.read_text())
        monkeypatch.setattr(results, name, tmp_path / source.name)
    Results.kept().write([case.name for case in CASES])
    for name in ("results.json", "RESULTS.md", "results.svg"):
        assert (tmp_path / name).read_text() == (results.FOLDER / name).read_text(), name


def test_the_picture_has_a_bar_for_each_figure_with_a_peer() -> None:
    figures = [
        Figure("a <b>", "peer", (3.0,), (1.0,), Target(0.5)),
        Figure("memory", "", (1.0,), unit="B"),
    ]
    drawn = ET.fromstring(picture(figures))  # noqa: S314 - it is ours
    titles = [one.text for one in drawn.iter() if one.tag.endswith("}title")]
    assert titles == ["a <b>, against peer"]


def test_bars_of_the_same_name_are_told_apart_by_their_peers() -> None:
    figures = [Figure("an empty start", peer, (3.0,), (1.0,)) for peer in ("the floor", "Compose")]
    labels = [one.text for one in ET.fromstring(picture(figures)).iter()]  # noqa: S314 - it is ours
    assert {"an empty start, beside the floor", "an empty start, beside Compose"} <= set(labels)


def test_sides_take_turns_and_every_second_round_runs_backwards() -> None:
    seen: list[tuple[str, int]] = []

    def side(name: str) -> float:
        seen.append((name, len(seen)))
        return float(len(seen))

    took = in_turns({"a": lambda _: side("a"), "b": lambda _: side("b")}, 2)
    assert [name for name, _ in seen] == ["a", "b", "b", "a"]
    assert took == {"a": (1.0, 4.0), "b": (2.0, 3.0)}
