"""The words of docs/glossary.md are the words of the pages, the messages and the code."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("scripts", "compose", "benchmarks", "train_eval_module", "tests")
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = [
    ROOT / "README.md",
    *(path for path in ROOT.glob("docs/**/*.md") if path != GLOSSARY),
]


def rows() -> list[list[str]]:
    """The table's rows, as cells."""
    lines = GLOSSARY.read_text().splitlines()
    table = [line.strip("|").split(" | ") for line in lines if line.startswith("| ")]
    return [[cell.strip(" |") for cell in row] for row in table[1:]]


def not_used() -> list[str]:
    return [word for row in rows() for word in row[2].split(", ") if word]


def texts() -> Iterator[tuple[str, str]]:
    """What people read: the pages, and the code, names included."""
    for path in PAGES:
        yield str(path.relative_to(ROOT)), path.read_text()
    for folder in CODE:
        for path in (ROOT / folder).rglob("*.py"):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line.replace("_", " ")


def test_no_word_is_in_the_glossary_twice() -> None:
    words = [word for row in rows() for word in row[0].split(", ")]
    assert sorted(words) == sorted(set(words))


def test_nothing_people_read_has_a_second_word_for_a_thing() -> None:
    second = re.compile(r"\b(?:" + "|".join(map(re.escape, not_used())) + r")\b")
    found = [f"{place}: {m[0]}" for place, text in texts() if (m := second.search(text))]
    assert found == []


def test_every_public_word_of_a_plan_is_in_the_glossary() -> None:
    words = {word for row in rows() for word in row[0].split(", ")}
    for word in ("plan", "step", "operation", "consent", "blocker", "evidence", "world", "model"):
        assert word in words


def test_no_two_classes_of_the_library_have_one_name() -> None:
    places = defaultdict(list)
    for path in (ROOT / "scripts" / "composetasks").rglob("*.py"):
        for name in re.findall(r"^ *class _*(\w+)", path.read_text(), re.M):
            places[name].append(f"{path.relative_to(ROOT)}: {name}")
    assert [found for found in places.values() if len(found) > 1] == []


def test_the_library_sends_nobody_to_a_makefile_that_only_this_repository_has() -> None:
    """Of `make` it knows what it writes itself."""
    library = ROOT / "scripts" / "composetasks"
    written = library / "plan" / "init"
    files = (path for path in library.rglob("*.py") if written not in path.parents)
    assert [str(path) for path in files if re.search(r"`make \w", path.read_text())] == []
