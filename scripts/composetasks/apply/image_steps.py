"""Single image steps: building, pulling, retagging, and what a registry is shared for."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from composetasks.apply import sharing
from composetasks.apply.bake import Bake, definition, run_bake
from composetasks.apply.build_failure import LOST_LAYER, build_failure, lost_layer
from composetasks.apply.events import event
from composetasks.apply.sending import prepare
from composetasks.facts import Action, BuildInputs, Event, ExitCode, Service, Step, World
from composetasks.facts.references import divided, plain, registry_digest, repository
from composetasks.run import lock, process, records
from composetasks.run.build_log import BuildLog, Vertex
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import safe

LOCK_SECONDS = 60.0
NEVER_SEEN = records.Base("")
Tell = Callable[[Event], None]


def errors() -> ModuleType:
    """The SDK's errors; it is loaded by then."""
    from docker import errors as module

    return module


@dataclass
class ImageSteps:
    """Carries out single image steps; what all of them share."""

    world: World
    compose: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    run_folder: Path
    cache: Path
    digest_now: Callable[[str], str] | None
    client: Any  # an APIClient; its stubs leave inspect_image untyped
    digests: dict[str, str | None] = field(default_factory=dict)
    targets: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    programs: set[process.Running] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def register(self, running: process.Running) -> None:
        with self.lock:
            self.programs.add(running)
        if self.stopping.is_set():
            running.end()

    def stop(self) -> None:
        """End what is under way, and let nothing more begin."""
        self.stopping.set()
        with self.lock:
            running = list(self.programs)
        for program in running:
            program.end()

    def carry_out(self, step: Step, tell: Tell) -> dict[str, Any]:
        """Do one step; what is worth knowing of its outcome. Raises TaskFailure."""
        if step.action is Action.BUILD_IMAGE:
            return self._build(step, tell)
        if step.action is Action.PUSH_IMAGE:
            return self._push(step, tell)
        if step.action is Action.RETAG_IMAGE:
            return self._retag(step)
        reference = next((one.name for one in step.because if one.kind == "shared-image"), None)
        return self._take(step, reference, tell) if reference else self._pull(step)

    def look_up(self, services: Sequence[str]) -> None:
        """Ask Compose, once, how it would build these."""
        self.targets.update(definition(self.compose, services, self.cwd, self.env))

    def _target(self, service: str) -> Mapping[str, Any]:
        with self.lock:
            if service not in self.targets:
                self.look_up([service])
            return self.targets[service]

    # --- building ---------------------------------------------------------------------------

    def _build(self, step: Step, tell: Tell) -> dict[str, Any]:
        service = self.world.model.service(step.service)
        inputs = self.world.inputs[step.service]
        target = self._target(step.service)
        project = self.world.model.directory
        sending = prepare(step.service, target, inputs, project, self.cache)
        if any(one.kind == "pull" for one in step.because):
            self._refresh(step, inputs, tell)
        bake = Bake(
            service=service,
            target=target,
            services={**self.world.model.inactive, **self.world.model.services},
            cwd=self.cwd,
            env=self.env,
            no_cache=any(one.kind == "no-cache" for one in step.because),
            shared=self.world.shared,
        )
        path = self.run_folder / f"build-{step.service}.log"
        self.digests[step.service] = None

        def started(vertex: Vertex) -> None:
            tell(event("progress", step, vertex.name))

        with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            log = BuildLog(stream)
            began = time.monotonic()
            code = run_bake(bake, sending.changes, log, started, self.register)
            if code != 0 and lost_layer(log) and not bake.no_cache:
                tell(event("warning", step, LOST_LAYER))
                log = BuildLog(stream)
                again = replace(bake, no_cache=True)
                code = run_bake(again, sending.changes, log, started, self.register)
        took = log.time(time.monotonic() - began)
        if code != 0:
            raise build_failure(service, self.world.model.directory, log, path)
        image = self.client.inspect_image(service.image)
        result = {"image": image["Id"], "same": image["Id"] == step.key, "digest": None}
        if sending.touched() or self._differs(step.service, inputs):
            # Which content BuildKit read can't be told: this image gets no digest.
            self._undigested(image["Id"])
            return {**result, "touched": True}
        digest = self._recorded(
            image["Id"],
            service,
            inputs,
            log,
            anew=any(one.kind in ("no-cache", "pull") for one in step.because),
        )
        if digest is None:
            self._undigested(image["Id"])
        records.save_steps(self.cache, inputs.service, digest or "", log.steps(), took)
        self.digests[step.service] = digest
        return {**result, "digest": digest}

    def _undigested(self, image: str) -> None:
        with self.lock:
            records.save_undigested(self.cache, image)

    def _refresh(self, step: Step, inputs: BuildInputs, tell: Tell) -> None:
        """Pull newer base images in place of those that are here and came from a registry. Those
        that never were here BuildKit looks up itself, each time."""
        for reference, identity in inputs.bases.items():
            if identity.startswith("ct-"):
                continue
            try:
                here = self.client.inspect_image(reference)
            except errors().ImageNotFound:
                continue
            if here.get("RepoDigests"):
                tell(event("progress", step, f"pulling {reference}"))
                self._pull_base(step, reference)

    def _pull_base(self, step: Step, reference: str) -> None:
        try:
            with self._log(step, "pull") as stream:
                sharing.pull(self.client, reference, stream, self.stopping)
        except sharing.Refused as refused:
            raise TaskFailure(
                f"the base image {reference} of {step.service} could not be pulled",
                code=ExitCode.BUILD_FAILED,
                detail=safe(str(refused)),
                hint="see that its registry answers, or leave out --pull",
                data={"service": step.service, "image": reference},
            ) from refused

    def _differs(self, service: str, inputs: BuildInputs) -> bool:
        """Whether a service's inputs are others than those it was built for."""
        if self.digest_now is None:
            return False
        with self.lock:
            return self.digest_now(service) != inputs.digest

    def _recorded(
        self, image_id: str, service: Service, inputs: BuildInputs, log: BuildLog, *, anew: bool
    ) -> str | None:
        """Tag an image with the digest of what it was built from, and keep that; the digest.

        None where a base image that only BuildKit has seen turns out to have triggers: those may
        have read files that are not among the inputs. The next look counts with them.
        """
        seen = {plain(name): digest for name, digest in log.bases().items()}
        found, unread = self._learned(inputs, seen, triggers=log.has_triggers())
        if unread:
            return None
        bases = {
            name: found[plain(name)].digest if plain(name) in found else self._now(name, identity)
            for name, identity in inputs.bases.items()
        }
        options = dict(inputs.options)
        options.update({f"base-image.{name}": identity for name, identity in bases.items()})
        digest = records.combined(inputs.core, bases)
        records.save_inputs(
            self.cache, replace(inputs, digest=digest, bases=bases, options=options)
        )
        self._shared_by_all(image_id, service, f"ct-{digest}", anew=anew)
        return digest

    def _shared_by_all(self, image_id: str, service: Service, shared: str, *, anew: bool) -> None:
        """Give an image the tag of its inputs; where another instance that built the same inputs
        meanwhile was first, take its image, so that all have one."""
        name = repository(service.image)
        with lock.hold(self.cache / "images.lock", "inv build", LOCK_SECONDS):
            first = image_id
            if not anew:
                with contextlib.suppress(errors().ImageNotFound):
                    first = self.client.inspect_image(f"{name}:{shared}")["Id"]
            if first == image_id:
                self.client.tag(image_id, name, shared)
            else:
                self._named(first, service)

    def _learned(
        self, inputs: BuildInputs, seen: Mapping[str, str], *, triggers: bool
    ) -> tuple[dict[str, records.Base], bool]:
        """Remember what the build showed of base images that are not here, and return it, with
        whether one of them had triggers that nobody counted with."""
        with self.lock:
            known = records.load_bases(self.cache)
            found = {}
            for name in self._not_here(inputs):
                was = known.get(name, NEVER_SEEN)
                digest = seen.get(name, was.digest)
                if triggers or name in seen:
                    # Another service may use the same image without carrying its triggers out.
                    same = was.digest == digest
                    found[name] = records.Base(
                        digest,
                        triggers or (was.triggers and same),
                        was.image if same else "",
                    )
            records.save_bases(self.cache, found)
        unread = triggers and any(not known.get(name, NEVER_SEEN).triggers for name in found)
        return found, unread

    def _not_here(self, inputs: BuildInputs) -> set[str]:
        """The base images that are no local ones, by their plain names."""
        names = set()
        for reference, identity in inputs.bases.items():
            if not identity.startswith("ct-"):
                try:
                    self.client.inspect_image(reference)
                except errors().ImageNotFound:
                    names.add(plain(reference))
        return names

    def _now(self, reference: str, identity: str) -> str:
        """What a base image is that may just have been pulled anew."""
        if not identity.startswith("sha256:"):
            return identity
        try:
            image = self.client.inspect_image(reference)
        except errors().ImageNotFound:
            return identity
        return registry_digest(reference, image.get("RepoDigests") or ()) or str(image["Id"])

    # --- pulling and retagging --------------------------------------------------------------

    def _pull(self, step: Step) -> dict[str, Any]:
        """Pull a service's image by Compose, which knows its platform and credentials."""
        argv = [*self.compose, "pull", step.service]
        lines = []
        with (
            self._log(step, "pull") as stream,
            process.Running(argv, cwd=self.cwd, env=self.env) as running,
        ):
            self.register(running)
            for line in running:
                stream.write(safe(f"{line.text}\n"))
                lines.append(line.text)
            code = running.wait()
        if code != 0:
            raise TaskFailure(
                f"the image {step.target} of {step.service} could not be pulled",
                detail=safe("\n".join(lines[-3:])),
                hint="see that the name is right and its registry answers, then run this again",
                data={"service": step.service, "image": step.target},
            )
        image = self.client.inspect_image(step.target)
        return {"image": image["Id"], "same": image["Id"] == step.key}

    # --- the shared registry ----------------------------------------------------------------

    def _take(self, step: Step, reference: str, tell: Tell) -> dict[str, Any]:
        """Take an image of the same inputs from the shared registry; build it where that fails."""
        inputs = self.world.inputs[step.service]
        try:
            with self._log(step, "pull") as stream:
                sharing.pull(self.client, reference, stream, self.stopping)
        except sharing.Refused as refused:
            message = f"{reference} could not be pulled ({refused}); it is built here"
            tell(event("warning", step, message))
            return self._build(step, tell)
        image = self.client.inspect_image(reference)
        service = self.world.model.service(step.service)
        self._named(image["Id"], service)
        self.client.tag(image["Id"], repository(service.image), f"ct-{inputs.digest}")
        self.client.remove_image(reference)
        records.save_inputs(self.cache, inputs)
        return {"image": image["Id"], "same": image["Id"] == step.key, "digest": inputs.digest}

    def _named(self, image_id: str, service: Service) -> None:
        """Give an image the names that a service's build gives it."""
        for reference in (service.image, *(service.build.tags if service.build else ())):
            name, tag, _ = divided(reference)
            self.client.tag(image_id, name, tag or "latest")

    def _push(self, step: Step, tell: Tell) -> dict[str, Any]:
        """Push a service's image under its digest, and as what other builds may begin with."""
        service, shared = self.world.model.service(step.service), self.world.shared
        digest = self.digests.get(step.service, self.world.inputs[step.service].digest)
        if digest is None or shared is None:
            return {"skipped": "nobody can say which files it was built from"}
        # Somebody may have put another image on the service's own tag.
        image = self.client.inspect_image(self._digest_tag(service, digest))["Id"]
        references = (
            shared.reference(step.service, digest),
            shared.cache_reference(step.service),
        )
        try:
            with self._log(step, "push") as stream:
                for reference in references:
                    sharing.push(self.client, image, reference, stream, self.stopping)
        except sharing.Refused as refused:
            raise TaskFailure(
                f"the image of {step.service} could not be pushed to {references[0]}",
                detail=safe(str(refused)),
                hint="see that the registry answers and that you may push there (`docker login`)",
                data={"service": step.service, "image": references[0]},
            ) from refused
        return {"image": image, "digest": digest}

    def _log(self, step: Step, kind: str) -> IO[str]:
        return (self.run_folder / f"{kind}-{step.service}.log").open(
            "a", encoding="utf-8", errors="backslashreplace"
        )

    def _digest_tag(self, service: Service, digest: str) -> str:
        """What an image of a service with these inputs is called on this engine."""
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
                hint="run this again; the image will be built",
            ) from error
        return {"image": step.key}
