"""The page of a start that failed: what, why, what changed and what next, on one screen. The
complete page and its data are kept in the run folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from composetasks.facts import (
    BuildImage,
    CreateContainer,
    CreateService,
    Plan,
    PullImage,
    RecreateContainer,
    UpdateService,
)
from composetasks.facts.frozen import frozen
from composetasks.facts.plain_text import clean, cut, lines_of, parts_of
from composetasks.run.failure import TaskFailure

if TYPE_CHECKING:
    from composetasks.store.run_record import RunRecord

NARROWEST = 40
SHOWN_CHANGES = 4
SHOWN_LOG = 7
ROOM = 8
"""Lines of the terminal left for other output: the prompt, the plan's last lines."""


@frozen
class PageLine:
    """A line of the page; ``style`` is a style of rich."""

    text: str
    style: str = ""


def lines(failure: TaskFailure, width: int, height: int = 24) -> list[PageLine]:
    """The page between the error line and the next command: at most ``width`` columns and, unless
    its required lines need more, ``height`` lines."""
    page_lines = list(_page(failure.data, log=SHOWN_LOG, changes=SHOWN_CHANGES, whole=False))
    for log in range(SHOWN_LOG, 1, -1):
        page_lines = list(_page(failure.data, log=log, changes=SHOWN_CHANGES, whole=False))
        if len(page_lines) <= height - ROOM:
            break
    return [PageLine(cut(line.text, max(NARROWEST, width)), line.style) for line in page_lines]


def whole(failure: TaskFailure) -> str:
    """The complete page, as it is kept; for other failures than those of a start, the parts that
    exist."""
    body: Iterator[PageLine] = iter(())
    if "diagnosis" in failure.data:
        count = len(failure.data["diagnosis"]["log"])
        body = _page(failure.data, log=count, changes=None, whole=True)
    detail = [f"  {line}" for line in failure.detail.splitlines()]
    texts = [f"error: {failure.message}", *detail, *(line.text for line in body)]
    text = [*texts, *([f"next: {failure.hint}"] if failure.hint else [])]
    return "".join(f"{clean(line)}\n" for line in text)


def _page(
    data: Mapping[str, Any], *, log: int, changes: int | None, whole: bool
) -> Iterator[PageLine]:
    diagnosis = data["diagnosis"]
    for also in diagnosis["what"][1:]:
        yield PageLine(f"  {clean(also)}")
    if whole and diagnosis["said"]:
        yield PageLine(f"  said: {clean(diagnosis['said'])}")
    yield from _probes(diagnosis, whole)
    yield from _log(diagnosis, log, whole)
    yield from _changes(data, changes)
    yield from _others(data)
    if diagnosis.get("kept"):
        yield PageLine(f"  whole page  {diagnosis['kept']}", "bright_black")


def _probes(diagnosis: Mapping[str, Any], whole: bool) -> Iterator[PageLine]:
    if not diagnosis["probes"] or (diagnosis["exit_code"] is not None and not whole):
        return
    yield PageLine(f"  health check  {clean(diagnosis['check'])}", "bold")
    for probe in diagnosis["probes"]:
        when = f"{probe['time'][11:19]}Z  in {probe['seconds']:.1f} s  exit {probe['exit_code']}"
        error_line = clean(probe["telling"]) or "(no output)"
        yield PageLine(f"    {when}  {error_line}")
        texts = [parts_of(line) for line in lines_of(probe["output"])] if whole else []
        printed = [parts[-1].strip() for parts in texts if parts]
        if printed != [error_line]:
            yield from (PageLine(f"      {line}") for line in printed)


def _log(diagnosis: Mapping[str, Any], count: int, whole: bool) -> Iterator[PageLine]:
    name = clean(diagnosis["container"])
    last = [clean(line).rstrip() for line in diagnosis["log"]][-count:]
    error_line = clean(diagnosis["telling"]).strip()
    if not last:
        if name:
            yield PageLine(f"  log  {name} printed nothing", "bold")
        return
    yield PageLine(f"  log  {name}", "bold")
    if error_line:
        yield PageLine(f"    > {error_line}", "red")
    rest = [line for line in last if line.strip() != error_line or whole]
    yield from (PageLine(f"      {line}") for line in rest)


def _changes(data: Mapping[str, Any], count: int | None) -> Iterator[PageLine]:
    changed = [clean(str(one)) for one in data.get("changed", ())]
    if not changed:
        yield PageLine("  changed  nothing in its image and configuration since the previous start")
        return
    head, rest = changed[0], changed[1:count]
    yield PageLine(f"  changed  {head}", "yellow")
    yield from (PageLine(f"           {one}", "yellow") for one in rest)
    if count is not None and len(changed) > count:
        yield PageLine(f"           and {len(changed) - count} more", "yellow")


def _others(data: Mapping[str, Any]) -> Iterator[PageLine]:
    if data["waiting"]:
        yield PageLine(f"  waiting for it  {', '.join(data['waiting'])}")
    by_state: dict[str, list[str]] = {}
    for name, state in data["diagnosis"]["standing"].items():
        by_state.setdefault(state, []).append(name)
    up = by_state.pop("up", [])
    if up:
        yield PageLine(f"  still up  {', '.join(up)}")
    if by_state:
        states = "; ".join(f"{state}: {', '.join(names)}" for state, names in by_state.items())
        yield PageLine(f"  others  {states}")


# --- what changed ---------------------------------------------------------------------------

EVERYTHING = "everything: this is its first start, or its first after `down`"


def completed(failure: TaskFailure, plan: Plan, record: RunRecord) -> TaskFailure:
    """The failure with what changed since its service last worked; both forms are kept."""
    service = str(failure.data["service"])
    reasons = dict.fromkeys([*changes_of(plan, service), *record.changed_before(service)])
    changed = [EVERYTHING] if EVERYTHING in reasons else list(reasons)
    diagnosis = {**failure.data["diagnosis"], "kept": record.page}
    data = {**failure.data, "changed": changed, "diagnosis": diagnosis}
    full = failure.altered(data=data)
    record.failure({"message": full.message, "hint": full.hint, **data}, whole(full))
    return full


def changes_of(plan: Plan, service: str) -> list[str]:
    """Why this plan touched a service: files, options and configuration, or its reason."""
    from composetasks.report.page import evidence_line

    texts = []
    for step in plan.steps:
        changing = BuildImage | PullImage | RecreateContainer | UpdateService
        changes = isinstance(step.operation, changing)
        first = isinstance(step.operation, CreateContainer | CreateService)
        if first and step.service == service:
            texts.append(EVERYTHING)
        elif changes and step.key and service in (step.service, *step.services):
            # Without a key there is no earlier image to compare with.
            evidence = [evidence_line(one) for one in step.because]
            texts += [line for line in evidence if line] or [step.reason]
    return texts
