"""Images are built exactly when they would differ, and then with everything that changed."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from composetasks.facts import Event
from composetasks.run.compose import buildx
from composetasks.run.failure import TaskFailure
from tests.engine.built import FROM, Built, own_builds
from tests.engine.busybox import TAG

SLEEP = "RUN --network=none sleep {seconds}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Built]:
    """A project without services yet."""
    with own_builds(tmp_path / "project") as made:
        yield made


@pytest.fixture
def web(shop: Built) -> Built:
    """One service whose image copies part of its folder, built."""
    shop.dockerfile("web", "ARG VERSION=1\nLABEL version=$VERSION\nCOPY src /src\nCOPY run /run\n")
    text = (shop.folder / "web/Dockerfile").read_text()
    shop.file("web/Dockerfile", f"FROM {TAG} AS unneeded\nCOPY other /other\n{text}")
    for path in ("src/a", "src/b", "src/sub/c", "run", "other", "ignored.log", "src/x.log"):
        shop.file(f"web/{path}", path)
    shop.file("web/.dockerignore", "**/*.log\n")
    (shop.folder / "web/src/link").symlink_to("a")
    shop.services(web={})
    shop.build()
    return shop


def one(events: list[Event], kind: str) -> Event:
    (result,) = (event for event in events if event.kind == kind)
    return result


# --- rebuilt exactly when the image would differ ----------------------------------------------


def _copied(folder: Path) -> None:
    (folder / "src/a").write_text("new")


def _mode(folder: Path) -> None:
    (folder / "run").chmod(0o755)


def _folder_mode(folder: Path) -> None:
    (folder / "src/sub").chmod(0o700)


def _link(folder: Path) -> None:
    (folder / "src/link").unlink()
    (folder / "src/link").symlink_to("b")


def _folder_renamed(folder: Path) -> None:
    (folder / "src/sub").rename(folder / "src/renamed")


def _swapped(folder: Path) -> None:
    (folder / "src/a").rename(folder / "x")
    (folder / "src/b").rename(folder / "src/a")
    (folder / "x").rename(folder / "src/b")


def _same_size_and_time(folder: Path) -> None:
    status = (folder / "src/a").stat()
    (folder / "src/a").write_text("SRC/A")
    os.utime(folder / "src/a", ns=(status.st_atime_ns, status.st_mtime_ns))


def _dockerfile(folder: Path) -> None:
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(f"{text}RUN --network=none true\n")


def _default_arg(folder: Path) -> None:
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(text.replace("VERSION=1", "VERSION=2"))


Edit = Callable[[Path], None]


@pytest.mark.parametrize(
    "edit",
    [
        *(_copied, _mode, _folder_mode, _link, _folder_renamed, _swapped, _same_size_and_time),
        *(_dockerfile, _default_arg),
    ],
)
def test_an_edit_of_what_goes_into_the_image_builds_it(web: Built, edit: Edit) -> None:
    before = web.id("web")
    edit(web.folder / "web")
    assert web.steps() == [("build-image", "web")]
    web.build()
    assert web.id("web") != before
    assert web.steps() == []


def _touched(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, follow_symlinks=False)


def _ignored(folder: Path) -> None:
    (folder / "src/x.log").write_text("new")


def _unneeded_stage(folder: Path) -> None:
    (folder / "other").write_text("new")
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(text.replace("/other", "/elsewhere"))


def _not_copied(folder: Path) -> None:
    (folder / "new").write_text("new")


def _comment(folder: Path) -> None:
    text = (folder / "Dockerfile").read_text()
    (folder / "Dockerfile").write_text(f"# why\n{text}")


def _owner(folder: Path) -> None:
    os.chown(folder / "src/a", 1234, 1234)


@pytest.mark.parametrize(
    "edit", [_touched, _ignored, _unneeded_stage, _not_copied, _comment, _owner]
)
def test_an_edit_of_what_does_not_builds_nothing_and_rightly_so(web: Built, edit: Edit) -> None:
    if edit is _owner and os.geteuid() != 0:
        pytest.skip("only root may give files away")
    before = web.layers("web")
    edit(web.folder / "web")
    assert web.steps() == []
    web.build(no_cache=False)
    web.by_compose("build", "web")
    assert web.layers("web") == before


@pytest.mark.parametrize(
    ("build", "steps"),
    [
        ({"args": {"VERSION": "2"}}, [("build-image", "web")]),
        ({"args": {"OTHER": "2"}}, []),
        ({"labels": {"more": "1"}}, [("build-image", "web")]),
        ({"target": "unneeded"}, [("build-image", "web")]),
        ({"secrets": ["token"]}, []),
        ({"tags": ["elsewhere:1"]}, [("retag-image", "web")]),
    ],
)
def test_the_build_section_counts_as_far_as_it_reaches_the_image(
    web: Built, build: dict[str, Any], steps: list[tuple[str, str]]
) -> None:
    image = {"image": web.image("web"), "build": {"context": "./web", **build}}
    web.write({"web": image}, secrets={"token": {"environment": "HOME"}})
    assert web.steps() == steps


# --- nothing is built twice -------------------------------------------------------------------


def test_a_branch_that_is_switched_and_switched_back_builds_nothing(web: Built) -> None:
    before, text = web.id("web"), (web.folder / "web/src/a").read_text()
    web.file("web/src/a", "another branch")
    web.build()
    web.file("web/src/a", text)
    assert web.steps() == [("retag-image", "web")]
    web.build()
    assert web.id("web") == before
    assert web.steps() == []


def test_another_checkout_takes_the_image_that_is_here(web: Built, tmp_path: Path) -> None:
    other = Built(tmp_path / "other", web.client, f"{web.name}-other")
    other.folder.mkdir()
    for path in sorted((web.folder / "web").rglob("*")):
        place = other.folder / path.relative_to(web.folder)
        if path.is_symlink():
            place.symlink_to(os.readlink(path))
        elif path.is_file():
            other.file(str(path.relative_to(web.folder)), path.read_text())
    other.services(web={})
    assert other.steps() == [("retag-image", "web")]
    other.build()
    assert other.id("web") == web.id("web")


def test_one_that_compose_built_is_taken_for_unknown_and_found_equal(web: Built) -> None:
    before = web.layers("web")
    web.by_compose("build", "web")
    web.build()
    assert web.layers("web") == before
    assert web.steps() == []


def test_an_image_is_labelled_as_compose_labels_it(web: Built) -> None:
    ours = web.inspect(web.image("web"))["Config"]["Labels"]
    web.by_compose("build", "web")
    assert ours == web.inspect(web.image("web"))["Config"]["Labels"]


def test_compose_sees_nothing_to_do_after_us(web: Built) -> None:
    web.up()
    before = web.find(f"{web.name}-web-1")
    web.by_compose("up", "-d", "--no-build")
    after = web.find(f"{web.name}-web-1")
    assert before is not None
    assert after is not None
    assert after.id == before.id


def test_an_image_built_again_without_cache_is_built_again(web: Built) -> None:
    web.dockerfile("web", "RUN --network=none head -c 9 /dev/urandom > /new\n")
    web.build()
    before = web.id("web")
    web.build(no_cache=True)
    assert web.id("web") != before
    assert web.steps() == []


# --- what BuildKit is sent --------------------------------------------------------------------


def test_an_edit_that_keeps_size_and_time_is_in_the_image(web: Built) -> None:
    _same_size_and_time(web.folder / "web")
    web.build()
    assert web.content("web", "/src/a") == "SRC/A"


def test_so_is_one_that_was_made_in_two_steps(web: Built) -> None:
    """The content that BuildKit knows under this size and time is that of the last build, not
    that of the last look."""
    place = web.folder / "web/src/a"
    status = place.stat()
    place.write_text("something else")
    assert web.steps() == [("build-image", "web")]
    place.write_text("SRC/A")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    web.build()
    assert web.content("web", "/src/a") == "SRC/A"


def test_projects_whose_contexts_are_called_alike_do_not_meet(shop: Built, tmp_path: Path) -> None:
    other = Built(tmp_path / "other", shop.client, f"{shop.name}-other")
    other.folder.mkdir()
    for project, text in ((shop, "one"), (other, "two")):
        project.dockerfile("web", "COPY a /a\n")
        os.utime(project.file("web/a", text), (1, 1))
        project.services(web={})
        project.build()
    assert shop.content("web", "/a") == "one"
    assert other.content("web", "/a") == "two"


def test_our_own_folder_is_in_no_image(shop: Built) -> None:
    shop.file("Dockerfile", f"FROM {TAG}\nCOPY . /app\nRUN --network=none ls -A /app > /list\n")
    shop.services(web={"build": {"context": "."}})
    shop.build()
    assert shop.steps() == []
    assert shop.content("web", "/list").split() == ["Dockerfile", "compose.yaml", "tasks.py"]


@pytest.mark.parametrize("step", ["true", "false"])
def test_nothing_that_follows_links_walks_in_circles_after_a_build(shop: Built, step: str) -> None:
    shop.file("Dockerfile", f"FROM {TAG}\nRUN --network=none {step}\n")
    shop.services(web={"build": {"context": "."}})
    with contextlib.suppress(TaskFailure):
        shop.build()
    assert [path for path in shop.folder.rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize(
    ("build", "files"),
    [
        pytest.param({"dockerfile_inline": f"{FROM}COPY a /a\n"}, {}, id="inline"),
        pytest.param(
            {"dockerfile": "../docker/web.Dockerfile"},
            {"docker/web.Dockerfile": f"{FROM}COPY a /a\n"},
            id="elsewhere",
        ),
        pytest.param(
            {"dockerfile": "sub/File"},
            {"web/sub/File": f"{FROM}COPY . /\n", "web/sub/File.dockerignore": "*\n!a\n"},
            id="own-ignore-file",
        ),
        pytest.param(
            {"additional_contexts": {"more": "./more"}},
            {"more/a": "here", "web/Dockerfile": f"{FROM}COPY --from=more a /a\n"},
            id="named-context",
        ),
    ],
)
def test_ways_to_write_a_build(shop: Built, build: dict[str, Any], files: dict[str, str]) -> None:
    shop.file("web/a", "here")
    for path, text in files.items():
        shop.file(path, text)
    shop.services(web={"build": build})
    shop.build()
    assert shop.content("web", "/a") == "here"
    assert shop.steps() == []


def test_what_looks_like_a_template_stays_what_it_is(shop: Built) -> None:
    shop.dockerfile("web", 'ARG A\nRUN --network=none echo "$A" > /a\n')
    shop.services(web={"build": {"args": {"A": "$${HOME}%{x}"}}})
    shop.build()
    assert shop.content("web", "/a") == "${HOME}%{x}"


# --- images upon images -----------------------------------------------------------------------


@pytest.mark.parametrize("way", ["context", "tag"])
def test_a_changed_base_takes_what_stands_on_it_along(shop: Built, way: str) -> None:
    shop.dockerfile("lower", "COPY a /a\n")
    shop.file("lower/a", "one")
    name = "lower" if way == "context" else shop.image("lower")
    shop.file("upper/Dockerfile", f"FROM {name}\nRUN --network=none cp /a /b\n")
    contexts = {"additional_contexts": {"lower": "service:lower"}} if way == "context" else {}
    shop.services(upper={"build": contexts}, lower={})
    assert shop.steps("upper") == [("build-image", "lower"), ("build-image", "upper")]
    shop.build()
    assert shop.content("upper", "/b") == "one"
    shop.file("lower/a", "two")
    shop.build()
    assert shop.content("upper", "/b") == "two"
    assert shop.steps() == []


def test_without_cache_the_base_that_was_just_built_is_stood_upon(shop: Built) -> None:
    shop.dockerfile("lower", "RUN --network=none head -c 9 /dev/urandom | od > /a\n")
    shop.file("upper/Dockerfile", "FROM lower\nRUN --network=none cp /a /b\n")
    shop.services(upper={"build": {"additional_contexts": {"lower": "service:lower"}}}, lower={})
    shop.build(no_cache=True)
    assert shop.content("upper", "/b") == shop.content("lower", "/a")


# --- side by side -----------------------------------------------------------------------------


def most_at_once(events: list[Event]) -> int:
    now = most = 0
    for event in events:
        now += {"step-started": 1, "step-done": -1}.get(event.kind, 0)
        most = max(most, now)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_as_many_images_are_built_at_once_as_was_asked(shop: Built, jobs: int) -> None:
    names = [f"s{number}" for number in range(4)]
    for name in names:
        shop.dockerfile(
            name, f"LABEL own={shop.name}-{name}-{jobs}\n" + SLEEP.format(seconds="0.3")
        )
    shop.services(**{name: {} for name in names})
    events = shop.build(jobs=jobs)
    assert most_at_once(events) == jobs
    assert {event.service for event in events if event.kind == "step-done"} == set(names)


def test_progress_names_the_step_under_way_and_the_log_holds_everything(shop: Built) -> None:
    shop.dockerfile("web", f"RUN --network=none echo {shop.name} said\n")
    shop.services(web={})
    events = shop.build()
    progress = [event.message for event in events if event.kind == "progress"]
    assert any("RUN --network=none echo" in message for message in progress)
    log = next(shop.kept.runs.glob("*/build-web.log")).read_text()
    assert re.search(rf"^#\d+ {shop.name} said$", log, re.MULTILINE)
    assert one(events, "step-done").seconds


# --- failures ---------------------------------------------------------------------------------


def test_a_step_that_fails_is_shown_with_its_last_lines_and_its_place(shop: Built) -> None:
    shop.dockerfile(
        "web", "RUN --network=none for i in $(seq 40); do echo line $i; done; \\\n  exit 3\n"
    )
    shop.services(web={})
    with pytest.raises(TaskFailure) as failure:
        shop.build()
    raised = failure.value
    assert raised.code == 7
    assert "web" in raised.message
    assert "RUN --network=none for" in raised.message
    assert raised.message.endswith("(web/Dockerfile:2)")
    assert (raised.data["file"], raised.data["line"]) == ("web/Dockerfile", 2)
    lines = raised.detail.splitlines()
    assert lines[:30] == [f"line {number}" for number in range(11, 41)]
    assert "exit code: 3" in lines[30]
    assert Path(raised.data["log"]).read_text().count("line ") >= 40


LOSES_A_LAYER = """#!/bin/sh
asked=$(cat)
case $asked in
  *no-cache*) printf %s "$asked" | {buildx} "$@"; exit ;;
esac
echo "ERROR: target image: failed to solve: layer does not exist" >&2
exit 1
"""


def test_a_layer_that_the_cache_has_lost_is_built_without_it(
    shop: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker/cli-plugins/docker-buildx"
    program.parent.mkdir(parents=True)
    program.write_text(LOSES_A_LAYER.format(buildx=shlex.join(buildx(os.environ))))
    program.chmod(0o755)
    shop.dockerfile("web", "LABEL a=1\n")
    shop.services(web={})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    events = shop.build()
    assert "lost a layer" in one(events, "warning").message
    assert shop.inspect(shop.image("web"))["Config"]["Labels"]["a"] == "1"
    assert shop.steps() == []


def test_what_is_under_way_is_ended_and_what_is_done_stays(shop: Built) -> None:
    shop.dockerfile("done", f"LABEL a={shop.name}\n")
    # So it fails once the first one is done, however long that takes.
    after = "COPY --from=done /bin/sh /tmp/sh\n"
    shop.dockerfile("fails", f"LABEL a={shop.name}\n{after}RUN --network=none false\n")
    shop.dockerfile("long", f"LABEL a={shop.name}\n" + SLEEP.format(seconds=600))
    contexts = {"build": {"additional_contexts": {"done": "service:done"}}}
    shop.services(done={}, fails=contexts, long={})
    with pytest.raises(TaskFailure, match="fails"):
        shop.build(jobs=3)
    assert shop.steps() == [("build-image", "fails"), ("build-image", "long")]


def test_an_interrupt_ends_what_is_under_way(shop: Built) -> None:
    shop.dockerfile("web", f"LABEL a={shop.name}\n" + SLEEP.format(seconds=600))
    shop.services(web={})
    events = shop.building()
    while "RUN" not in next(events).message:
        pass
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert threading.active_count() < before
    assert shop.digest_tags("web") == []


@pytest.mark.parametrize("touched", ["web/a", "web/new"])
def test_an_image_whose_files_changed_meanwhile_gets_no_digest(shop: Built, touched: str) -> None:
    shop.dockerfile("web", f"LABEL a={shop.name}\nCOPY . /app\n" + SLEEP.format(seconds=1))
    shop.file("web/a", "one")
    shop.services(web={})
    for event in shop.building():
        if "RUN" in event.message:
            shop.file(touched, "two")
    assert shop.digest_tags("web") == []
    assert shop.steps() == [("build-image", "web")]
    shop.build()
    assert shop.content("web", f"/app/{Path(touched).name}") == "two"
    assert shop.steps() == []
