"""The watch rules as a table."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from composetasks.facts import WatchRule
from composetasks.facts.plain_text import clean
from composetasks.report.page import three_columns

DOES = {
    "sync": "copies",
    "rebuild": "rebuilds, if it is a build input",
    "restart": "restarts the containers",
    "sync+restart": "copies, and restarts the containers",
    "sync+exec": "copies, and runs",
}


def rules_table(rules: Iterable[WatchRule]) -> RenderableType:
    """A line for each rule: the service, the path, and what an edit of the path does."""
    table = three_columns()
    for rule in rules:
        near = os.path.relpath(rule.path)
        path = rule.path if near.startswith(os.pardir) else near
        table.add_row(*(Text(clean(one)) for one in (rule.service, path, _does(rule))))
    return Padding(table, (0, 0, 0, 2))


def _does(rule: WatchRule) -> str:
    does = DOES[rule.action.value]
    if rule.target:
        does = does.replace("copies", f"copies to {rule.target}")
    if rule.mounted:
        does = does.replace(f"copies to {rule.target}", "is mounted")
    if rule.hook:
        does += f" `{shlex.join(rule.hook.command)}`"
    for word, patterns in (("only", rule.include), ("without", rule.ignore)):
        does += f"; {word} {', '.join(patterns)}" if patterns else ""
    return does
