"""The page of ``env``: the variables as a table, and below it the problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from composetasks.facts.plain_text import clean
from composetasks.facts.program import task
from composetasks.report.page import Page

HEADER = ["variable", "value", "from", "used by", ""]
QUIET = "bright_black"


def show(page: Page, document: Mapping[str, Any], correction: str, *, check: bool) -> None:
    """Show the document of ``env``; with ``check``, only its problems and the verdict."""
    problems = document["problems"]
    if not check:
        if document["variables"]:
            page.table([_row(one) for one in document["variables"]], HEADER)
            _show_old(page, document["variables"])
        else:
            page.line("no variables")
    for problem in problems:
        _show_problem(page, problem)
    if check and not problems:
        page.line("the environment is valid", "green")
    count = sum(one["severity"] == "fatal" for one in problems)
    if check and count:
        page.note(f"error: the environment is invalid: {count} to correct", "bold red")
        page.note("; ".join(filter(None, ["next: correct them", correction])))


def _row(variable: Mapping[str, Any]) -> list[Text | str]:
    value = variable["value"]
    source = str(variable["source"])
    overridden = ", ".join(_place(entry) for entry in variable["overrides"])
    return [
        str(variable["name"]),
        Text("(unset)", style=QUIET) if value is None else Text(clean(value)),
        source + (f" over {overridden}" if overridden else ""),
        ", ".join(variable["services"]),
        _containers(variable["containers"]),
    ]


def _place(entry: Mapping[str, Any]) -> str:
    line = f":{entry['line']}" if entry["line"] else ""
    return f"{entry['source']}{line}"


def _containers(held: Mapping[str, bool | None]) -> Text:
    """The running containers that lack the value, or may lack it."""
    old = sorted(name for name, has in held.items() if has is False)
    unsure = sorted(name for name, has in held.items() if has is None)
    texts: Sequence[str] = [
        *([f"not yet in {', '.join(old)}"] if old else ()),
        *([f"possibly not in {', '.join(unsure)}"] if unsure else ()),
    ]
    return Text(clean("; ".join(texts)), style="yellow")


def _show_old(page: Page, variables: Sequence[Mapping[str, Any]]) -> None:
    """Show what gives the running containers the current values."""
    old = {name for one in variables for name, has in one["containers"].items() if has is False}
    if old:
        page.line(
            f"{task('up')} recreates {', '.join(sorted(old))} with the current values",
            QUIET,
        )


def _show_problem(page: Page, problem: Mapping[str, Any]) -> None:
    where = problem["file"] or "environment"
    place = f"{where}:{problem['line']}" if problem["line"] else where
    name = f" {problem['name']}" if problem["name"] else ""
    style = "bold red" if problem["severity"] == "fatal" else "yellow"
    page.line(f"{problem['severity']}  {place}{name}: {problem['message']}", style)
    page.line(f"         {problem['hint']}", QUIET)
