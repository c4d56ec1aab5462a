"""The rules of advice, and their combined advice.

Each rule yields what it found in one image and the seconds per week that following it would save:
the time of needless rebuilds, times their rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from composetasks.facts import BuildTime, Commits, Layer, LayeredImage
from composetasks.facts.paths import within
from composetasks.plan.layers.commands import (
    INSTALLS,
    CommandKind,
    cache_folder,
    commands,
    has_cache,
    mentions,
    words,
)
from composetasks.plan.layers.evidence import (
    LAYER_SECONDS,
    Advice,
    AdviceKind,
    Remedy,
    WeeklyCosts,
    names,
)
from composetasks.plan.layers.predict import files_below

SHARE = 0.5
"""The assumed share of an install that is its download, and of a mixed RUN that is its install."""
FLOATS_PER_WEEK = 0.25
"""How often a moving tag gets a new image: official images are rebuilt about monthly."""
LISTS_BYTES = 20e6
"""The approximate size of Debian's package lists in a layer."""
CHEAP_SECONDS = 1.0
VOLATILE = re.compile(
    r"(?:^|_)(?:COMMIT|SHA|REVISION|VCS_REF|BUILD_(?:DATE|TIME|NUMBER|ID|REF)|GIT_\w+|TIMESTAMP)"
    r"(?:_|=|$)"
)
UNNEEDED = re.compile(
    r"(?:^|/)(?:\.git|\.github|\.gitlab|\.idea|\.vscode|\.venv|venv|node_modules|__pycache__|docs?"
    r"|\.pytest_cache|\.mypy_cache|\.tox|\.nox|tests?|__tests__|spec)/"
    r"|(?:^|/)(?:Dockerfile[^/]*|\.dockerignore|(?:docker-)?compose[^/]*\.ya?ml|\.env"
    r"|[^/]*\.(?:md|rst|log))$"
)
CLEANS = re.compile(
    r"rm -\w+ [^&;]*/var/lib/apt/lists|rm -\w+ [^&;]*/var/cache|\bclean all\b|--no-cache\b"
)
LEAVES_LISTS = re.compile(r"(?:apt-get|apt) (?:.* )?update\b|apk (?:.* )?(?:add|update)\b")


def lock_first(costs: WeeklyCosts) -> Iterator[Advice]:
    """An install from a manifest that is copied together with code."""
    for at in costs.runs():
        kinds = [kind for kind, _ in commands(costs.layers[at])]
        if CommandKind.LISTED not in kinds or CommandKind.OPAQUE in kinds:
            continue
        copied = costs.copies(costs.before(at))
        listed = {path for one in copied for path in one.files if path in costs.manifests}
        mixed = [one for one in copied if not costs.manifests.issuperset(one.files)]
        together = [one for one in mixed if listed.intersection(one.files)]
        if not together or not listed:
            continue
        files = {path for one in mixed for path in one.files}
        rate = costs.rate(files | listed) - costs.rate(listed)
        remedy = None
        if len(mixed) == 1 and _adjoin(costs, mixed[0], at):
            added = copy_of(costs, mixed[0], sorted(listed.intersection(mixed[0].files)))
            path = costs.predictor.typical(set(mixed[0].files) - listed, costs.commits)
            remedy = Remedy(mixed[0].line, (at,), path, rate, added) if added else None
        yield Advice(
            AdviceKind.LOCK_FIRST,
            (mixed[0].line, costs.layers[at].last_line),
            f"copy only {names(sorted(listed))} before this install and the rest after it: an "
            "edit of the code then does not rerun the install",
            rate * costs.seconds(at),
            remedy,
        )


def _adjoin(costs: WeeklyCosts, copy: Layer, at: int) -> bool:
    """Whether only COPY and RUN stand between a COPY and a later RUN of its stage."""
    between = [costs.layers[one] for one in costs.before(at)]
    return all(one.keyword in ("COPY", "RUN") for one in between if copy.line <= one.line)


def copy_of(costs: WeeklyCosts, copy: Layer, paths: list[str]) -> tuple[str, ...]:
    """The COPY that copies only ``paths`` to the target of ``copy``; none if they lie in subfolders
    of its source."""
    *sources, target = words(copy)
    context = costs.image.context
    inner = [path[len(context) :] for path in paths if path.startswith(context)]
    folders = {source.strip("./") for source in sources}
    if len(folders) != 1 or {path.rpartition("/")[0] for path in inner} != folders:
        return ()
    return (" ".join(("COPY", *copy.flags, *inner, f"{target.rstrip('/')}/")),)


def split(costs: WeeklyCosts) -> Iterator[Advice]:
    """An install in the same RUN as commands that need the code."""
    for at in costs.runs():
        layer = costs.layers[at]
        kinds = [kind for kind, _ in commands(layer)]
        if CommandKind.OPAQUE not in kinds or not _installs(layer):
            continue
        copied = {path for one in costs.copies(costs.before(at)) for path in one.files}
        needed = copied & costs.manifests if CommandKind.LISTED in kinds else set()
        rate = costs.rate(copied) - costs.rate(needed)
        yield Advice(
            AdviceKind.SPLIT,
            (layer.line, layer.last_line),
            "split this RUN: move the install into its own RUN before the code is copied, and "
            "keep here only what needs the code",
            rate * costs.seconds(at) * SHARE,
        )


def merge(costs: WeeklyCosts) -> Iterator[Advice]:
    """Package lists that are fetched in one layer and used in another, and rows of small RUNs."""
    for at in costs.runs():
        row = [at]
        for following in costs.after(at):
            if costs.layers[following].keyword != "RUN":
                break
            row.append(following)
        if _only_updates(costs.layers[at]) and len(row) > 1:
            other = costs.layers[row[1]]
            yield Advice(
                AdviceKind.MERGE,
                (costs.layers[at].line, other.last_line),
                "merge these two: package lists in a layer of their own are stale when the "
                "install runs again",
                costs.rerun_rate(row[1]) * LAYER_SECONDS,
            )
            continue
        preceding = costs.before(at)
        if (
            preceding
            and costs.layers[preceding[-1]].keyword == "RUN"
            and not _only_updates(costs.layers[preceding[-1]])
        ):
            continue  # its row was handled already
        small = [
            position
            for position in row
            if costs.seconds(position) < CHEAP_SECONDS and not _installs(costs.layers[position])
        ]
        if len(small) == len(row) > 1 and all(costs.layers[one].time for one in row):
            yield Advice(
                AdviceKind.MERGE,
                (costs.layers[at].line, costs.layers[row[-1]].last_line),
                f"merge these {len(row)} RUNs: each one adds a container and a layer",
                costs.rerun_rate(at) * LAYER_SECONDS * (len(row) - 1),
            )


def _installs(layer: Layer) -> bool:
    return any(kind in INSTALLS for kind, _ in commands(layer))


def _only_updates(layer: Layer) -> bool:
    texts = [text for _, text in commands(layer)]
    return bool(texts) and all(
        re.match(r"(?:apt-get|apt|apk|yum|dnf)\b.*\b(?:update|makecache)\b", text)
        and not re.search(r"\b(?:install|add)\b", text)
        for text in texts
    )


def order(costs: WeeklyCosts) -> Iterator[Advice]:
    """Commands that need nothing of the project, but follow files that change."""
    for stage in dict.fromkeys(layer.stage for layer in costs.layers):
        own = [at for at, layer in enumerate(costs.layers) if layer.stage == stage]
        saved, last, volatile = 0.0, 0, set()
        moved: list[int] = []
        paths: set[str] = set()
        for at in own:
            layer = costs.layers[at]
            if layer.keyword != "RUN" or not _apart(layer):
                continue
            copied = costs.copies(costs.before(at))
            if any(mentions(layer.text, one) for one in copied):
                continue
            gain = costs.rate({path for one in copied for path in one.files}) * costs.seconds(at)
            if gain:
                saved, last = saved + gain, layer.last_line
                volatile |= {one.line for one in copied if costs.rate(one.files)}
                moved.append(at)
                paths |= {path for one in copied for path in one.files}
        if saved:
            first = min(volatile)
            path = costs.predictor.typical(paths, costs.commits)
            matters = ("USER", "ARG", "ENV", "SHELL")
            users = [at for at in own if costs.layers[at].keyword in matters]
            plain = not any(first <= costs.layers[at].line <= last for at in users)
            remedy = Remedy(first, tuple(moved), path, costs.rate(paths)) if plain else None
            yield Advice(
                AdviceKind.ORDER,
                (first, last),
                "move what does not need the project (packages, users) before the first COPY "
                "that changes",
                saved,
                remedy,
            )


def _apart(layer: Layer) -> bool:
    """Whether a RUN uses no files of the project."""
    kinds = [kind for kind, _ in commands(layer)]
    apart = (CommandKind.SYSTEM, CommandKind.NAMED, CommandKind.APART)
    return bool(kinds) and all(kind in apart for kind in kinds)


def volatile_value(costs: WeeklyCosts) -> Iterator[Advice]:
    """A build argument that changes with every commit, before commands that do not use it."""
    for at, layer in enumerate(costs.layers):
        if layer.keyword not in ("ARG", "ENV") or not VOLATILE.search(layer.text.split("=")[0]):
            continue
        name = re.split(r"[=\s]", layer.text.strip())[0]
        follow = costs.after(at)
        runs = [one for one in follow if costs.layers[one].keyword == "RUN"]
        idle = [one for one in runs if name not in costs.layers[one].text]
        if idle:
            yield Advice(
                AdviceKind.ORDER,
                (layer.line, costs.layers[idle[-1]].last_line),
                f"declare {name} after these RUNs: it changes with every commit, which reruns them",
                costs.commit_rate * sum(map(costs.seconds, idle)),
            )


def cache_mount(costs: WeeklyCosts) -> Iterator[Advice]:
    """An install that downloads everything again each time it runs."""
    for at in costs.runs():
        layer = costs.layers[at]
        installs = [text for kind, text in commands(layer) if kind in INSTALLS]
        folders = dict.fromkeys(filter(None, map(cache_folder, installs)))
        if not folders or has_cache(layer) or _only_updates(layer):
            continue
        mixed = any(kind is CommandKind.OPAQUE for kind, _ in commands(layer))
        share = SHARE * SHARE if mixed else SHARE
        mounts = " ".join(f"--mount=type=cache,target={folder}" for folder in folders)
        yield Advice(
            AdviceKind.CACHE_MOUNT,
            (layer.line, layer.last_line),
            f"keep its downloads between builds: RUN {mounts} ...",
            costs.rerun_rate(at) * costs.seconds(at) * share,
            Remedy(layer.line, (at,), _reached_by(costs, at), costs.rerun_rate(at), (), mounts),
        )


def _reached_by(costs: WeeklyCosts, at: int) -> str:
    """The file whose edits most often rebuild a layer; the Dockerfile if there is none."""
    files = files_below(costs.layers, at)
    return costs.predictor.typical(files, costs.commits) or costs.image.dockerfile


def lists(costs: WeeklyCosts) -> Iterator[Advice]:
    """Package lists that stay in a layer of the image."""
    for at in costs.runs():
        layer = costs.layers[at]
        mounted = any("/var/lib/apt" in flag or "/var/cache/apk" in flag for flag in layer.flags)
        texts = [text for _, text in commands(layer) if LEAVES_LISTS.search(text)]
        if at not in costs.image.chain or not texts or mounted or CLEANS.search(layer.text):
            continue
        yield Advice(
            AdviceKind.LISTS,
            (layer.line, layer.last_line),
            "keep package lists out of the layer: a cache mount on /var/lib/apt, or `rm -rf "
            "/var/lib/apt/lists/*` in the same RUN (apk: --no-cache)",
            costs.rerun_rate(at) * costs.export_seconds(LISTS_BYTES),
        )


def wide(costs: WeeklyCosts) -> Iterator[Advice]:
    """A copy of a whole folder that includes files no build needs."""
    for at, layer in enumerate(costs.layers):
        if layer not in costs.copies([at]) or "--from" in " ".join(layer.flags):
            continue
        later = " ".join(costs.layers[one].text for one in costs.after(at))
        sources = words(layer)[:-1]
        extra = {
            path
            for path in layer.files
            if UNNEEDED.search(path)
            and path.rsplit("/", 1)[-1] not in sources
            and not mentions(later, _only(layer, path))
        }
        if not extra:
            continue
        rate = costs.rate(layer.files) - costs.rate(set(layer.files) - extra)
        if any(re.search(r"(?:^|/)\.git/", path) for path in extra):
            rate = costs.commit_rate - costs.rate(set(layer.files) - extra)
        yield Advice(
            AdviceKind.WIDE,
            (layer.line, layer.last_line),
            f"exclude from the context what no step needs, in .dockerignore: {_places(extra)}",
            rate * costs.cost_from(at),
        )


def _only(layer: Layer, path: str) -> Layer:
    """A COPY of one file, without its destination."""
    folder = next((part for part in path.split("/")[:-1] if UNNEEDED.search(f"{part}/")), "")
    name = folder or path.rsplit("/", 1)[-1]
    return Layer(layer.line, layer.last_line, "COPY", (), f"{name} .", layer.stage, files=(path,))


def _places(paths: set[str]) -> str:
    """The patterns to add to an ignore file."""
    places: dict[str, None] = {}
    for path in sorted(paths):
        match = UNNEEDED.search(path)
        assert match is not None
        places[match[0].strip("/")] = None
    return names(list(places), 5)


def unread(costs: WeeklyCosts) -> Iterator[Advice]:
    """Files that are copied into a stage in which nothing reads them."""
    for at, layer in enumerate(costs.layers):
        if at in costs.image.chain or layer not in costs.copies([at]):
            continue
        follow = [costs.layers[one] for one in costs.after(at)]
        opaque = [
            later
            for later in follow
            if later.keyword == "RUN"
            and any(kind is CommandKind.OPAQUE for kind, _ in commands(later))
        ]
        target = words(layer)[-1].rstrip("/") if words(layer) else ""
        taken = [
            " ".join((*layer.flags, layer.text))
            for layer in costs.layers
            if any("from=" in flag for flag in layer.flags)
        ]
        named = any(mentions(one.text, layer) for one in follow if one.keyword == "RUN")
        if opaque or named or len(target) < 2 or any(_covers(text, target) for text in taken):
            continue
        yield Advice(
            AdviceKind.UNREAD,
            (layer.line, layer.last_line),
            f"do not copy {names(layer.files)} into this stage: nothing in it reads them",
            costs.rate(layer.files) * costs.cost_from(at),
        )


def _covers(text: str, target: str) -> bool:
    """Whether a COPY or mount from a stage takes ``target``, a part of it, or a folder above it."""
    paths = re.findall(r"(?:^|[\s=])(/[^\s,]*)", text)
    return any(within(target, path) or within(path, target) for path in paths)


def floating(costs: WeeklyCosts) -> Iterator[Advice]:
    """A base image with a moving tag."""
    for at, layer in enumerate(costs.layers):
        image = layer.image
        tag = image.rsplit("/", 1)[-1].partition(":")[2]
        if not image or layer.ours or "@" in image or tag not in ("", "latest"):
            continue
        yield Advice(
            AdviceKind.FLOATING,
            (layer.line, layer.last_line),
            f"pin a version of {image.partition(':')[0]}: the tag {tag or 'latest'} moves, and "
            "everything is rebuilt when it does",
            FLOATS_PER_WEEK * costs.cost_from(at),
        )


RULES: tuple[Callable[[WeeklyCosts], Iterator[Advice]], ...] = (
    *(lock_first, split, merge, order, volatile_value),
    *(cache_mount, lists, wide, unread, floating),
)


LEAST = 0.05
"""Seconds per week below which advice is not worth giving."""


def advise(image: LayeredImage, commits: Commits, others: Iterable[BuildTime] = ()) -> list[Advice]:
    """Advice for one image, the greatest saving first."""
    costs = WeeklyCosts(image, commits, others)
    advices = [advice for rule in RULES for advice in rule(costs)]
    worth = [advice for advice in advices if advice.saves_seconds_per_week >= LEAST]
    return sorted(worth, key=lambda one: (-one.saves_seconds_per_week, one.lines, one.kind))
