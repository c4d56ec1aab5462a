"""The results: kept as JSON, shown as a page, compared with the last commit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.framework import PART, ROOT, Figure
from benchmarks.picture import picture

FOLDER = ROOT / "benchmarks"
KEPT = FOLDER / "results.json"
PAGE = FOLDER / "RESULTS.md"
PICTURE = FOLDER / "results.svg"
WORSE = 1.25
"""A ratio that grew by more than this since the last commit is a failure."""
BEGIN, END = "<!-- begin: written by `nox -s bench` -->", "<!-- end -->"


@dataclass
class Results:
    """The figures of each case, with the date and the load of the measurement."""

    machine: str = ""
    cases: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str) -> Results:
        said = json.loads(text)
        return cls(said["machine"], said["cases"])

    @classmethod
    def kept(cls) -> Results:
        """The results of the last run of each case."""
        return cls.read(KEPT.read_text()) if KEPT.exists() else cls()

    def put(self, case: str, figures: Sequence[Figure]) -> None:
        """Replace the results of a case."""
        self.machine = machine()
        self.cases[case] = {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "load": round(os.getloadavg()[0], 1),
            "figures": [figure.document() for figure in figures],
        }

    def figures(self) -> Iterator[Figure]:
        for case in self.cases.values():
            yield from map(Figure.read, case["figures"])

    def write(self, order: Sequence[str]) -> None:
        """Write the JSON, the generated part of the page, and the picture."""
        self.cases = {name: self.cases[name] for name in order if name in self.cases}
        document = {"machine": self.machine, "cases": self.cases}
        KEPT.write_text(json.dumps(document, indent=1) + "\n")
        PICTURE.write_text(picture(list(self.figures())))
        page = PAGE.read_text()
        part = f"{BEGIN}\n{''.join(line + chr(10) for line in self.lines(order))}{END}"
        PAGE.write_text(
            re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: part, page, flags=re.S)
        )

    def lines(self, order: Sequence[str]) -> Iterator[str]:
        """The generated part of the page."""
        yield f"Machine: {self.machine}."
        yield ""
        yield "| what | ours | against | theirs | ratio | target | reached |"
        yield "|---|---|---|---|---|---|---|"
        notes: list[str] = []
        for figure in self.figures():
            if not figure.name.startswith(PART):
                yield row(figure, mark(figure, notes))
        yield ""
        for number, note in enumerate(notes, 1):
            yield f"{number}. {note}."
        yield from missed(list(self.figures()))
        rooms = [one for one in self.figures() if one.name.startswith(PART)]
        if rooms:
            yield ""
            yield "An empty `inv up` by room, in milliseconds, the clock's own cost included:"
            yield ""
            yield "| room | median |"
            yield "|---|---|"
            for one in rooms:
                yield f"| {one.name.removeprefix(PART)} | {1000 * median(one.ours):.0f} |"
        yield ""
        yield "| case | measured on | load when it ended |"
        yield "|---|---|---|"
        for name, case in self.cases.items():
            yield f"| `{name}` | {case['date']} | {case['load']} |"
        missing = [f"`{name}`" for name in order if name not in self.cases]
        if missing:
            yield ""
            yield f"Not measured: {', '.join(missing)}."


SHOWN = 6
"""How many parts of a missed figure are listed, the longest first."""


def mark(figure: Figure, notes: list[str]) -> str:
    """The figure's footnote, which is added to ``notes``."""
    if not figure.note:
        return ""
    if figure.note not in notes:
        notes.append(figure.note)
    return f" ({notes.index(figure.note) + 1})"


def missed(figures: Sequence[Figure]) -> Iterator[str]:
    """By how much each missed target was missed, and where the time was spent."""
    found = [one for one in figures if one.reached is False and one.target]
    if found:
        yield ""
        yield "Missed:"
        yield ""
    for one in found:
        assert one.target is not None
        ours, limit = median(one.ours), one.target.limit(median(one.peer) if one.peer else 0.0)
        said = f"{amount(ours, one.unit)} where {amount(limit, one.unit)} is allowed"
        if one.parts:
            longest = sorted(one.parts.items(), key=lambda item: -item[1])[:SHOWN]
            parts = ", ".join(f"{part} {amount(took, one.unit)}" for part, took in longest)
            said += f"; of one run: {parts}"
        yield f"- {one.name}: {said}." + (f" {one.reason}" if one.reason else "")


def row(figure: Figure, footnote: str) -> str:
    words = {True: "yes", False: "**no**", None: ""}
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    cells = (
        figure.name + footnote,
        spread(figure.ours, figure.unit),
        figure.against,
        spread(figure.peer, figure.unit),
        ratio,
        str(figure.target or ""),
        words[figure.reached],
    )
    return f"| {' | '.join(cells)} |"


def spread(values: Sequence[float], unit: str) -> str:
    """The median, with the range if there are several values."""
    if not values:
        return ""
    shown = [amount(one, unit) for one in (median(values), min(values), max(values))]
    if len(values) == 1:
        return shown[0]
    return f"{shown[0]} ({shown[1].split()[0]} to {shown[2].split()[0]}, {len(values)} runs)"


def amount(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value / 2**20:.0f} MiB"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s" if value >= 1 else f"{value:.3f} s"


def machine() -> str:
    """The machine of the measurement: processors, memory, system, engine, Compose, Python."""
    bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    asked = (
        ("Docker", ("docker", "version", "--format", "{{.Server.Version}}")),
        ("Compose", ("docker", "compose", "version", "--short")),
    )
    versions = [f"{name} {output(argv)}" for name, argv in asked]
    return ", ".join(
        (
            f"{os.cpu_count()} cores ({platform.machine()})",
            f"{bytes_ / 2**30:.0f} GiB",
            f"Linux {platform.release()}",
            *versions,
            f"Python {platform.python_version()}",
        )
    )


def output(argv: Sequence[str], folder: Path = ROOT) -> str:
    """The output of a program; "" if it failed or is not installed."""
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def committed() -> Results:
    """The results in the last commit; empty if there are none."""
    text = output(("git", "show", f"HEAD:{KEPT.relative_to(ROOT)}"))
    return Results.read(text) if text else Results()


def worsened(now: Results, before: Results, cases: Sequence[str]) -> list[str]:
    """The figures of these cases whose ratio is more than a quarter worse than before."""
    found = []
    for case in cases:
        former = before.cases.get(case, {}).get("figures", ())
        old = {(one["name"], one["against"]): one["ratio"] for one in former}
        for one in now.cases.get(case, {}).get("figures", ()):
            was, ratio = old.get((one["name"], one["against"])), one["ratio"]
            if was and ratio and ratio > was * WORSE:
                found.append(f"{case}: {one['name']}: ratio {was:.2f} -> {ratio:.2f}")
    return found
