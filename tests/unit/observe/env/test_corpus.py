"""Each odd ``.env`` file gets its own message, and a good one none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from composetasks.facts import Problem
from composetasks.observe.env.dotenv import read_environment
from composetasks.plan.env.check import lines, problems
from tests.unit.observe.env.corpus import SPECIFICATION, Case, cases

CASES = cases()


def judged(
    folder: Path, content: bytes, process: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    shutil.copy(SPECIFICATION, folder / ".env.example")
    (folder / ".env").write_bytes(content)
    (folder / ".env").chmod(0o600)
    return problems(read_environment(folder, process=process or {}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_odd_file_gets_its_message(tmp_path: Path, case: Case) -> None:
    result = judged(tmp_path, case.content, {"HOME": "/root"})
    said = [f"{one.severity} {line}" for one, line in zip(result, lines(result), strict=True)]
    assert said == list(case.says)


def test_the_corpus_has_more_than_a_hundred_files_and_only_the_fine_ones_pass() -> None:
    assert len(CASES) > 100
    assert {case.name.startswith("fine") for case in CASES if not case.says} == {True}
    assert {case.name.startswith("fine") for case in CASES if case.says} == {False}


def test_the_specification_itself_is_without_fault(tmp_path: Path) -> None:
    assert judged(tmp_path, b"") == ()


def test_faults_of_many_files_end_to_end_are_all_found_at_once(tmp_path: Path) -> None:
    """What one line does to the rest is bounded: an unclosed quote hides nothing below it."""
    result = judged(
        tmp_path,
        b'GREETING="hello\nTEXT_WEIGHT=2\nA B=1\nPOSTGRES_PORT=x\n',
        {"USE_FUSION_MODEL": "?"},
    )
    assert [(one.file, one.line) for one in result] == [
        ("", 0),
        (".env", 1),
        (".env", 2),
        (".env", 3),
        (".env", 4),
    ]


def test_no_message_quotes_a_secret(tmp_path: Path) -> None:
    planted = "geheimnis7"
    for text in (
        f"POSTGRES_PASSWORD={planted}$",
        f"POSTGRES_PASSWORD='{planted}",
        f"POSTGRES_PASSWORD: {planted}",
        f"POSTGRES_PASSWORD {planted}",
        f'POSTGRES_PASSWORD="x" {planted}',
        f"POSTGRES_PASSWORD=x${{{planted}}}",
        f"POSTGRES_PASSWORD=x${{{planted}?}}",
        f"POSTGRES_PASSWORD=a ${planted}",
        f"POSTGRES_PASSWORD={planted} B=1",
        f"POSTGRES_PASSWORD=“{planted}”",
        f"POSTGRES_PASSWORD=a b {planted}=1",
    ):
        for ending in ("\n", "\r\n", ""):
            said = "\n".join(lines(judged(tmp_path, (text + ending).encode())))
            assert planted not in said, text
