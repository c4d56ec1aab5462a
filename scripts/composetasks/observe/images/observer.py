"""Observe everything that an image is built from, service by service.

``observe/images/build_inputs.py`` makes one observer for a model. For each service it reads the
``build`` section and the Dockerfile (``build_section.py``, ``stages.py``), selects the files of the
contexts that the build reads (``selection.py``), and digests them (``tree.py``).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from composetasks.facts import Build, BuildInputs, Engine, ExitCode, Hidden, Model, Service
from composetasks.facts.references import plain, registry_digest
from composetasks.observe.engine.local import is_here
from composetasks.observe.images import context_warnings
from composetasks.observe.images.base_configs import Configs
from composetasks.observe.images.build_section import (
    declared_options,
    ignore_patterns,
    read_dockerfile,
    texts,
    without_secrets,
)
from composetasks.observe.images.dockerfile import Dockerfile, Instruction
from composetasks.observe.images.ignore import Ignore
from composetasks.observe.images.listings import Listings, Unreadable
from composetasks.observe.images.mount_points import empty_ones, mount_points
from composetasks.observe.images.mounted_over import mounted_over
from composetasks.observe.images.needs import ImageConfig, Needs, UnknownTarget, is_folder
from composetasks.observe.images.selection import Selection, absent, select
from composetasks.observe.images.stages import Finder
from composetasks.observe.images.tree import Files, Reader, cache_file
from composetasks.run import file_systems
from composetasks.run.failure import TaskFailure
from composetasks.store import build_records

if TYPE_CHECKING:
    from docker import APIClient

    from composetasks.observe.engine.images import Images

VERSION = 1
"""The version of what the digest covers; a change of it rebuilds every image once."""


class ObservedBuild(NamedTuple):
    """What was observed for a service's inputs: the needs of its Dockerfile, the Dockerfile's path
    (None for an inline one), and the folder and the files of each context."""

    needs: Needs
    dockerfile: str | None
    folders: Mapping[str, str]
    files: Mapping[str, Files]


class Observer:
    """Observe the build sections of one model."""

    def __init__(
        self,
        model: Model,
        images: Engine | Images,
        cache: Path,
        client: APIClient | None,
    ) -> None:
        self.model, self.images, self.cache, self.client = model, images, cache, client
        self.listings = Listings()
        self.configs = Configs(cache, client)
        self.recorded = build_records.load_bases(cache)
        self.seen: dict[str, build_records.Base] = {}
        self.builders = model.builders()
        self.results: dict[str, BuildInputs] = {}
        self.observed: dict[str, ObservedBuild] = {}
        self.triggers: dict[str, tuple[Instruction, ...] | None] = {}
        self.under_way: list[str] = []

    def inputs(self, name: str) -> BuildInputs:
        """Return the inputs of a service, after observing the services that it is built upon."""
        if name in self.results:
            return self.results[name]
        if name in self.under_way:
            circle = " -> ".join([*self.under_way[self.under_way.index(name) :], name])
            raise TaskFailure(
                f"images are built on each other in a cycle: {circle}",
                code=ExitCode.INVALID,
                hint="remove one of these services from the cycle",
            )
        self.under_way.append(name)
        try:
            self.results[name] = self._inputs(self.model.service(name))
        finally:
            self.under_way.pop()
        return self.results[name]

    def _inputs(self, service: Service) -> BuildInputs:
        build = service.build
        assert build is not None
        options = dict(declared_options(build, service))
        self.triggers[service.name] = None
        if is_folder(build.context):
            return self._local(service, build, options)
        return self._remote(service, build, options)

    def _local(self, service: Service, build: Build, options: dict[str, str]) -> BuildInputs:
        """Return the inputs of an image whose context is a folder."""
        named = texts(build.definition.get("additional_contexts"))
        args = texts(build.definition.get("args"))
        for context in (build.context, *filter(is_folder, named.values())):
            file_systems.check_all(context)
        folder = self._folder(service, build.context, "build context")
        dockerfile, place = read_dockerfile(service, build, folder)
        needs = self._needs(service, dockerfile, build, args, named, options)
        self.triggers[service.name] = needs.onbuild
        options["dockerfile"] = needs.text
        options |= {f"build-arg.{name}": args[name] for name in sorted(needs.args)}
        folders, files = {}, {}
        missing: list[str] = []
        warnings = list(_fetch_warnings(service, needs))
        for context in sorted({source.context for source in needs.sources}):
            where = folder
            if context:
                where = self._folder(service, named[context], f"build context {context}:")
            folders[context] = where
            theirs = ignore_patterns(where, None if context else place)
            sources = [one for one in needs.sources if one.context == context]
            selected = select(where, sources)
            missing += absent(where, sources)
            files[context] = self._files(service, context, where, selected, theirs)
            warnings += context_warnings.taken_along(
                where, self.cache, Ignore(theirs), selected.roots
            )
        self.observed[service.name] = ObservedBuild(needs, place, folders, files)
        bases = self._bases(needs.images, [named[name] for name in needs.contexts], options)
        for context, read in files.items():
            warnings += context_warnings.warnings(
                service.name, folders[context], read, self.model, self.cache
            )
        inputs = self._build_inputs(service, options, bases, files, warnings)
        hidden = self._hidden(service, needs, folder)
        return replace(inputs, hidden=hidden, absent=tuple(missing))

    def _hidden(self, service: Service, needs: Needs, folder: str) -> Hidden:
        """Return the parts of the build context that all services of this image mount over; nothing
        on a remote engine, where the mounts are folders of the remote host."""
        if self.client is not None and not is_here(self.client.base_url):
            return Hidden()
        image = plain(service.image)
        users = [one for one in self.model.services.values() if plain(one.image) == image]
        return mounted_over(needs, folder, self.prefix("", folder), users)

    def _remote(self, service: Service, build: Build, options: dict[str, str]) -> BuildInputs:
        """Return the inputs of an image with a remote context: its address, and all options."""
        named = texts(build.definition.get("additional_contexts"))
        options["context"] = build.context
        options["dockerfile"] = str(build.definition.get("dockerfile_inline") or build.dockerfile)
        for name, value in texts(build.definition.get("args")).items():
            options[f"build-arg.{name}"] = value
        bases = self._bases((), list(named.values()), options)
        warning = (
            f"{service.name}: its build context {build.context} is remote; the image is rebuilt "
            "when that address or an option changes, or with --no-cache"
        )
        return self._build_inputs(service, options, bases, {}, [warning])

    def _build_inputs(
        self,
        service: Service,
        options: dict[str, str],
        bases: Mapping[str, str],
        files: Mapping[str, Files],
        warnings: list[str],
    ) -> BuildInputs:
        core = _core(options, {context: found.digest for context, found in files.items()})
        options["dockerfile"] = without_secrets(options["dockerfile"])
        return BuildInputs(
            service=service.name,
            digest=build_records.combined(core, bases),
            options={**options, **{f"base-image.{name}": base for name, base in bases.items()}},
            warnings=tuple(warnings),
            core=core,
            bases=bases,
        )

    def _needs(
        self,
        service: Service,
        dockerfile: Dockerfile,
        build: Build,
        args: Mapping[str, str],
        named: Mapping[str, str],
        options: Mapping[str, str],
    ) -> Needs:
        target = str(build.definition.get("target") or "")
        try:
            finder = Finder(dockerfile, args, named, options["platform"], self._image_config)
            return finder.find(target)
        except UnknownTarget as error:
            raise TaskFailure(
                f"{service.name}: its Dockerfile can't be built: {error}",
                code=ExitCode.INVALID,
                detail=str(build.definition.get("dockerfile", "")),
                hint="correct build.target in the compose file, or the Dockerfile",
            ) from error

    def _image_config(self, reference: str) -> ImageConfig:
        name = plain(reference)
        builder = reference.removeprefix("service:")
        if builder == reference:
            builder = self.builders.get(name, "")
        if builder and builder not in self.under_way:
            # The environment is unknown: that image may not be built yet.
            self.inputs(builder)
            return ImageConfig(onbuild=self.triggers[builder])
        image = self.images.image(reference)
        if image is not None:
            return self.configs.get(image.id)
        recorded = self.recorded.get(name)
        if recorded and recorded.image:
            return self.configs.get(recorded.image)
        return ImageConfig(onbuild=None if recorded and recorded.triggers else ())

    def _files(
        self, service: Service, context: str, where: str, selected: Selection, theirs: list[str]
    ) -> Files:
        # Exclude our own folder too, as the build does.
        own = build_records.own_pattern(where, self.cache)
        made = empty_ones(self._mount_points, where)
        ignore = Ignore([*theirs, *([own] if own else ()), *made])
        entry = cache_file(self.cache, service.name, context)
        try:
            reader = Reader(
                where, selected.roots, selected.on_the_way, ignore, entry, self.listings
            )
            return reader.read()
        except Unreadable as error:
            raise TaskFailure(
                f"{service.name}: a file of its build context can't be read: {error}",
                code=ExitCode.INVALID,
                hint="correct that, or exclude it in .dockerignore",
            ) from error

    @cached_property
    def _mount_points(self) -> frozenset[str]:
        return mount_points(self.model)

    def _bases(
        self, images: Iterable[str], contexts: Iterable[str], options: dict[str, str]
    ) -> dict[str, str]:
        """Return the identity of each base image. A named context that is neither an image nor a
        folder is added to ``options``: only its address is known."""
        bases = {reference: self._identity(reference) for reference in images}
        for value in contexts:
            kind, _, rest = value.partition(":")
            if kind == "service":
                bases[value] = self._service_identity(rest)
            elif kind == "docker-image":
                reference = rest.removeprefix("//")
                bases[reference] = self._identity(reference)
            elif not is_folder(value):
                options[f"context.{value}"] = value
        return dict(sorted(bases.items()))

    def _service_identity(self, name: str) -> str:
        """Return the identity of the image of a service that another is built upon."""
        try:
            service = self.model.service(name)
        except KeyError as error:
            raise TaskFailure(
                f"{self.under_way[-1]}: it is built on service {name}, which is not in the model",
                code=ExitCode.INVALID,
                hint="correct build.additional_contexts in the compose file",
            ) from error
        if service.build:
            return f"ct-{self.inputs(name).digest}"
        return self._identity(service.image)

    def _identity(self, reference: str) -> str:
        """Return the identity of a base image: see :class:`BuildInputs`."""
        name = plain(reference)
        if name in self.builders and self.builders[name] not in self.under_way:
            return f"ct-{self.inputs(self.builders[name]).digest}"
        image = self.images.image(reference)
        if image is None:
            return self.recorded[name].digest if name in self.recorded else ""
        identity = registry_digest(reference, image.digests) or image.id
        self.seen[name] = build_records.Base(identity, image=image.id)
        return identity

    def remember(self) -> None:
        """Store the identities of the base images, so that they stay known after a removal."""
        build_records.save_bases(self.cache, self.seen)

    def _folder(self, service: Service, context: str, what: str) -> str:
        """Return the real path of a context. Raises TaskFailure, code 6, if it is not a folder."""
        folder = os.path.realpath(context)
        if not os.path.isdir(folder):
            near = os.path.relpath(context, self.model.directory)
            shown = near if near.startswith("../") else f"./{near}"
            if near.startswith("../.."):
                shown = context
            wrong = "is not a folder" if os.path.exists(folder) else "does not exist"
            raise TaskFailure(
                f"{service.name}: {what} {shown} {wrong}",
                code=ExitCode.INVALID,
                hint="create the folder, or correct the path in the compose file",
            )
        return folder

    def with_files(self, inputs: BuildInputs) -> BuildInputs:
        """Return a service's inputs with all their files, which takes longer than their digest."""
        observed = self.observed.get(inputs.service)
        if observed is None:
            return inputs  # its context is remote
        listed = {}
        for context, read in observed.files.items():
            prefix = self.prefix(context, observed.folders[context])
            listed.update({prefix + path: text for path, text in read.entries().items()})
        return replace(inputs, files=listed)

    def prefix(self, context: str, folder: str) -> str:
        """Return the prefix of a context's paths in lists of inputs."""
        if context:
            return f"{context}:"
        relative = os.path.relpath(folder, self.model.directory)
        return "" if relative == "." else f"{relative}/"


def _core(options: Mapping[str, str], files: Mapping[str, str]) -> str:
    text = json.dumps([VERSION, sorted(options.items()), sorted(files.items())])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _fetch_warnings(service: Service, needs: Needs) -> Iterator[str]:
    for url in needs.remote:
        yield (
            f"{service.name}: what ADD fetches from {url} is checked again only when something "
            "else changed, or with --no-cache"
        )
