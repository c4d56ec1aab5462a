from __future__ import annotations

import io
import json

import pytest

from composetasks.facts import LogLine
from composetasks.report.logs import JsonLogPrinter, LogPrinter
from tests.schemas import validate


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def line(text: str, service: str = "web", number: int = 1) -> LogLine:
    name = f"shop-{service}-{number}"
    return LogLine("2026-01-31T12:00:00.000000001Z", service, number, name, "stdout", text)


def shown(*lines: LogLine, out: io.StringIO | None = None, timestamps: bool = False) -> str:
    out = out or io.StringIO()
    printer = LogPrinter(["web", "postgres"], timestamps=timestamps, out=out)
    printer.write(lines)
    printer.flush()
    return out.getvalue()


def test_names_are_as_wide_as_the_longest_service() -> None:
    assert shown(line("a"), line("b", "postgres")) == "web      | a\npostgres | b\n"


def test_replicas_are_told_apart_by_number() -> None:
    assert shown(line("a", number=2), line("b")) == "web-2    | a\nweb-1    | b\n"


def test_the_engines_time_stands_before_the_line_when_asked() -> None:
    assert shown(line("a"), timestamps=True) == "web      | 2026-01-31T12:00:00.000000001Z a\n"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[1;1Hgone",
        "\x1b]0;title\x07gone",
        "\x1b[31mgone\x1b[0m",
        "g\ro\bn\x9be\x7f\x00",
        "\x1b]8;;http://example.com\x1b\\gone\x1b]8;;\x1b\\",
        "\x1bPq#0\x1b\\gone",
    ],
)
def test_escapes_do_not_reach_a_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    after = shown(line(text), out=Terminal()).split("| ")[1]
    assert "gone" in after
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in after.rstrip("\n"))


def test_bytes_that_are_no_text_do_not_reach_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = b"\x9b2Jgone".decode("utf-8", "surrogateescape")
    assert shown(line(text), out=Terminal()) == "web      | ?2Jgone\n"


def test_elsewhere_a_line_is_left_as_it_is() -> None:
    assert shown(line("\x1b[31mred\x1b[0m")) == "web      | \x1b[31mred\x1b[0m\n"


def test_services_have_colours_on_a_terminal_unless_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    both = shown(line("a"), line("b", "postgres"), out=Terminal()).splitlines()
    assert both == ["\x1b[36mweb      | \x1b[0ma", "\x1b[33mpostgres | \x1b[0mb"]
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown(line("a"), out=Terminal()) == "web      | a\n"


def test_json_is_one_object_for_each_line() -> None:
    out = io.StringIO()
    printer = JsonLogPrinter(["web"], out=out)
    printer.write(
        [line("\x1b[31mred"), line(b"caf\xe9 \xc3\xa9".decode("utf-8", "surrogateescape"))]
    )
    printer.flush()
    first, second = [validate(json.loads(text)) for text in out.getvalue().splitlines()]
    assert first == {
        "event": "log",
        "service": "web",
        "container": "shop-web-1",
        "time": "2026-01-31T12:00:00.000000001Z",
        "stream": "stdout",
        "line": "\x1b[31mred",
    }
    assert second["line"] == "caf? é"
    assert printer.count == 2
