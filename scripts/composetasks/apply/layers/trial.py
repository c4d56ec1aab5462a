"""A copy of a project in which images are built for a trial, under their own names, which are
removed at the end. The project itself is not changed."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from composetasks.apply.images.bake import Bake, run_bake
from composetasks.facts import ExitCode, LayeredImage, Service
from composetasks.facts.program import task
from composetasks.run import external_failures, git, process, waiting
from composetasks.run.build_log import BuildLog
from composetasks.run.failure import TaskFailure
from composetasks.store import build_records
from composetasks.store.folder import OWN_FOLDER

REPOSITORY = "composetasks-trial"


class Outcome(NamedTuple):
    """The seconds of a build, without waiting for other builds, and the steps that were not in the
    builder's cache."""

    seconds: float
    ran: tuple[str, ...]


def ran(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The instructions among a build's steps that were executed, not cached."""
    for step in steps:
        name = build_records.COUNTED.sub("", str(step["name"]))
        if not step["cached"] and not name.startswith(("FROM ", "exporting")):
            yield name


def copy_project(directory: Path, target: Path) -> Path:
    """Copy the files of the project in ``directory`` that git tracks or does not ignore; without
    git, all files outside the library's folder. Return the path of ``directory`` within ``target``.

    Files get a new time: BuildKit requests a file again only if its size or time differ.
    """
    directory = Path(os.path.realpath(directory))
    top, paths = _files(directory)
    for path in paths:
        source, place = top / path, target / path
        _folders(source.parent, place.parent, top)
        with contextlib.suppress(FileNotFoundError):  # tracked by git, but deleted
            if source.is_symlink():
                place.symlink_to(os.readlink(source))
            elif source.is_file():
                shutil.copyfile(source, place)
                shutil.copymode(source, place)
    inner = target / directory.relative_to(top)
    inner.mkdir(parents=True, exist_ok=True)
    return inner


def _folders(source: Path, place: Path, top: Path) -> None:
    """Create a folder and its parents with the modes of the originals: these are inputs too."""
    if place.exists():
        return
    if source != top:
        _folders(source.parent, place.parent, top)
    place.mkdir(parents=True, exist_ok=True)
    shutil.copymode(source, place)


def _files(directory: Path) -> tuple[Path, list[str]]:
    try:
        top = git.run(directory, "rev-parse", "--show-toplevel").stdout.strip()
        listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        listed = git.run(top, *listing).stdout
    except process.ProgramError:
        return directory, list(_walked(directory))
    return Path(top), [path for path in listed.split("\0") if path]


def _walked(directory: Path) -> Iterator[str]:
    for place, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name not in (OWN_FOLDER, ".git")]
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(place, name), directory)


@dataclass
class Trial:
    """Builds images of ``project`` in ``directory`` from a copy, while used as a context manager.

    ``targets`` are Compose's bake targets by service, ``cache`` is the folder of the step times.
    """

    project: str
    directory: Path
    services: Mapping[str, Service]
    targets: Mapping[str, Mapping[str, Any]]
    env: Mapping[str, str]
    client: Any  # an APIClient; its stubs leave much untyped
    cache: Path
    tags: list[str] = field(default_factory=list)

    def __enter__(self) -> Trial:
        self._folder = Path(tempfile.mkdtemp(prefix="composetasks-trial-"))
        # A project's name may contain characters that a repository's may not.
        owner = re.sub("[^a-z0-9]+", "-", self.project).strip("-")
        self._name = f"{REPOSITORY}/{owner}-{secrets.token_hex(4)}"
        try:
            self.copy = copy_project(self.directory, self._folder / "project")
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from docker.errors import DockerException

        shutil.rmtree(self._folder, ignore_errors=True)
        for tag in self.tags:
            with contextlib.suppress(DockerException):
                self.client.remove_image(tag, force=True)

    # --- building ---------------------------------------------------------------------------

    def dockerfile(self, service: str) -> str:
        """The text of a service's Dockerfile."""
        target = self.targets[service]
        inline = target.get("dockerfile-inline")
        if inline:
            return str(inline)
        context = str(target.get("context", ""))
        place = os.path.join(context, str(target.get("dockerfile") or "Dockerfile"))
        if not os.path.exists(place):
            place = os.path.join(context, "dockerfile")  # BuildKit accepts this name too
        return Path(place).read_text("utf-8", "surrogateescape")

    def build(self, image: LayeredImage, dockerfile: str | None = None) -> Outcome:
        """Build an image from the current state of the copy, with ``dockerfile`` as its Dockerfile
        if that is given. Raises TaskFailure, code 7."""
        service = image.service
        target = self._target(service)
        text = self.dockerfile(service) if dockerfile is None else dockerfile
        place = self._folder / "dockerfiles" / service / "Dockerfile"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8", "surrogateescape", "")
        self._ignore(service, place)
        bake = Bake(
            self.services[service], target, self.services, self.copy, self.env, no_cache=False
        )
        places = {"context": str(target["context"]), "dockerfile": str(place)}
        log = BuildLog(io.StringIO())
        began = time.monotonic()
        code = run_bake(
            *(bake, places, log, lambda vertex: None, lambda running: None),
            within=self.client.timeout * waiting.WORK,
        )
        took = log.time(time.monotonic() - began)
        if code != 0:
            failed = log.failed()
            cure = external_failures.cure(
                log.detail(), f"make sure that {task(f'build {service}')} succeeds"
            )
            raise TaskFailure(
                f"the copy of {service} could not be built: {failed.name if failed else 'at all'}",
                code=ExitCode.BUILD_FAILED,
                detail=log.detail(),
                hint=f"{cure}; the project was not touched",
            )
        build_records.save_times(self.cache, service, log.steps(), took)
        return Outcome(took.seconds - log.waited(), tuple(ran(log.steps())))

    def _target(self, service: str) -> dict[str, Any]:
        """A service's bake target with its folders in the copy and its own tag."""
        target = dict(self.targets[service])
        target["context"] = self._copied(str(target.get("context", "")))
        contexts = target.get("contexts") or {}
        target["contexts"] = {name: self._copied(str(value)) for name, value in contexts.items()}
        tag = f"{self._name}:{service.lower()}"
        if tag not in self.tags:
            self.tags.append(tag)
        target["tags"] = [tag]
        for name in ("cache-to", "output"):
            target.pop(name, None)
        return target

    def _ignore(self, service: str, place: Path) -> None:
        """Copy the ignore file of the Dockerfile, if there is one, beside the Dockerfile's copy."""
        target = self.targets[service]
        own = os.path.join(
            self._copied(str(target.get("context", ""))),
            f"{target.get('dockerfile') or 'Dockerfile'}.dockerignore",
        )
        if not target.get("dockerfile-inline") and os.path.exists(own):
            shutil.copyfile(own, place.with_name("Dockerfile.dockerignore"))

    def _copied(self, path: str) -> str:
        """The path of a folder in the copy; the same path if it is outside the project."""
        top = self._folder / "project"
        depth = len(self.copy.relative_to(top).parts)
        here = Path(os.path.realpath(self.directory))
        original = (here, *here.parents)[depth]
        real = Path(os.path.realpath(path)) if os.path.isabs(path) else Path(path)
        return str(top / real.relative_to(original)) if real.is_relative_to(original) else path

    # --- edits ------------------------------------------------------------------------------

    def place(self, path: str) -> Path | None:
        """The path of a project file in the copy; None for a file that was not copied."""
        place = Path(os.path.normpath(self.copy / path))
        inside = self._folder / "project" in place.parents
        return place if inside and place.is_file() and not place.is_symlink() else None

    def other_base(self, reference: str) -> str | None:
        """An image that differs from ``reference`` by one file; None if the engine lacks it."""
        from docker.errors import ImageNotFound

        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(".composetasks-trial")
            content = secrets.token_hex(16).encode()
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        try:
            # It is never started, but an image without a command requires one here.
            container = self.client.create_container(reference, command=["none"])["Id"]
        except ImageNotFound:
            return None
        try:
            self.client.put_archive(container, "/", archive.getvalue())
            tag = f"base-{len(self.tags)}"
            self.client.commit(container, repository=self._name, tag=tag)
        finally:
            self.client.remove_container(container, force=True)
        self.tags.append(f"{self._name}:{tag}")
        return self.tags[-1]
