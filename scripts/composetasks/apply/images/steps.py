"""Single image steps: build, pull and retag, and exchange with a shared registry.

``apply/images/build.py`` calls :meth:`ImageSteps.carry_out` for each step, from several threads;
``build_record.py`` tags and records what a build made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

from composetasks.apply.images import sharing
from composetasks.apply.images.bake import Bake, definition, run_bake
from composetasks.apply.images.build_failure import LOST_LAYER, build_failure, lost_layer
from composetasks.apply.images.build_record import BuildRecord, errors, named
from composetasks.apply.images.sent_context import prepared
from composetasks.apply.tools import Tools, event
from composetasks.facts import (
    BuildImage,
    BuildInputs,
    Event,
    ExitCode,
    ImageOperation,
    PullImage,
    PushImage,
    RetagImage,
    Service,
    Step,
    World,
)
from composetasks.facts.references import divided, repository
from composetasks.observe.images.build_inputs import digest_of
from composetasks.run import process, waiting
from composetasks.run.build_log import BuildLog, Vertex
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe
from composetasks.store import build_records
from composetasks.store.run_record import log_file

Tell = Callable[[Event], None]


@dataclass
class ImageSteps:
    """Carries out single image steps, with the data that all of them share."""

    world: World
    tools: Tools
    digests: dict[str, str | None] = field(default_factory=dict)
    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    programs: set[process.Running] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.client: Any = self.tools.client  # its stubs leave inspect_image untyped
        self._record = BuildRecord(self.client, self.tools.cache, self.lock)

    def register(self, running: process.Running) -> None:
        with self.lock:
            self.programs.add(running)
        if self.stopping.is_set():
            running.end()

    def stop(self) -> None:
        """End the running programs and let no other begin."""
        self.stopping.set()
        with self.lock:
            running = list(self.programs)
        for program in running:
            program.end()

    def carry_out(self, step: Step, tell: Tell) -> dict[str, Any]:
        """Carry out one step; return data about its outcome. Raises TaskFailure."""
        operation = step.operation
        assert isinstance(operation, ImageOperation)
        match operation:
            case BuildImage():
                return self._build(step, operation, tell)
            case PushImage():
                return self._push(step)
            case RetagImage():
                return self._retag(step)
            case PullImage(shared=""):
                return self._pull(step)
            case PullImage():
                return self._take(step, operation.shared, tell)

    def look_up(self, services: Sequence[str]) -> None:
        """Ask Compose, in one call, how it would build these services."""
        compose = self.tools.compose
        definitions = definition(compose.argv(), services, compose.folder, compose.environment)
        self.targets.update(definitions)

    def _target(self, service: str) -> Mapping[str, Any]:
        with self.lock:
            if service not in self.targets:
                self.look_up([service])
            return self.targets[service]

    # --- building ---------------------------------------------------------------------------

    def _build(self, step: Step, build: BuildImage, tell: Tell) -> dict[str, Any]:
        service = self.world.model.service(step.service)
        inputs = self.world.inputs[step.service]
        target = self._target(step.service)
        project = self.world.model.directory
        if build.pull:
            self._refresh(step, inputs, tell)
        bake = Bake(
            service=service,
            target=target,
            services={**self.world.model.inactive, **self.world.model.services},
            cwd=self.tools.compose.folder,
            env=self.tools.compose.environment,
            no_cache=build.no_cache,
            shared=self.world.shared,
        )
        path = self.tools.run_folder / f"build-{step.service}.log"
        self.digests[step.service] = None

        def started(vertex: Vertex) -> None:
            tell(event("progress", step, vertex.name))

        with (
            prepared(step.service, target, inputs, project, self.tools) as sent,
            log_file(path) as stream,
        ):
            log = BuildLog(stream)
            began = time.monotonic()
            within = self.client.timeout * waiting.WORK
            code = run_bake(bake, sent.changes, log, started, self.register, within=within)
            if code != 0 and lost_layer(log) and not bake.no_cache:
                tell(event("warning", step, LOST_LAYER))
                log = BuildLog(stream)
                again = replace(bake, no_cache=True)
                code = run_bake(again, sent.changes, log, started, self.register, within=within)
        took = log.time(time.monotonic() - began)
        if code != 0:
            raise build_failure(service, self.world.model.directory, log, path)
        image = self.client.inspect_image(service.image)
        result = {"image": image["Id"], "same": image["Id"] == step.key, "digest": None}
        if sent.touched() or self._differs(step.service, inputs):
            # It is unknown which content BuildKit read: this image gets no digest.
            self._record.undigested(image["Id"])
            return {**result, "touched": True}
        digest = self._record.built(
            image["Id"],
            service,
            inputs,
            log,
            uncached=build.no_cache or build.pull,
        )
        build_records.save_times(self.tools.cache, inputs.service, log.steps(), took)
        self.digests[step.service] = digest
        return {**result, "digest": digest}

    def _refresh(self, step: Step, inputs: BuildInputs, tell: Tell) -> None:
        """Pull newer versions of the base images that are on the engine and came from a registry.
        BuildKit itself looks up those that are not on the engine, each time."""
        for reference, identity in inputs.bases.items():
            if identity.startswith("ct-"):
                continue
            try:
                record = self.client.inspect_image(reference)
            except errors().ImageNotFound:
                continue
            if record.get("RepoDigests"):
                tell(event("progress", step, f"pulling {reference}"))
                self._pull_base(step, reference)

    def _pull_base(self, step: Step, reference: str) -> None:
        try:
            with self._log(step, "pull") as stream:
                sharing.pull(self.client, reference, stream, self.stopping)
        except sharing.RegistryRefused as refused:
            raise TaskFailure(
                f"the base image {reference} of {step.service} could not be pulled",
                code=ExitCode.BUILD_FAILED,
                detail=safe(str(refused)),
                hint="make sure that its registry answers, or omit --pull",
                data={"service": step.service, "image": reference},
            ) from refused

    def _differs(self, service: str, inputs: BuildInputs) -> bool:
        """Whether a service's inputs differ from those it was built from."""
        world = self.world
        with self.lock:
            now = digest_of(service, world.model, world.engine, self.tools.cache, self.client)
        return now != inputs.digest

    # --- pulling and retagging --------------------------------------------------------------

    def _pull(self, step: Step) -> dict[str, Any]:
        """Pull a service's image with Compose, which knows its platform and credentials."""
        lines = []
        with (
            self._log(step, "pull") as stream,
            self.tools.compose.start("pull", step.service) as running,
        ):
            self.register(running)
            for line in running:
                stream.write(safe(f"{line.text}\n"))
                lines.append(line.text)
            code = running.wait()
        if code != 0:
            raise TaskFailure(
                f"the image {step.target} of {step.service} could not be pulled",
                detail=safe("\n".join(dict.fromkeys(lines[-3:]))),
                hint="check the name and that its registry answers, then run the task again",
                data={"service": step.service, "image": step.target},
            )
        image = self.client.inspect_image(step.target)
        return {"image": image["Id"], "same": image["Id"] == step.key}

    # --- the shared registry ----------------------------------------------------------------

    def _take(self, step: Step, reference: str, tell: Tell) -> dict[str, Any]:
        """Pull an image of the same inputs from the shared registry; if that fails, build it."""
        inputs = self.world.inputs[step.service]
        try:
            with self._log(step, "pull") as stream:
                sharing.pull(self.client, reference, stream, self.stopping)
        except sharing.RegistryRefused as refused:
            message = f"{reference} could not be pulled ({refused}); building it here"
            tell(event("warning", step, message))
            return self._build(step, BuildImage(), tell)
        image = self.client.inspect_image(reference)
        service = self.world.model.service(step.service)
        named(self.client, image["Id"], service)
        self.client.tag(image["Id"], repository(service.image), f"ct-{inputs.digest}")
        self.client.remove_image(reference)
        build_records.save_inputs(self.tools.cache, inputs)
        return {"image": image["Id"], "same": image["Id"] == step.key, "digest": inputs.digest}

    def _push(self, step: Step) -> dict[str, Any]:
        """Push a service's image under its digest, and as a cache for other builds."""
        service, shared = self.world.model.service(step.service), self.world.shared
        digest = self.digests.get(step.service, self.world.inputs[step.service].digest)
        if digest is None or shared is None:
            return {"skipped": "it is unknown which files it was built from"}
        # Somebody may have given the service's tag to another image.
        image = self.client.inspect_image(self._digest_tag(service, digest))["Id"]
        references = (
            shared.reference(step.service, digest),
            shared.cache_reference(step.service),
        )
        try:
            with self._log(step, "push") as stream:
                for reference in references:
                    sharing.push(self.client, image, reference, stream, self.stopping)
        except sharing.RegistryRefused as refused:
            raise TaskFailure(
                f"the image of {step.service} could not be pushed to {references[0]}",
                detail=safe(str(refused)),
                hint="make sure that the registry answers and that you may push to it "
                "(`docker login`)",
                data={"service": step.service, "image": references[0]},
            ) from refused
        return {"image": image, "digest": digest}

    def _log(self, step: Step, kind: str) -> IO[str]:
        return log_file(self.tools.run_folder / f"{kind}-{step.service}.log")

    def _digest_tag(self, service: Service, digest: str) -> str:
        """The tag of a service's image with these inputs on this engine."""
        tagged = f"{repository(service.image)}:ct-{digest}"
        try:
            self.client.inspect_image(tagged)
        except errors().ImageNotFound:
            return service.image
        return tagged

    def _retag(self, step: Step) -> dict[str, Any]:
        name, tag, _ = divided(step.target)
        digest = self.world.inputs[step.service].digest
        try:
            self.client.tag(step.key, name, tag or "latest")
            if step.target == self.world.model.service(step.service).image:
                self.client.tag(step.key, name, f"ct-{digest}")
        except errors().ImageNotFound as error:
            raise TaskFailure(
                f"the image {step.key[:19]} was removed after the plan was made",
                code=ExitCode.CONFLICT,
                hint="run the task again to build the image",
            ) from error
        return {"image": step.key}
