"""The bind mounts that an engine of another host mounts from a volume, since only this machine has
their sources, and Compose with them: the project's files and one generated override.

An engine is asked once whether it has a source. The answer is stored for each engine, and for all
instances: containers may later leave a folder with the source's name there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from composetasks.facts import Model, World
from composetasks.facts.frozen import frozen
from composetasks.run.compose import Compose
from composetasks.store import files, folder

if TYPE_CHECKING:
    from composetasks.observe.engine.inventory import APIClient


@frozen
class SentMounts:
    """``named`` is the file that lists the sources sent to an engine, ``override`` Compose's
    override."""

    named: Path
    override: Path

    @classmethod
    def of(cls, folder: Path, own_folder: Path, address: str) -> SentMounts:
        """The mounts for the engine at ``address``; ``own_folder`` is the library's own folder of
        the project in ``folder``, or of an instance of it."""
        engine = hashlib.sha256(address.encode()).hexdigest()[:12]
        own = folder / ".composetasks" / "sent"
        return cls(own / f"{engine}.json", own_folder / "sent" / f"{engine}.yaml")

    @property
    def sources(self) -> list[str]:
        """The listed files and folders that can still be sent."""
        document = folder.read_json(self.named)
        if not document:
            return []
        from composetasks.observe.start.sent import can_be_sent

        return [one for one in document.get("sources", ()) if can_be_sent(one)]

    def add(self, sources: Iterable[str]) -> None:
        self.named.parent.mkdir(parents=True, exist_ok=True)
        folder.write_json(self.named, {"sources": sorted({*self.sources, *sources})})

    def compose(self, base: Compose, load: Callable[[], Model], cache: Path) -> Compose:
        """Compose with the override, which is written if it changed; ``load`` returns the model for
        it."""
        sources = self.sources
        if not sources:
            return base
        from composetasks.observe.start.sent import file_digests, key_of
        from composetasks.plan.instances.override import dump
        from composetasks.plan.start.sent import override

        model = load()
        single = {one: os.path.realpath(one) for one in sources if not os.path.isdir(one)}
        places = {
            source: f"{key_of(source)}/{os.path.basename(single[source])}"
            if source in single
            else key_of(source)
            for source in sources
        }
        digests = file_digests(model, single, cache)
        text = dump(override(model, places, digests, model.content_files)).lstrip("\n")
        if not self.override.exists() or self.override.read_text("utf-8", "replace") != text:
            self.override.parent.mkdir(parents=True, exist_ok=True)
            files.write(self.override, text.encode())
        return base.with_files([*map(str, model.files), str(self.override)], base.project)

    def observed(self, world: World, client: APIClient, cache: Path) -> World:
        """``world`` with the content that was sent before and the current content."""
        from composetasks.observe.start.sent import observe_sent
        from composetasks.plan.start.sent import mounted

        sent = observe_sent(world, self.sources, client, cache)
        return replace(world, sent=sent, mounted=mounted(sent))
