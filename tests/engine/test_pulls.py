"""Images from a registry, pulled when Compose would: the same ``pull_policy``, the same content."""

from __future__ import annotations

from pathlib import Path

from tests.engine import registry
from tests.engine.stacks import docker, wait_until
from tests.project import Project

TWO = """
services:
  often: {image: "%s", init: true, command: [sleep, "1000"], pull_policy: "${POLICY}"}
  like: {image: "%s", init: true, command: [sleep, "1000"]}
"""


def pushed(tag: str, label: str) -> None:
    recorded_configs = docker("create", "ct-test/busybox", "true")
    docker("commit", "--change", f"LABEL made={label}", recorded_configs, tag)
    docker("rm", recorded_configs)
    docker("push", tag)


def test_an_image_for_another_platform_is_pulled(project: Project, tmp_path: Path) -> None:
    place = tmp_path / "registry"
    place.mkdir()
    architecture = docker("image", "inspect", "-f", "{{.Architecture}}", "ct-test/busybox")
    other = "amd64" if architecture == "arm64" else "arm64"
    with registry.running(place) as address:
        tag, archive = f"{address}/{project.name}:1", str(tmp_path / "archive.tar")
        project.compose(
            f"services: {{a: {{image: {tag}, init: true, command: [sleep, '1000'],\n"
            f"  stop_grace_period: 0s, platform: linux/{architecture}}}}}\n"
        )
        try:
            pushed(tag, "right")
            recorded_configs = docker("create", "ct-test/busybox", "true")
            docker("export", "-o", archive, recorded_configs)
            docker("rm", recorded_configs)
            docker("import", "--platform", f"linux/{other}", archive, tag)
            plan = project.inv("up", "--plan")
            assert f"is for linux/{other}" in plan.out
            ran = project.inv("up")
            assert ran.code == 0, ran.err
            format_ = '{{index .Config.Labels "made"}}'
            assert docker("inspect", "-f", format_, f"{project.name}-a-1") == "right"
            assert project.plan("up") == []
        finally:
            docker("rm", "-f", f"{project.name}-a-1", check=False)
            docker("rmi", "-f", tag, check=False)


def test_an_image_older_than_its_pull_policy_allows_is_pulled(
    project: Project, tmp_path: Path
) -> None:
    place = tmp_path / "registry"
    place.mkdir()
    with registry.running(place) as address:
        tag, kept = f"{address}/{project.name}:1", f"{project.name}:kept"
        project.compose(TWO % (tag, tag))
        try:
            pushed(tag, "one")
            docker("tag", tag, kept)
            assert project.inv("up", POLICY="daily").code == 0
            pushed(tag, "two")
            docker("tag", kept, tag)
            assert project.plan("up", POLICY="weekly") == []
            assert project.plan("up", POLICY="every_2w1d") == []

            wait_until(lambda: project.plan("up", POLICY="every_1s") != [])
            plan = project.inv("up", "--plan", POLICY="every_1s")
            assert "pull_policy is every_1s" in plan.out
            assert project.inv("up", POLICY="every_1s").code == 0

            format_ = '{{index .Config.Labels "made"}}'
            for service in ("often", "like"):
                name = f"{project.name}-{service}-1"
                assert docker("inspect", "-f", format_, name) == "two", service
            assert project.plan("up", POLICY="daily") == []
        finally:
            docker("rm", "-f", f"{project.name}-often-1", f"{project.name}-like-1", check=False)
            docker("rmi", "-f", tag, kept, check=False)
