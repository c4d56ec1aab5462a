"""A project on the real engine whose images a test builds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composetasks.apply.carry_out import carry_out
from composetasks.apply.tools import Tools
from composetasks.facts import Event, Plan
from composetasks.observe.engine.inventory import connect
from composetasks.plan.images.decisions import plan_build
from composetasks.run.settings import Limits
from tests.engine.busybox import TAG
from tests.engine.planned import Planned

FROM = f"FROM {TAG}\n"


@dataclass
class Built(Planned):
    """Services ``web`` ... with contexts of the same names in the project's folder."""

    def services(self, **services: dict[str, Any]) -> None:
        """Write the compose file; each service builds from the folder of its name unless it says
        otherwise."""
        whole = {}
        for name, one in services.items():
            build = {"context": f"./{name}", **one.pop("build", {})}
            whole[name] = {"image": self.image(name), "build": build, **one}
        self.write(whole)

    def image(self, service: str) -> str:
        return f"{self.name}-{service}:latest"

    def file(self, path: str, text: str) -> Path:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def dockerfile(self, service: str, text: str) -> None:
        self.file(f"{service}/Dockerfile", FROM + text)

    # --- building ---------------------------------------------------------------------------

    def planned_build(self, *names: str, **options: bool) -> Plan:
        return plan_build(self.world(), names, **options)

    def steps(self, *names: str, **options: bool) -> list[tuple[str, str]]:
        """The image steps of a build, as action and service."""
        plan = self.planned_build(*names, **options)
        return [(step.action.value, step.service) for step in plan.steps]

    def building(self, *names: str, jobs: int | None = None, **options: bool) -> Iterator[Event]:
        """Build what the plan says, event by event."""
        world = self.world(rebuild=bool(options))
        tools = Tools(
            self.compose,
            self.client,
            self.kept.new_run("build"),
            self.kept.cache,
            Limits(jobs=jobs),
        )
        yield from carry_out(plan_build(world, names, **options), world, tools)

    def build(self, *names: str, jobs: int | None = None, **options: bool) -> list[Event]:
        return list(self.building(*names, jobs=jobs, **options))

    # --- looking at images ------------------------------------------------------------------

    def inspect(self, reference: str) -> dict[str, Any]:
        sdk: Any = self.client
        result: dict[str, Any] = sdk.inspect_image(reference)
        return result

    def id(self, service: str) -> str:
        return str(self.inspect(self.image(service))["Id"])

    def layers(self, service: str) -> list[str]:
        return list(self.inspect(self.image(service))["RootFS"]["Layers"])

    def content(self, service: str, path: str) -> str:
        """What a file of the image holds."""
        return self.docker("run", "--rm", "--network=none", self.image(service), "cat", path)

    def digest_tags(self, service: str) -> list[str]:
        """The digest tags of a service's repository."""
        prefix = f"{self.name}-{service}:ct-"
        return sorted(
            tag
            for image in self.world().engine.images
            for tag in image.tags
            if tag.startswith(prefix)
        )

    def remove_everything(self) -> None:
        super().remove_everything()
        for image in self.client.images():
            for tag in image.get("RepoTags") or ():
                if tag.startswith(self.name):
                    self.client.remove_image(tag, force=True)


@contextmanager
def own_builds(folder: Path) -> Iterator[Built]:
    """A project without services yet, of which nothing stays."""
    client = connect()
    made = Built(folder, client)
    made.folder.mkdir()
    yield made
    made.remove_everything()
    client.close()
