"""How good the models are, as their manifest says it: tables that a screen reader reads."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from card import moment
from queries import Row

PARTS = {
    "fusion": "Caption and clip together",
    "text": "The caption alone",
    "video": "The clip alone",
    "feed": "This stack's own feed, of which nothing was learned",
}
Figures = Mapping[str, Any]
ALL = "all"
GROUPS = {"by_language": "language", "by_class": "class"}
FIGURES = {
    "count": "posts",
    "unsafe": "unsafe",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
}


def told(models: Row) -> str:
    """Which models these are."""
    return (
        f"<p>Models <code>{escape(models['model'])}</code>, in use since"
        f" {moment(models['used_at'])}. Measured on posts that they were not trained on.</p>"
    )


def measured(models: Row) -> dict[str, dict[str, Figures]]:
    """What the training script measured on what it had held out: by part, and in it by group. Any
    folder with a manifest may stand there: of another form there is nothing to show."""
    metrics = models["metrics"]
    known = metrics if isinstance(metrics, dict) else {}
    parts = {title: dict(_groups(known.get(part))) for part, title in PARTS.items()}
    return {title: groups for title, groups in parts.items() if groups}


def table(title: str, groups: Mapping[str, Figures]) -> str:
    """The figures of each group."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("of", *FIGURES.values()))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{_number(figures.get(key))}</td>" for key in FIGURES)
        + "</tr>"
        for name, figures in groups.items()
    )
    return (
        f'<div class="scrolls" role="region" tabindex="0" aria-label="{escape(title)}">'
        f'<table class="posts quality"><caption>{escape(title)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _groups(part: object) -> Iterator[tuple[str, Figures]]:
    if not isinstance(part, dict):
        return
    if part:
        yield ALL, part
    for group, word in GROUPS.items():
        several = part.get(group)
        for name, figures in several.items() if isinstance(several, dict) else ():
            if isinstance(figures, dict):
                yield f"{word} {name}", figures


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "—"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
