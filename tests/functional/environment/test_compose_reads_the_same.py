"""The Compose at hand is asked what it reads in odd files: composetasks must have told the same.

No engine is needed. Every file of the corpus, some more, and generated ones.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composetasks.observe.compose import compose_dotenv
from composetasks.observe.compose.binary import find
from tests.unit.observe.env.corpus import Case, cases

PROCESS = {"P": "process", "EMPTY": ""}
MODEL = "name: odd\nservices: {x: {image: x}}\n"
MORE = [
    *(f"A={value}\nB=${{A}}\n" for value in (
        r'"\0101\0400\012\08\0x\c\a\b\f\v\r\t\\n\\"', r'"\"', r"'\''", r"'\\'", r"'a\"b'",
        '"${P:-"x"}"', "${P:+${B:-x}} y", "${A:-b} ${C:-d} }", "${A:-${B} x", "${A:-b\nX}",
        "$$$A", "${P}x}", "${a.b}", "${A:=x}", "${ A}", "${Ñ}", "${ſ}", "$K", "$P$", "'$P'",
        "${P:?x} ${Q:-y}", "${Q-a-b:-c}", "${Q:-?}", "${Q?-}", "a\u00a0#c", "a\u2003",
    )),
    "export  export A=1", "export\u00a0A=1", "export ", "export", "exp", "export P", "P", "P\n",
    "²=1", "ⅷ=3", "कि=1", "A\n\nB=1", "[A]=1", "-=1", "A=:1", "A='x' # c", "A='a'B=1", "# c\rA=1",
    "\x1cA=1\n", "A=1\x1f\n", "\ufeff\ufeffA=1", "A='x' 'y'", "A=\"x\"\"y\"", "A,B=1", "A\tB=1\n",
]  # fmt: skip
FRAGMENTS = st.sampled_from(
    ["A", "P", "é", "1", ".", "-", "=", ":", " ", "\t", "\n", "\r\n", "'", '"', "#", " #", "\\",
     "\\n", "\\$", '\\"', "\\0101", "$", "$A", "${", "}", "${P}", "${A:-x}", "${B-${P}}",
     "${P:+y}", "${P?no}", "${EMPTY:-d}", "export ", "(", "\u00a0", "\u2003", "\ufeff"]
)  # fmt: skip
LINES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["A", "B", "P", ""]),
    st.sampled_from(["=", "=", "= ", " =", ""]),
    st.lists(FRAGMENTS, max_size=6).map("".join),
    st.sampled_from(["\n", "\n", ""]),
)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find(tmp_path_factory.mktemp("find")).binary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("odd")
    (made / "compose.yaml").write_text(MODEL)
    return made


def read_by_compose(binary: Path, folder: Path, content: bytes) -> str | None:
    """The environment that Compose interpolates with, None where it refuses the file."""
    (folder / ".env").write_bytes(content)
    done = subprocess.run(
        [str(binary), "config", "--environment"],
        cwd=folder,
        env=PROCESS,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        return None
    return done.stdout.decode(errors="surrogateescape")


def told(folder: Path, content: bytes) -> str | None:
    """The same, by our account of it."""
    text = content.decode(errors="surrogateescape")
    result = compose_dotenv.read(text, PROCESS.get)
    if any(one.refused for one in result):
        return None
    values = {one.name: one.value for one in result if one.value is not None}
    values = {"COMPOSE_PROJECT_NAME": "odd", **values, "PWD": str(folder), **PROCESS}
    written = sorted(map("{0[0]}={0[1]}\n".format, values.items()), key=partial(os.fsencode))
    return "".join(written)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_compose_reads_a_file_of_the_corpus_as_told(binary: Path, folder: Path, case: Case) -> None:
    assert told(folder, case.content) == read_by_compose(binary, folder, case.content)


def test_most_of_what_is_wrong_compose_reads_in_silence(folder: Path) -> None:
    """Which it refuses and which it reads is what the test above asks it, file by file."""
    wrong = [case for case in cases() if case.says]
    refused = [case for case in wrong if told(folder, case.content) is None]
    assert len(wrong) >= 66
    assert len(refused) <= len(wrong) / 4
    assert all(any(line.startswith("fatal") for line in case.says) for case in refused)


@pytest.mark.parametrize("text", MORE)
def test_compose_reads_it_as_told(binary: Path, folder: Path, text: str) -> None:
    assert told(folder, text.encode()) == read_by_compose(binary, folder, text.encode())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(LINES, min_size=1, max_size=3).map("".join))
def test_compose_reads_a_generated_file_as_told(binary: Path, folder: Path, text: str) -> None:
    assert told(folder, text.encode()) == read_by_compose(binary, folder, text.encode())
