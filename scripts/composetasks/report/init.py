"""The proposals of init as a document, and as unified diffs and lines for a person."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rich.segment import Segment, Segments
from rich.style import Style

from composetasks.facts import Fate, InitPlan, Proposal, ProposedFile
from composetasks.facts.plain_text import clean
from composetasks.facts.program import task
from composetasks.report.documents import schema
from composetasks.report.page import Page
from composetasks.run.masking import safe_data

WORDS = {
    Proposal.CREATE: "is created",
    Proposal.APPEND: "is extended at its end",
    Proposal.LEAVE: "exists and is left unchanged; these changes are proposed",
}
STYLES = {"+": "green", "-": "red", "@": "cyan"}
FATES = {
    Fate.STAYS: "stays",
    Fate.UNKNOWN: "not understood",
}


def init_document(plan: InitPlan, written: Collection[str] = ()) -> dict[str, Any]:
    """The plan, with the files that were written."""
    return {
        "schema": schema("init"),
        "project": plan.project,
        "files": [
            {
                "path": proposed.path,
                "action": proposed.proposal.value,
                "written": proposed.path in written,
                "diff": "".join(_diff(proposed)),
            }
            for proposed in plan.files
        ],
        "scripts": [
            {
                "path": path,
                "lines": [
                    {
                        "first": line.first,
                        "last": line.last,
                        "text": line.text,
                        "fate": line.fate.value,
                        "tasks": list(line.tasks),
                        "why": line.why,
                    }
                    for line in lines
                ],
            }
            for path, lines in plan.scripts.items()
        ],
    }


def _diff(file: ProposedFile) -> Iterator[str]:
    """A unified diff that `patch -p1` and `git apply` read."""
    old = (file.old or "").splitlines(keepends=True)
    source = "/dev/null" if file.old is None else f"a/{file.path}"
    lines = difflib.unified_diff(old, file.new.splitlines(keepends=True), source, f"b/{file.path}")
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def show(page: Page, document: Mapping[str, Any]) -> None:
    """Show the proposals as a page. Secrets in the scripts are masked."""
    page.line(f"init: {document['project']}", "bold")
    for script in safe_data(document["scripts"]):
        _show_script(page, script)
    for file in document["files"]:
        page.line("")
        page.line(f"{file['path']} {WORDS[Proposal(file['action'])]}", "bold")
        for line in file["diff"].splitlines():
            # As a segment it is neither folded nor with tabs replaced, so that patch can read it.
            style = Style.parse(STYLES.get(line[:1], ""))
            page.out.print(Segments([Segment(f"{clean(line)}\n", style)]), crop=False, end="")
    if not document["files"]:
        page.line("  every file exists", "green")


def _show_script(page: Page, script: Mapping[str, Any]) -> None:
    lines = script["lines"]
    relevant = [one for one in lines if one["fate"] != Fate.NEEDLESS.value]
    page.line("")
    page.line(f"{script['path']}: what replaces it", "bold")
    rows: list[list[Any]] = []
    for entry in relevant:
        fate = Fate(entry["fate"])
        place = "-".join(dict.fromkeys((str(entry["first"]), str(entry["last"]))))
        instead = [*map(task, entry["tasks"]), *([FATES[fate]] if fate in FATES else [])]
        rows.append([f"  {place}", entry["text"], ", ".join(instead), entry["why"]])
    if rows:
        page.table(rows, ["  line", "in the script", "instead", "why"])
    unknown = sum(one["fate"] == Fate.UNKNOWN.value for one in relevant)
    needless = len(lines) - len(relevant)
    rest = f"; other lines that can be removed: {needless}" if needless else ""
    page.line(f"  commands understood: {len(relevant) - unknown} of {len(relevant)}{rest}")


def summary(written: Collection[str], left: Collection[str]) -> str:
    """What was done, in one line."""
    done = f"written: {', '.join(written)}" if written else "nothing was written"
    return f"{done}; left unchanged: {', '.join(left)}" if left else done
