"""The corpus on a real BuildKit: an edit of what is no input changes no layer, one of an input
does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from composetasks.facts import Build
from composetasks.observe.engine.inventory import connect
from composetasks.observe.images.dockerfile import parse
from tests.dockerfiles import Case, cases, context
from tests.engine import busybox
from tests.engine.images import Truth

pytestmark = pytest.mark.engine
MAKES = (
    "--network=none mkdir -p /out/app && head -c 9 /dev/urandom > /out/app/new; "
    "mkdir -p /src/dist || true"
)
"""Another result each time, so that an equal layer proves that the step was not run again."""

DIRECTS = {"Dockerfile", ".dockerignore", "Dockerfile.dockerignore"}
OFFLINE = [case for case in cases() if case.expected.get("offline", True)]


def on_busybox(text: str) -> str:
    """A Dockerfile that builds anywhere: every base image is busybox, and every RUN keeps its
    mounts and makes what later stages copy."""
    parsed = parse(text)
    lines = text.splitlines()
    written = [f"# escape={parsed.escape}"] if parsed.escape != "\\" else []
    stages: set[str] = set()
    for instruction in parsed.instructions:
        whole = "\n".join(lines[instruction.first_line - 1 : instruction.last_line])
        if instruction.keyword == "FROM":
            words = instruction.words()
            if words[0].lower() not in {"scratch", *stages}:
                whole = whole.replace(words[0], busybox.TAG)
            stages.update(word.lower() for word in words[2:3])
        elif instruction.keyword == "RUN":
            whole = " ".join(("RUN", *instruction.flags, MAKES))
        written.append(re.sub(r"ONBUILD RUN (--\S+) .*", rf"ONBUILD RUN \1 {MAKES}", whole))
    return "\n".join(written) + "\n"


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    busybox.image()
    client = connect()
    made = Truth(tmp_path, client)
    yield made
    made.remove()
    client.close()


def regular_files(build: Build) -> dict[str, Path]:
    """The files of all contexts by the names inputs have, without those that direct the build."""
    named = build.definition["additional_contexts"]
    results = {}
    for prefix, folder in {
        "": build.context,
        **{f"{name}:": named[name] for name in named},
    }.items():
        for path in Path(folder).rglob("*"):
            if path.is_file() and not path.is_symlink() and path.name not in DIRECTS:
                results[f"{prefix}{path.relative_to(folder)}"] = path
    return results


def edited(path: Path) -> None:
    path.write_text(path.read_text() + "edited\n")


@pytest.mark.parametrize("case", OFFLINE, ids=str)
def test_an_edit_changes_the_image_where_it_is_an_input(
    case: Case, tmp_path: Path, truth: Truth
) -> None:
    inline = case.expected.get("build", {}).get("dockerfile_inline")
    build = context(case, tmp_path / "case", on_busybox(case.dockerfile))
    if inline:
        build = replace(
            build, definition={**build.definition, "dockerfile_inline": on_busybox(inline)}
        )
    before, was = truth.layers(build), truth.inputs(build)
    assert {path for path, text in was.files.items() if text[0] != "d"} == set(
        case.expected["files"]
    )
    files = regular_files(build)
    for name in files.keys() - set(was.files):
        edited(files[name])
    assert truth.inputs(build).digest == was.digest
    assert truth.layers(build) == before
    for name in files.keys() & set(was.files):
        edited(files[name])
    assert truth.inputs(build).digest != was.digest
    assert truth.layers(build) != before
