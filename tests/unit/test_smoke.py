"""The report of a smoke, as CI systems read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from smoke import Smoke, junit


def smoke(*times: tuple[str, float], failed: str = "") -> ElementTree.Element:
    made = Smoke(Path("copy"), "smoke1", Path("log"), "", list(times), failed)
    return ElementTree.fromstring(junit(made))  # noqa: S314 (it is our own)


def test_each_step_is_a_case() -> None:
    report = smoke(("build", 1.5), ("up", 2.0), ("down", 1.0))
    assert [(case.get("name"), case.get("time")) for case in report] == [
        *(("build", "1.500"), ("up", "2.000")),
    ]
    assert (report.get("tests"), report.get("failures")) == ("2", "0")
    assert report.findall(".//failure") == []


def test_a_failure_is_that_of_the_last_step_whatever_it_printed() -> None:
    said = "`inv up` ended with 8, not 0:\n\x1b[31mred\x1b[0m <&> \x00 \ud800 ü"
    report = smoke(("build", 1.5), ("up", 2.0), ("down", 1.0), failed=said)
    (case,) = [case for case in report if case.find("failure") is not None]
    failure = case.find("failure")
    assert failure is not None
    assert (case.get("name"), report.get("failures")) == ("up", "1")
    assert failure.get("message") == "`inv up` ended with 8, not 0:"
    assert failure.text == "`inv up` ended with 8, not 0:\n[31mred[0m <&>   ü"


def test_what_fails_before_the_first_step_is_told() -> None:
    assert smoke(failed="interrupted").findall("testcase/failure")[0].text == "interrupted"
