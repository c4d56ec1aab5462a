"""Figures as text: for Prometheus, and as the lines that `inv status` shows.

The job, the crawler and the dashboard, whose images share nothing, each have this same file.
The format is Prometheus' text format 0.0.4
(https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Figure:
    """A metric. `samples` are its values by their labels (pairs of name and value); a figure that
    is not known has none."""

    name: str
    kind: str
    help: str
    samples: Mapping[tuple[tuple[str, str], ...], float]


def gauge(name: str, help: str, value: float | None) -> Figure:
    """A value that goes up and down; None where it is not known."""
    return Figure(name, "gauge", help, {} if value is None else {(): value})


def counter(name: str, help: str, value: float) -> Figure:
    """A value that only grows, until its program is started again."""
    return Figure(name, "counter", help, {(): value})


def info(name: str, help: str, **labels: str) -> Figure:
    """Texts, as the labels of a 1."""
    return Figure(name, "gauge", help, {tuple(labels.items()): 1})


def exposition(figures: Iterable[Figure]) -> str:
    """What Prometheus reads."""
    lines = []
    for figure in figures:
        lines.append(f"# HELP {figure.name} {_escaped(figure.help)}")
        lines.append(f"# TYPE {figure.name} {figure.kind}")
        for labels, value in figure.samples.items():
            pairs = ",".join(f'{name}="{_quoted(text)}"' for name, text in labels)
            lines.append(f"{figure.name}{{{pairs}}} {value}" if pairs else f"{figure.name} {value}")
    return "".join(f"{line}\n" for line in lines)


def facts(values: Mapping[str, object]) -> str:
    """A line `name: value` for each that is known."""
    return "".join(f"{name}: {value}\n" for name, value in values.items() if value is not None)


def ago(moment: float | None, now: float) -> str | None:
    """How long ago a moment was, in seconds since the epoch."""
    if moment is None:
        return None
    minutes, seconds = divmod(max(0, round(now - moment)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    found = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    told = [f"{number} {unit}" for number, unit in found if number][:2]
    return f"{' '.join(told) or '0 s'} ago"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
