"""What Compose reads, told without it; tests/functional/environment asks Compose the same."""

from __future__ import annotations

import pytest

from composetasks.observe.compose import compose_dotenv
from composetasks.observe.compose.compose_dotenv import Refused, substitute

KNOWN = {"SET": "value", "EMPTY": ""}


def read(text: str) -> dict[str, str | None]:
    found = compose_dotenv.read(text, KNOWN.get)
    assert not [one for one in found if one.refused]
    return {one.name: one.value for one in found}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A = b  ", "b"),
        ("A=b # c", "b"),
        ("A=b#c", "b#c"),
        ("A=b\t# c", "b\t# c"),
        ("A= # c", "# c"),
        ("A: b", "b"),
        ("export A=b", "b"),
        ("A='$SET\\n'", "$SET\\n"),
        ('A="$SET\\n"', "value\n"),
        ('A="\\$SET"', "$SET"),
        ("A=$$SET", "$SET"),
        ("A=$", "$"),
        ("A=$1", "$1"),
        ('A="\\0101\\08"', "A\\8"),
        ("A='it\\'s'", "it's"),
        ("A='a\\\\b'", "a\\\\b"),
        ('A="a\nb"', "a\nb"),
        ("A=", ""),
        ("A=b\r\n", "b"),
        ("A=b\rC=d", "b\rC=d"),
        ("\ufeffA=b", "b"),
    ],
)
def test_a_value_is_read_as_compose_reads_it(text: str, value: str) -> None:
    assert read(text) == {"A": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$SET-$EMPTY-$UNSET", "value--"),
        ("${SET}s", "values"),
        ("${UNSET:-d}${EMPTY:-d}${SET:-d}", "ddvalue"),
        ("${UNSET-d}${EMPTY-d}${SET-d}", "dvalue"),
        ("${UNSET:+d}${EMPTY:+d}${SET:+d}", "d"),
        ("${UNSET+d}${EMPTY+d}${SET+d}", "dd"),
        ("${SET:?no}${EMPTY?no}", "value"),
        ("${UNSET:-${EMPTY:-${SET}}}", "value"),
        ("${UNSET:-a}}", "a}"),
        ("a}${UNSET:-b}c${SET}d", "a}bcvalued"),
    ],
)
def test_references_are_replaced(text: str, value: str) -> None:
    assert substitute(text, KNOWN.get) == value


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${UNSET?}", "${EMPTY:?}", "${A B}", "${A"])
def test_compose_refuses(text: str) -> None:
    with pytest.raises(Refused):
        substitute(text, KNOWN.get)


def test_the_reading_goes_on_after_a_refused_line_and_counts_lines() -> None:
    found = compose_dotenv.read('A B=1\nC="x\ny"\n\n# c\n D=${\nE="z\nF=1\n', KNOWN.get)
    assert [(one.name, one.line, one.value, bool(one.refused)) for one in found] == [
        ("A B", 1, None, True),
        ("C", 2, "x\ny", False),
        ("D", 6, None, True),
        ("E", 7, None, True),
        ("F", 8, "1", False),
    ]


def test_variables_without_value_and_default_are_told() -> None:
    (one,) = compose_dotenv.read("A=$UNSET${OTHER:-x}${SET}${EMPTY}", KNOWN.get)
    assert one.unset == ("UNSET",)


def test_the_process_goes_before_the_file_in_references() -> None:
    assert read("SET=mine\nA=$SET\nB=1\nC=$B\n")["A"] == "value"
    assert read("B=1\nC=$B\n")["C"] == "1"


def test_a_name_alone_has_the_value_of_the_process() -> None:
    assert read("SET\nUNSET\n") == {"SET": "value", "UNSET": None}


@pytest.mark.parametrize("count", [400, 3000])
def test_references_are_replaced_however_many_stand_in_one_another_or_in_a_line(count: int) -> None:
    nested = "${A:-<" * count + "x" + ">}" * count
    assert substitute(nested, KNOWN.get) == "<" * count + "x" + ">" * count
    assert substitute("${A:-x}" * count, KNOWN.get) == "x" * count
    assert len(list(compose_dotenv.defaults(nested))) == count
    assert [*compose_dotenv.defaults("${A:-x}" * count)] == [("A", "x")] * count
