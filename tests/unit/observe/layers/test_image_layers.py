"""Layers as they are seen: what each reads, how long it took, how large it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import Build, Engine, LayeredImage, StepTime
from composetasks.observe.images.dockerfile import parse_one
from composetasks.observe.layers.commits import read_log
from composetasks.observe.layers.image_layers import layered_images, read_history, sizes_of, time_of
from composetasks.store import build_records
from tests.dockerfiles import model, service

DOCKERFILE = """ARG BASE=debian
FROM ${BASE} AS build
WORKDIR /src
COPY src/ ./
RUN --mount=type=bind,source=tools,target=/tools make

FROM ${BASE}
COPY --exclude=*.md . /app
COPY --from=build /src/out /out
CMD ["run"]
"""


def observed(folder: Path) -> LayeredImage:
    context, cache = folder / "web", folder / "cache"
    for path in ("src/a.c", "tools/t", "README.md", "page.html"):
        place = context / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path)
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    cache.mkdir()
    steps = [{"name": "[build 3/4] COPY src/ ./", "seconds": 1.5, "cached": False}]
    build_records.save_times(cache, "app", steps)
    of = model(folder, service(Build(str(context), "Dockerfile", {})))
    (result,), _ = layered_images(of, Engine(), cache, ["app"], None)
    return result


def test_each_layer_has_its_line_its_files_and_what_it_needs(tmp_path: Path) -> None:
    result = observed(tmp_path)
    shown = [(one.line, one.keyword, one.stage, one.needs, one.files) for one in result.layers]
    assert shown == [
        (7, "FROM", 1, (), ()),
        (8, "COPY", 1, (0,), ("web/page.html", "web/src/a.c", "web/tools/t")),
        (2, "FROM", 0, (), ()),
        (3, "WORKDIR", 0, (2,), ()),
        (4, "COPY", 0, (3,), ("web/src/a.c",)),
        (5, "RUN", 0, (4,), ("web/tools/t",)),
        (9, "COPY", 1, (1, 5), ()),
        (10, "CMD", 1, (6,), ()),
    ]
    assert result.chain == (0, 1, 6, 7)
    assert result.dockerfile == "web/Dockerfile"
    assert [one.image for one in result.layers if one.keyword == "FROM"] == ["debian", "debian"]


def test_a_layer_has_the_seconds_its_step_took(tmp_path: Path) -> None:
    result = observed(tmp_path)
    assert [one.time for one in result.layers if one.line in (4, 5, 10)] == [
        StepTime(1.5, 1.5),
        None,
        StepTime(0, 0),
    ]


SHARED = """FROM debian
RUN make ready
COPY . /app
RUN make all
"""


def test_a_step_that_reads_nothing_of_the_project_is_known_from_another_image(
    tmp_path: Path,
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    services = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(SHARED)
        build = Build(str(tmp_path / name), "Dockerfile", {})
        services.append(service(build, name))
    steps = [
        {"name": f"[2/3] RUN make {what}", "seconds": 2.0, "cached": False}
        for what in ("ready", "all")
    ]
    build_records.save_times(cache, "first", steps)
    (result,), _ = layered_images(model(tmp_path, *services), Engine(), cache, ["second"], None)
    assert {one.text: one.time for one in result.layers if one.keyword == "RUN"} == {
        "make ready": StepTime(2, 2),
        "make all": None,
    }


@pytest.mark.parametrize(
    ("instruction", "step"),
    [
        ("RUN pip install uv==${V}", "RUN pip install uv==1.2"),
        (
            "RUN --mount=type=cache,target=/c \\\n  a   b",
            "RUN --mount=type=cache,target=/c   a   b",
        ),
        ("COPY \"a b\" '/x'", "COPY a b /x"),
        ("WORKDIR $HOME/x", "WORKDIR /root/x"),
        ("RUN <<EOF\nmake\nEOF", "RUN <<EOF (make)"),
    ],
)
def test_a_step_is_known_by_its_text_with_the_variables_that_buildkit_fills_in(
    instruction: str, step: str
) -> None:
    one = parse_one(instruction)
    assert one is not None
    assert time_of(one, {"RUN other": StepTime(9, 9), step: StepTime(2, 1)}) == StepTime(2, 1)


def test_sizes_are_read_from_the_end_as_far_as_the_history_agrees() -> None:
    history = [
        ('CMD ["run"]', 0),
        ("COPY /src/out /out # buildkit", 30),
        ("COPY . /app # buildkit", 20),
        ("/bin/sh -c #(nop) ADD file", 100),
        ("more of the base", 5),
    ]
    keywords = ["FROM", "COPY", "COPY", "CMD"]
    assert dict(sizes_of(keywords, [0, 1, 6, 7], history)) == {7: 0, 6: 30, 1: 20, 0: 105}
    assert dict(sizes_of(["FROM", "RUN", "COPY", "CMD"], [0, 1, 2, 3], history)) == {3: 0, 2: 30}


def test_a_history_that_is_none_has_no_layers() -> None:
    damaged = [{"CreatedBy": "RUN a", "Size": "x"}, 3, None, {"Size": -1}, {"CreatedBy": None}]
    assert list(read_history(damaged)) == [("RUN a", 0), ("", 0), ("None", 0)]
    assert list(read_history({"message": "no"})) == []


def test_no_secret_of_an_instruction_is_shown(tmp_path: Path) -> None:
    context = tmp_path / "web"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM x\nRUN API_TOKEN=hunter2 fetch\n")
    of = model(tmp_path, service(Build(str(context), "Dockerfile", {})))
    (result,), _ = layered_images(of, Engine(), tmp_path, ["app"], None)
    assert "hunter2" not in result.layers[1].instruction
    assert "fetch" in result.layers[1].instruction


def test_commits_are_read_relative_to_the_project() -> None:
    log = "\x01700000\n\nshop/web/a\nREADME.md\n\x0195200\n\nshop/b\n"
    result = read_log(log, "/top", "/top/shop")
    assert result.changed == (frozenset({"web/a", "../README.md"}), frozenset({"b"}))
    assert result.weeks == pytest.approx(1.0)
    assert result.touching(["b", "web/a"]) == 2


def test_less_than_a_week_counts_as_one_and_more_as_what_it_is() -> None:
    assert read_log("\x010\n\na\n", "/top", "/top").weeks == 1.0
    assert read_log(f"\x01{14 * 86400}\n\na\n\x010\n\na\n", "/top", "/top").weeks == 2.0
