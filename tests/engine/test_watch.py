"""An edit, and what it does in containers that run."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.engine.stacks import compose, docker
from tests.engine.watching import watching
from tests.project import Project

DOCKERFILE = "FROM ct-test/busybox\nCOPY . /web/\nLABEL of={name}\n"
SERVICE = """
services:
  web:
    build: web
    init: true
    user: "1000:1000"
    command: [sleep, "1000"]
    stop_grace_period: 0s
"""
ACTIONS = """
    scale: 2
    develop:
      watch:
        - path: ./web/src
          action: sync
          target: /tmp/src
          include: ["**/*.py"]
          ignore: [skipped/]
        - {path: ./web/one.conf, action: sync+restart, target: /tmp/conf/}
        - path: ./web/hooked
          action: sync+exec
          target: /tmp/hooked
          exec: {command: [sh, -c, 'echo "$$WHO of $$(pwd): $$(cat new)"'],
            working_dir: /tmp/hooked, environment: {WHO: me}}
        - {path: ./web/restarts, action: restart}
        - {path: ./web, action: rebuild, ignore: [src/, hooked/, restarts, one.conf]}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("web/Dockerfile", DOCKERFILE.format(name=project.name))
    for name in ("a", "src/kept.py", "one.conf", "hooked/old", "restarts", "README"):
        project.write(f"web/{name}", "one\n")
    project.write("web/.dockerignore", "README\nsecret*\nsrc/gone.py\nsrc\nhooked\n!src/*.py\n")
    return project


def edit(project: Project, name: str, text: str) -> None:
    """Write a file in one go, as editors do: however slow the machine is, it is one edit."""
    place = project.folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    project.write(".edited", text).rename(place)


def ids(project: Project) -> list[str]:
    return compose(project, "ps", "-q").split()


def inside(project: Project, *command: str, number: int = 1) -> str:
    return docker("exec", f"{project.name}-web-{number}", *command)


def started(project: Project) -> list[str]:
    return docker("inspect", "--format", "{{.State.StartedAt}}", *ids(project)).split()


def test_each_action_does_what_it_says_and_nothing_else(shop: Project) -> None:
    shop.compose(SERVICE + ACTIONS)
    shop.write("web/.dockerignore", "secret*\nsrc/gone.py\n")
    shop.write("web/Dockerfile", DOCKERFILE.format(name=shop.name).replace("COPY .", "COPY a"))
    with watching(shop) as watch:
        before = ids(shop)
        assert len(before) == 2
        # None of these is anybody's: they come to nothing, and before what follows.
        for name in ("src/.a.py.swp", "src/gone.py", "src/x.txt", "src/skipped/a.py", ".git/x"):
            edit(shop, f"web/{name}", "x")
        edit(shop, "web/src/deep/new.py", "new")
        done = watch.until_done("sync")
        assert done["message"] == "copied 1 file in 2 containers"
        assert {path for _, files in watch.told() for path in files} <= {
            *("web/src/deep", "web/src/deep/new.py"),
        }
        for number in (1, 2):
            assert inside(shop, "cat", "/tmp/src/deep/new.py", number=number) == "new"
        assert inside(shop, "stat", "-c", "%u:%g", "/tmp/src/deep/new.py") == "1000:1000"
        assert inside(shop, "find", "/tmp/src", "-type", "f") == "/tmp/src/deep/new.py"

        (shop.folder / "web/src/deep/new.py").unlink()
        assert watch.until_done("sync")["message"] == "removed 1 file in 2 containers"
        assert inside(shop, "find", "/tmp/src", "-type", "f") == ""

        edit(shop, "web/hooked/new", "hello")
        assert watch.until("log")["message"] == "me of /tmp/hooked: hello"
        watch.until_done("exec")
        first = started(shop)
        edit(shop, "web/one.conf", "two")
        watch.until_done("restart")
        second = started(shop)
        # Not by a command in it: engines were seen that refuse one after Compose's restart.
        seen = shop.folder / ".seen"
        docker("cp", f"{shop.name}-web-1:/tmp/conf/one.conf", str(seen))
        assert seen.read_text() == "two"
        edit(shop, "web/restarts", "two")
        watch.until_done("restart")
        assert not set(first) & set(second) | set(second) & set(started(shop))

        # An edit that the image is not made from, and one that is ignored, build nothing.
        edit(shop, "web/secret.txt", "x")
        edit(shop, "web/README", "two\n")
        none = watch.until("files-changed")
        assert (none["action"], none["message"].partition(": ")[2]) == (
            "none",
            "no image of web changes: nothing to do",
        )
        assert sorted(ids(shop)) == sorted(before)
        edit(shop, "web/a", "two\n")
        watch.until_done("rebuild")
        assert inside(shop, "cat", "/web/a", number=2) == "two"
        plans = [line for line in watch.heard if line["event"] == "plan"]
        assert plans[-1]["steps"][0]["because"][-1]["path"].startswith("web/")

        code, out = watch.end()
    assert code == 130
    assert json.loads(out.splitlines()[-1])["code"] == 130
    assert len(ids(shop)) == 2


def test_a_failure_is_explained_and_the_watch_goes_on(shop: Project) -> None:
    """A build that fails, a container that ends, one that somebody recreated; without a develop
    section an edit does what its image is made from."""
    runs = '[sh, -c, "set -e; . /web/a; touch /tmp/up; sleep 1000"]'
    check = "    healthcheck: {test: test -e /tmp/up, interval: 300ms, retries: 100}\n"
    shop.compose(SERVICE.replace('[sleep, "1000"]', runs) + check)
    shop.write("web/a", ":\n")
    with watching(shop) as watch:
        rule = {"service": "web", "action": "rebuild", "path": str(shop.folder / "web")}
        assert rule.items() <= watch.heard[-1]["rules"][0].items()
        (image,) = {docker("inspect", "--format", "{{.Image}}", one) for one in ids(shop)}
        good = (shop.folder / "web/Dockerfile").read_text()
        edit(shop, "web/Dockerfile", f"{good}RUN echo no such luck; exit 3\n")
        failed = watch.until("failure")
        assert failed["code"] == 7
        assert "no such luck" in json.dumps(failed)
        assert docker("inspect", "--format", "{{.Image}}", *ids(shop)) == image

        edit(shop, "web/Dockerfile", good)
        edit(shop, "web/a", "echo broken by an edit; exit 4\n")
        while (failed := watch.until("failure"))["code"] != 8:
            pass
        page = json.dumps(failed)
        assert "broken by an edit" in page
        assert "modified web/a" in page

        docker("rm", "-f", f"{shop.name}-web-1")
        edit(shop, "web/a", ":\necho mended\n")
        watch.until_done("rebuild")
        assert len(ids(shop)) == 1
        for name in ("README", "src/text", "a~"):
            edit(shop, f"web/{name}", "edited")
        (shop.folder / "web/hooked/old").unlink()
        edit(shop, "web/last", "1")
        watch.until_done("rebuild")
        assert watch.told()[-1] == ("rebuild", ["web/last"])
        assert watch.end()[0] == 130


NARROW = """
    develop:
      watch:
        - {path: ./web/a, action: rebuild}
        - {path: ./web, action: sync, target: /tmp/web, initial_sync: true, ignore: [Dockerfile]}
"""


def test_after_a_failed_build_its_dockerfile_is_watched_and_nothing_is_copied_twice(
    shop: Project,
) -> None:
    shop.compose(SERVICE + NARROW)
    with watching(shop) as watch:
        watch.until_done("sync")
        good = (shop.folder / "web/Dockerfile").read_text()
        edit(shop, "web/Dockerfile", f"{good}RUN echo no such luck; exit 3\n")
        edit(shop, "web/a", "two\n")
        failed = watch.until("failure")
        assert "no such luck" in json.dumps(failed)
        assert "again" not in failed["hint"]
        edit(shop, "web/Dockerfile", good)
        watch.until_done("rebuild")
        watch.until_done("sync")
        assert inside(shop, "cat", "/tmp/web/a") == "two"
        heard = len(watch.heard)
        edit(shop, "web/a", "three\n")
        watch.until_done("rebuild")
        edit(shop, "web/src/new.py", "the end\n")
        watch.until("files-changed", message="web/src/new.py was added: sync web")
        told = [one for one in watch.heard[heard:] if one["event"] == "files-changed"]
        assert [one["action"] for one in told] == ["rebuild", "sync", "sync"]
        assert inside(shop, "cat", "/tmp/web/a") == "three"
        assert watch.end()[0] == 130


def test_what_a_failed_build_lacked_is_watched_wherever_it_is(shop: Project) -> None:
    shop.write("web/src/conf/first", "")
    shop.compose(SERVICE + NARROW.replace("./web, action", "./web/src, action"))
    with watching(shop) as watch:
        watch.until_done("sync")
        good = (shop.folder / "web/Dockerfile").read_text()
        lacking = good + "COPY more/settings /settings\n"
        edit(shop, "web/Dockerfile", lacking)
        edit(shop, "web/a", "two\n")
        watch.until("failure")
        edit(shop, "web/other", "1")
        edit(shop, "web/more/settings", "plenty")
        watch.until_done("rebuild")
        assert ("rebuild", ["web/other"]) not in watch.told()
        assert inside(shop, "cat", "/settings") == "plenty"
        assert watch.end()[0] == 130


def git(project: Project, *words: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, *words], cwd=project.folder, check=True, capture_output=True)


def test_a_branch_switch_is_one_batch_and_back_again_builds_nothing(shop: Project) -> None:
    shop.compose(SERVICE)
    shop.write(".gitignore", ".composetasks\n__pycache__\n")
    git(shop, "init", "-q", "-b", "main")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "one")
    git(shop, "checkout", "-q", "-b", "other")
    for number in range(300):
        shop.write(f"web/many/{number}", "two")
    shop.write("web/a", "two")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "two")
    git(shop, "checkout", "-q", "main")
    with watching(shop) as watch:
        git(shop, "checkout", "-q", "other")
        watch.until_done("rebuild")
        ((action, files),) = watch.told()
        assert action == "rebuild"
        assert {"web/a", "web/many/0", "web/many/299"} <= set(files)
        assert inside(shop, "cat", "/web/a", "/web/many/7") == "twotwo"
        git(shop, "checkout", "-q", "main")
        watch.until_done("rebuild")
        plan = [line for line in watch.heard if line["event"] == "plan"][-1]
        assert [step["action"] for step in plan["steps"]] == ["retag-image", "recreate-container"]
        assert inside(shop, "cat", "/web/a") == "one"
        assert len(watch.told()) == 2
        assert watch.end()[0] == 130


def test_an_edit_during_a_rebuild_after_which_the_rules_are_read_again_is_seen(
    shop: Project,
) -> None:
    shop.compose(SERVICE)
    with watching(shop) as watch:
        shop.write("web/Dockerfile", DOCKERFILE.format(name=shop.name) + "LABEL more=1\n")
        shop.write("web/.dockerignore", "README\n")
        watch.until("step-done")  # the image has the file as it was
        edit(shop, "web/a", "during\n")
        watch.until_done("rebuild")
        watch.until_done("rebuild")
        assert inside(shop, "cat", "/web/a") == "during"
        # What a build keeps of its own is no ignore file of the project's.
        assert [line["event"] for line in watch.heard].count("watching") <= 2
        assert watch.end()[0] == 130


SYNCED = """
    read_only: {read_only}
    develop:
      watch:
        - {{path: ./web/src, action: sync, target: {target}, initial_sync: true}}
"""


def test_what_is_synced_is_there_from_the_beginning_and_after_a_recreation(shop: Project) -> None:
    """Also when the rules change; links are copied as links, and never followed."""
    shop.compose(SERVICE + SYNCED.format(read_only="false", target="/tmp/one"))
    os.symlink("/etc/passwd", shop.folder / "web/src/link")
    shop.write("outside/new.py", "outside")
    os.symlink(shop.folder / "outside", shop.folder / "web/src/folder")
    shop.write("web/.dockerignore", "")
    with watching(shop) as watch:
        told = watch.until("files-changed")["message"]
        assert re.fullmatch(r"initial_sync of \d+ files: sync web", told)
        watch.until_done("sync")
        assert inside(shop, "cat", "/tmp/one/kept.py") == "one"
        assert inside(shop, "readlink", "/tmp/one/link") == "/etc/passwd"
        assert "folder/new.py" not in inside(shop, "find", "/tmp/one")
        shop.compose("services: {web: [")
        assert watch.until("failure")["code"] == 6
        shop.compose(SERVICE + SYNCED.format(read_only="false", target="/tmp/two"))
        watch.until(
            "warning", message="compose.yaml was modified: `inv up` applies it to the services"
        )
        while watch.until("watching")["rules"][0]["target"] != "/tmp/two":
            pass
        watch.until_done("sync")
        compose(shop, "up", "-d", "--force-recreate")
        edit(shop, "web/src/kept.py", "two")
        watch.until_done("sync")
        assert inside(shop, "cat", "/tmp/two/kept.py") == "two"
        assert watch.end()[0] == 130


def test_a_container_that_can_not_be_written_to_is_told(shop: Project) -> None:
    shop.compose(SERVICE + SYNCED.format(read_only="true", target="/one"))
    with watching(shop) as watch:
        assert "read-only" in watch.until("failure")["message"]
        assert watch.end()[0] == 130


def test_a_plan_of_a_watch_says_what_it_would_watch_and_changes_nothing(shop: Project) -> None:
    shop.compose(SERVICE + ACTIONS)
    plan = shop.inv("watch", "--plan", "--json").document
    assert [rule["action"] for rule in plan["watch"]] == [
        *("sync", "sync+restart", "sync+exec", "restart", "rebuild"),
    ]
    assert plan["steps"][0]["action"] == "build-image"
    page = shop.inv("watch", "--plan")
    assert "copies to /tmp/src; only **/*.py; without skipped/" in page.out
    assert ids(shop) == []
    image = "services: {web: {image: ct-test/busybox, develop: {watch: ["
    shop.compose(image + "{path: ., action: rebuild}]}}}")
    refused = shop.inv("watch")
    assert (refused.code, "needs a build section" in refused.err) == (6, True)
    shop.compose("services: {web: {image: ct-test/busybox}}")
    assert (shop.inv("watch").code, ids(shop)) == (6, [])
