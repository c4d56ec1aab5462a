"""A Dockerfile's instructions, read as BuildKit reads them."""

from __future__ import annotations

import pytest

from composetasks.observe.images.dockerfile import parse, parse_one


def sources(text: str) -> list[str]:
    return [one.source() for one in parse(text).instructions]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("FROM a\nRUN b", ["FROM a", "RUN b"], id="one-a-line"),
        pytest.param("  from  a  as  b ", ["FROM a  as  b"], id="keywords-in-any-case"),
        pytest.param("FROM\ta", ["FROM a"], id="a-tab-divides-too"),
        pytest.param("RUN a \\\n  b", ["RUN a   b"], id="continued"),
        pytest.param("RUN a \\ \t\n b", ["RUN a  b"], id="white-space-after-the-escape"),
        pytest.param("RUN a \\\n# c\n\n b", ["RUN a  b"], id="comments-and-empty-lines-within"),
        pytest.param("RUN a \\\\\nRUN b", ["RUN a \\\\", "RUN b"], id="escaped-escape"),
        pytest.param("RUN a \\", ["RUN a"], id="continued-at-the-end"),
        pytest.param("# c\n\n \nFROM a", ["FROM a"], id="comments"),
        pytest.param("FROM a # c", ["FROM a # c"], id="no-comments-behind"),
        pytest.param("\ufeffFROM a\r\nRUN b\r\n", ["FROM a", "RUN b"], id="bom-and-crlf"),
        pytest.param("RUN <<E\nFROM x\nE\nRUN y", ["RUN <<E\n<<E\nFROM x", "RUN y"], id="heredoc"),
        pytest.param("RUN <<-E\n\tx\n\tE\n", ["RUN <<-E\n<<E\nx"], id="heredoc-with-tabs"),
        pytest.param(
            "RUN <<-E\r\n\tx\r\n\tE\r\nRUN y\r\n",
            ["RUN <<-E\n<<E\nx\r", "RUN y"],
            id="the-line-ends-of-a-heredoc-are-its-own",
        ),
        pytest.param("RUN <<'E'\nx\nE\n", ["RUN <<'E'\n<<E\nx"], id="quoted-heredoc"),
        pytest.param('RUN echo "<<E"\nRUN y', ['RUN echo "<<E"', "RUN y"], id="quoted-text"),
        pytest.param("RUN a <<<x\nRUN y", ["RUN a <<<x", "RUN y"], id="here-string"),
        pytest.param("RUN $((1<<2))\nRUN y", ["RUN $((1<<2))", "RUN y"], id="shift"),
        pytest.param("ENV A=<<E\nRUN y", ["ENV A=<<E", "RUN y"], id="no-heredoc-in-env"),
        pytest.param('RUN ["<<E"]\nRUN y', ['RUN ["<<E"]', "RUN y"], id="no-heredoc-in-json"),
        pytest.param("RUN <<E\nnever ends", ["RUN <<E\n<<E\nnever ends"], id="open-heredoc"),
        pytest.param(
            "COPY <<A <<B /x/\n1\nA\n2\nB\nRUN y",
            ["COPY <<A <<B /x/\n<<A\n1\n<<B\n2", "RUN y"],
            id="two-heredocs",
        ),
        pytest.param(
            "ONBUILD RUN <<E\nx\nE\nRUN y", ["ONBUILD RUN <<E\n<<E\nx", "RUN y"], id="in-a-trigger"
        ),
    ],
)
def test_instructions(text: str, expected: list[str]) -> None:
    assert sources(text) == expected


def test_directives_stand_before_everything_else() -> None:
    text = "#!/usr/bin/env docker\n# syntax = docker/dockerfile:1\n# escape=`\nRUN a `\n b\n"
    read = parse(text)
    assert read.directives == {"syntax": "docker/dockerfile:1", "escape": "`"}
    assert [one.text for one in read.instructions] == ["a  b"]


def test_a_directive_behind_a_comment_is_a_comment() -> None:
    assert parse("# hello\n# escape=`\nRUN a").directives == {}


def test_flags_are_apart_from_the_text() -> None:
    one = parse_one('COPY --from=x --chown="a b" --link --exclude=1 --exclude=2 s d')
    assert one is not None
    assert one.flag("from") == "x"
    assert one.flag("chown") == "a b"
    assert one.flag("link") == ""
    assert one.flag("parents") is None
    assert one.all_flags("exclude") == ["1", "2"]
    assert one.words() == ["s", "d"]


def test_lines_are_where_an_editor_shows_them() -> None:
    read = parse("FROM a\n\nRUN b \\\n c\nCOPY <<E /\nx\nE\nRUN d").instructions
    assert [(one.first_line, one.last_line) for one in read] == [(1, 1), (3, 4), (5, 7), (8, 8)]


def test_words_of_the_json_form_keep_their_white_space() -> None:
    one = parse_one('COPY ["a b", "c"]')
    assert one is not None
    assert one.words() == ["a b", "c"]


def test_what_only_looks_like_json_is_words() -> None:
    one = parse_one('COPY ["a b", c]')
    assert one is not None
    assert one.words() == ['["a', 'b",', "c]"]
