"""Edits change what a build reads, and nothing of what it does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from composetasks.facts import Layer
from composetasks.observe.images.dockerfile import parse
from composetasks.plan.layers.edits import edited, edited_dockerfile, with_other_bases

TEXT = """# syntax=docker/dockerfile:1
FROM --platform=linux/amd64 debian:12 \\
    AS build
RUN make \\
    all
FROM nginx
COPY --from=build /out /out
"""


def layers() -> tuple[Layer, ...]:
    return tuple(
        Layer(
            instruction.first_line,
            instruction.last_line,
            instruction.keyword,
            instruction.flags,
            instruction.text,
            stage=0,
            image=instruction.words()[0] if instruction.keyword == "FROM" else "",
        )
        for instruction in parse(TEXT).instructions
    )


@pytest.mark.parametrize(
    "path", ["a.py", "x/a.json", "a.yml", "a.toml", "Makefile", "a.bin", "a.go"]
)
@pytest.mark.parametrize("content", [b"", b"{}", b"a\n"])
def test_each_edit_of_a_file_is_another(path: str, content: bytes) -> None:
    results = {edited(path, content, token) for token in (0, 1, 7, 900)}
    assert len(results) == 4
    assert content not in results
    assert all(one.startswith(content) for one in results)


def test_an_edited_file_says_what_it_said() -> None:
    assert json.loads(edited("a.json", b'{"a": 1}', 12)) == {"a": 1}
    assert yaml.safe_load(edited("a.yaml", b"a: 1", 12)) == {"a": 1}
    assert edited("poetry.lock", b"a = 1", 12) == b"a = 1\n# 12\n"
    values: dict[str, int] = {}
    exec(edited("a.py", b"a = 1", 12), values)  # noqa: S102
    assert values["a"] == 1


def test_a_run_is_carried_out_again_where_a_variable_before_it_differs() -> None:
    _, run, _, _ = layers()
    new = parse(edited_dockerfile(TEXT, run, 5)).instructions
    assert [one.keyword for one in new] == ["FROM", "ENV", "RUN", "FROM", "COPY"]
    assert new[2].text == parse(TEXT).instructions[1].text


def test_a_copy_is_carried_out_again_where_a_layer_before_it_differs() -> None:
    copy = layers()[-1]
    new = parse(edited_dockerfile(TEXT, copy, 5)).instructions
    assert [one.keyword for one in new] == ["FROM", "RUN", "FROM", "COPY", "COPY"]
    assert new[3].heredocs == (("COMPOSETASKS_TRIAL", "5"),)


def test_what_a_base_image_triggers_is_edited_after_its_from() -> None:
    first, run, _, _ = layers()
    trigger = replace(run, line=first.line, last_line=first.last_line)
    new = parse(edited_dockerfile(TEXT, trigger, 5)).instructions
    assert [one.keyword for one in new] == ["FROM", "ENV", "RUN", "FROM", "COPY"]


def test_other_bases_take_the_place_of_those_that_were_named() -> None:
    new = parse(with_other_bases(TEXT, layers(), {"debian:12": "other:1"}))
    first, _, second, _ = new.instructions
    assert (first.flags, first.words()) == (("--platform=linux/amd64",), ["other:1", "AS", "build"])
    assert second.words() == ["nginx"]
    assert len(with_other_bases(TEXT, layers(), {"nginx": "x"}).split("\n")) == len(
        TEXT.split("\n")
    )
