"""Images built by BuildKit alone, to hold our own idea of them against."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composetasks.facts import Build, BuildInputs
from composetasks.observe.engine.inventory import read_engine
from composetasks.observe.images.build_inputs import build_inputs
from tests.dockerfiles import model, service

if TYPE_CHECKING:
    from docker import APIClient


class Truth:
    """What BuildKit makes of a build section, and what we think of it."""

    def __init__(self, folder: Path, client: APIClient) -> None:
        self.folder, self.client = folder, client
        self.tag = f"ctc-truth:{uuid.uuid4().hex[:12]}"
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.engine = read_engine(client)

    def layers(self, build: Build) -> list[str]:
        """The layers of the image, as BuildKit makes them or takes them from its cache.

        The context goes under a name that BuildKit has never heard, so that it sees every edit.
        """
        alias = self.folder / uuid.uuid4().hex
        alias.symlink_to(build.context)
        definition = build.definition
        argv = ["docker", "buildx", "build", "--quiet", "--load", "--provenance=false"]
        argv += ["--tag", self.tag, "--file", f"{build.context}/{build.dockerfile}"]
        for name, value in definition.get("args", {}).items():
            argv += ["--build-arg", f"{name}={value}"]
        for name, value in definition.get("additional_contexts", {}).items():
            argv += ["--build-context", f"{name}={value}"]
        if definition.get("target"):
            argv += ["--target", definition["target"]]
        inline = definition.get("dockerfile_inline")
        if inline:
            argv[argv.index("--file") + 1] = "-"
        done = subprocess.run(
            [*argv, str(alias)],
            input=inline,
            capture_output=True,
            text=True,
            env=os.environ,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        sdk: Any = self.client
        layers: list[str] = sdk.inspect_image(self.tag)["RootFS"]["Layers"]
        return layers

    def inputs(self, build: Build) -> BuildInputs:
        """What we think the image is made from."""
        of = model(Path(build.context), service(build))
        return build_inputs(of, self.engine, self.cache, client=self.client)["app"]

    def remove(self) -> None:
        """Leave nothing on the engine."""
        subprocess.run(["docker", "image", "rm", self.tag], capture_output=True, check=False)
