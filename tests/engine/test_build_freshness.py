"""Images that were stale where nobody expected it, and builds that nobody needed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.built import FROM, Built, own_builds
from tests.engine.busybox import TAG

BUILD, RETAG = "build-image", "retag-image"
NEW_EACH_TIME = "RUN --network=none head -c 9 /dev/urandom > /new\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Built]:
    """A project without services yet."""
    with own_builds(tmp_path / "project") as made:
        yield made


# --- what counts ------------------------------------------------------------------------------


def test_the_line_ends_of_heredocs_count(shop: Built) -> None:
    text = f"{FROM}COPY <<A <<-B /\none\nA\n\ttwo\n\tB\nRUN <<C\necho > /c\nC\n"
    place = shop.file("web/Dockerfile", text)
    shop.services(web={})
    shop.build()
    assert shop.content("web", "/A") == "one"
    place.write_bytes(text.replace("\n", "\r\n").encode())
    assert shop.steps() == [(BUILD, "web")]
    shop.build()
    said = shop.docker("run", "--rm", "--network=none", shop.image("web"), "od", "-c", "/A", "/B")
    assert said.count("\\r") == 2
    assert shop.steps() == []


def test_a_container_gets_the_new_image_that_it_mounts(shop: Built) -> None:
    shop.dockerfile("data", "COPY file /file\n")
    shop.file("data/file", "old")
    mount = {"type": "image", "source": shop.image("data"), "target": "/data"}
    build = {"image": shop.image("data"), "build": {"context": "./data"}, "scale": 0}
    shop.write({"data": build, "web": {"volumes": [mount]}})
    shop.up("web")
    assert shop.by_compose("exec", "web", "cat", "/data/file") == "old"
    shop.file("data/file", "new")
    steps = [(step.action.value, step.target) for step in shop.plan("web").steps]
    web = f"{shop.name}-web-1"
    assert steps == [(BUILD, shop.image("data")), ("recreate-container", web)]
    shop.up("web")
    assert shop.by_compose("exec", "web", "cat", "/data/file") == "new"
    assert shop.plan("web").steps == ()


def test_an_image_has_all_the_tags_that_its_build_section_names(shop: Built) -> None:
    shop.dockerfile("web", "")
    shop.services(web={})
    shop.build()
    more = f"{shop.name}-more:1"
    shop.services(web={"build": {"tags": [more]}})
    assert shop.steps() == [(RETAG, "web")]
    shop.build()
    assert shop.inspect(more)["Id"] == shop.id("web")
    assert shop.digest_tags("more") == []
    assert shop.steps() == []
    shop.dockerfile("web", "LABEL a=1\n")
    shop.build()
    assert shop.inspect(more)["Id"] == shop.id("web")
    # What somebody else put there is his.
    shop.docker("tag", TAG, more)
    assert shop.steps() == []


def test_a_build_waits_for_the_service_whose_tag_it_is_made_from(shop: Built) -> None:
    tag = f"{shop.name}-stone:1"
    shop.dockerfile("base", "COPY file /file\n")
    shop.file("base/file", "old")
    shop.file("web/Dockerfile", f"FROM {tag}\n")
    shop.services(web={}, base={"build": {"tags": [tag]}})
    shop.build("web")
    assert shop.content("web", "/file") == "old"
    shop.file("base/file", "new")
    assert shop.steps("web") == [(BUILD, "base"), (BUILD, "web")]
    shop.build("web")
    assert shop.content("web", "/file") == "new"


# --- what does not ----------------------------------------------------------------------------


def test_a_socket_in_the_context_builds_nothing(shop: Built) -> None:
    shop.dockerfile("web", "COPY . /app\n")
    shop.services(web={})
    shop.build()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(shop.folder / "web/app.sock"))
        assert shop.steps() == []


def test_a_base_image_that_was_removed_is_still_what_it_was(shop: Built) -> None:
    base = f"{shop.name}-os:1"
    shop.file("os/Dockerfile", f"{FROM}ENV SOURCE=src\n{NEW_EACH_TIME}")
    shop.docker("build", "-q", "-t", base, str(shop.folder / "os"))
    shop.file("web/Dockerfile", f"FROM {base}\nCOPY $SOURCE /src\n")
    shop.file("web/src/a", "a")
    shop.file("web/other", "other")
    shop.services(web={})
    shop.build()
    shop.docker("image", "rm", base)
    assert shop.steps() == []
    shop.file("web/other", "is not copied, as the base's environment says")
    assert shop.steps() == []
    shop.docker("build", "-q", "--no-cache", "-t", base, str(shop.folder / "os"))
    assert shop.steps() == [(BUILD, "web")]


def test_what_somebody_put_on_the_tag_after_us_stays_there(shop: Built) -> None:
    shop.dockerfile("web", f"COPY file /file\n{NEW_EACH_TIME}")
    shop.file("web/file", "a")
    shop.services(web={})
    shop.up()
    shop.by_compose("build", "--no-cache", "web")
    his = shop.id("web")
    assert shop.steps() == []
    shop.up()
    assert shop.id("web") == his
    container = shop.find(f"{shop.name}-web-1")
    assert container is not None
    assert container.image_id == his
    plan = shop.plan()
    assert plan.steps == ()
    assert "--no-cache web" in "".join(plan.warnings)
    shop.docker("tag", TAG, shop.image("web"))
    assert shop.steps() == []
    # On another branch, and back.
    shop.file("web/file", "another branch")
    shop.by_compose("build", "web")
    shop.file("web/file", "a")
    assert shop.steps() == [(RETAG, "web")]
    shop.file("web/file", "b")
    assert shop.steps() == [(BUILD, "web")]
    shop.build()
    assert shop.content("web", "/file") == "b"


def start_without_digest_tag(shop: Built) -> None:
    """As after ``docker image prune -a``, which spares the last tag of an image that is used."""
    shop.dockerfile("web", "COPY a /a\n")
    shop.file("web/a", "first")
    shop.services(web={})
    shop.up()
    for tag in shop.digest_tags("web"):
        shop.docker("rmi", tag)


def test_what_somebody_put_on_the_tag_stays_there_though_ours_lost_its_digest_tag(
    shop: Built,
) -> None:
    start_without_digest_tag(shop)
    shop.docker("tag", TAG, shop.image("web"))
    plan = shop.plan()
    assert [step.action.value for step in plan.steps] == ["recreate-container"]
    assert "was retagged by someone else" in "".join(plan.warnings)


def test_code_that_is_mounted_over_its_copy_builds_nothing(shop: Built) -> None:
    shop.dockerfile("web", "WORKDIR /app\nCOPY lock .\nRUN --network=none cp lock /l\nCOPY . .\n")
    shop.file("web/.dockerignore", "Dockerfile\n")
    for path in ("lock", "app.py", "filled/a"):
        shop.file(f"web/{path}", "old")
    mounts = ["./web:/app", "/app/filled"]
    shop.services(web={"volumes": mounts, "command": ["sleep", "3600"]})
    shop.up()
    shop.file("web/app.py", "new")
    shop.file("web/more.py", "new")
    assert shop.plan().steps == ()
    # Who asks for a build gets one.
    assert shop.steps() == [(BUILD, "web")]
    for path in ("lock", "filled/a"):
        shop.file(f"web/{path}", "new")
        assert [step.action.value for step in shop.plan().steps][:1] == [BUILD]
        shop.file(f"web/{path}", "old")
    # Another service runs the same image without the mount.
    build = {"image": shop.image("web"), "build": {"context": "./web"}}
    shop.write({"web": {**build, "volumes": mounts}, "bare": {"image": shop.image("web")}})
    assert [step.action.value for step in shop.plan().steps][:1] == [BUILD]


def test_an_image_that_runs_and_lost_its_digest_tag_is_not_built_again(shop: Built) -> None:
    start_without_digest_tag(shop)
    assert shop.plan().steps == ()
    shop.file("web/a", "second")
    assert [step.reason for step in shop.plan().steps][:1] == ["web/a was modified"]
    shop.up()
    # The first image has no tag at all now, and is still the image of the first content.
    shop.file("web/a", "first")
    assert [step.action.value for step in shop.plan().steps][:1] == [RETAG]
    shop.up()
    assert shop.content("web", "/a") == "first"


def test_a_container_that_compose_leaves_as_it_is_is_not_said_to_be_recreated(shop: Built) -> None:
    """Compose built the image, from the same files: the build here gives the same one."""
    shop.dockerfile("web", "COPY a /a\n")
    shop.file("web/a", "a")
    shop.services(web={})
    shop.by_compose("up", "-d", "--build")
    before = shop.find(f"{shop.name}-web-1")
    assert [step.action.value for step in shop.plan().steps] == [BUILD, "recreate-container"]
    done = [event.message for event in shop.up() if event.kind == "step-done"]
    assert done[-1] == "nothing changed, so it was not recreated"
    after = shop.find(f"{shop.name}-web-1")
    assert before is not None
    assert after is not None
    assert before.id == after.id


def test_folders_that_a_start_makes_to_mount_on_build_nothing(shop: Built) -> None:
    shop.dockerfile("web", "COPY . /code\n")
    shop.file("web/app.py", "a")
    mounts = ["./web:/app", "/app/node_modules", "venv:/app/tools/.venv", "./web/logs:/logs"]
    build = {"image": shop.image("web"), "build": {"context": "./web"}}
    shop.write({"web": {**build, "volumes": mounts}}, volumes={"venv": {}})
    shop.up()
    assert sorted(path.name for path in shop.folder.glob("web/*")) == [
        *("Dockerfile", "app.py", "logs", "node_modules", "tools")
    ]
    assert shop.plan().steps == ()
    shop.file("web/node_modules/left-pad/index.js", "a")
    assert [step.action.value for step in shop.plan().steps][:1] == [BUILD]
