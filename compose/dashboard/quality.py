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
GROUPS = {"by_language": "language", "by_class": "class"}
FIGURES = {
    "count": "posts",
    "unsafe": "unsafe",
    "precision": "precision",
    "recall": "recall",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
}


def measured(models: Row) -> str:
    """What the training script measured on what it had held out. Any folder with a manifest may
    stand there: of another form there is nothing to show."""
    metrics = models["metrics"]
    known = metrics if isinstance(metrics, dict) else {}
    tables = [_table(title, known[part]) for part, title in PARTS.items() if known.get(part)]
    told = "".join(tables) or "<p>Their manifest tells no figures of them.</p>"
    return (
        f"<p>Models <code>{escape(models['model'])}</code>, in use since"
        f" {moment(models['used_at'])}. Measured on posts that they were not trained on.</p>{told}"
    )


def _table(title: str, part: object) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in ("of", *FIGURES.values()))
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{_number(figures.get(key))}</td>" for key in FIGURES)
        + "</tr>"
        for name, figures in _lines(part)
    )
    return (
        f'<div class="scrolls"><table class="posts quality"><caption>{escape(title)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _lines(part: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(part, dict):
        return
    yield "all", part
    for group, word in GROUPS.items():
        several = part.get(group)
        for name, figures in several.items() if isinstance(several, dict) else ():
            if isinstance(figures, dict):
                yield f"{word} {name}", figures


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "—"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
