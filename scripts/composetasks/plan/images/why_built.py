"""The differences between the inputs of two builds, and how they are described."""

from __future__ import annotations

from collections.abc import Iterator

from composetasks.facts import BuildInputs, Evidence
from composetasks.facts.frozen import frozen

MOST_FILES = 1000
SHOWN_TEXT = 200


def differences(old: BuildInputs, new: BuildInputs) -> Iterator[Evidence]:
    """Yield the differences between two builds' inputs: options first, then files."""
    for key in sorted({*old.options, *new.options}):
        was, now = old.options.get(key), new.options.get(key)
        if was == now:
            continue
        if key == "dockerfile":
            yield _instruction_difference(was or "", now or "")
            continue
        kind, _, name = key.partition(".")
        yield Evidence(kind=kind, name=name or None, old=_shown(was), new=_shown(now))
    changed = []
    for path in changed_files(old, new):
        change = "added" if path not in old.files else "modified"
        change = change if path in new.files else "removed"
        changed.append(Evidence(kind="file", path=path, change=change))
    yield from changed[:MOST_FILES]
    if len(changed) > MOST_FILES:
        yield Evidence(kind="files", detail=f"and {len(changed) - MOST_FILES} more")


def changed_files(old: BuildInputs, new: BuildInputs) -> list[str]:
    """The paths that exist in only one of two builds' inputs or differ between them."""
    before, after = old.files, new.files
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def _instruction_difference(old: str, new: str) -> Evidence:
    """The first instruction that differs."""
    before, after = old.split("\n"), new.split("\n")
    at = 0
    while at < min(len(before), len(after)) and before[at] == after[at]:
        at += 1
    was, now = before[at : at + 1], after[at : at + 1]
    # A single inserted or deleted line is shown alone.
    if was and before[at:] == after[at + 1 :]:
        was = []
    elif now and before[at + 1 :] == after[at:]:
        now = []
    return Evidence(
        kind="dockerfile",
        old=_shown(was[0]) if was else None,
        new=_shown(now[0]) if now else None,
    )


def _shown(value: str | None) -> str | None:
    if value is None or len(value) <= SHOWN_TEXT:
        return value
    return value[: SHOWN_TEXT - 3] + "..."


@frozen
class WhyBuilt:
    """Why an image is built: the evidence (none if no build is needed), and how many files differ,
    which may be more than the evidence names."""

    evidence: tuple[Evidence, ...] = ()
    files: int = 0


def build_reason(why: WhyBuilt) -> str:
    because = why.evidence
    first = because[0]
    plain = {
        "no-image": "not on this engine",
        "no-cache": "a full rebuild was asked for",
        "pull": "newer base images were asked for",
        "no-record": "its build inputs are not recorded",
    }
    if first.kind in plain:
        return plain[first.kind]
    files = [one for one in because if one.kind == "file"]
    parts = [_option_reason(one) for one in because if one.kind not in ("file", "files")]
    if files:
        change = f"{files[0].path} was {files[0].change}"
        parts.append(
            change if why.files == 1 else f"{why.files} files changed, {files[0].path} among them"
        )
    return "; ".join(parts)


def _option_reason(evidence: Evidence) -> str:
    if evidence.kind == "base-image":
        return f"base image {evidence.name} {'changed' if evidence.new else 'is recreated'}"
    if evidence.kind == "build-arg":
        return f"build arg {evidence.name} changed"
    if evidence.kind == "dockerfile":
        return "Dockerfile changed"
    return f"{evidence.kind} changed"
