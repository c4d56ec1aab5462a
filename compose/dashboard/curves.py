"""ROC and precision-recall curves as SVG: with words for those who do not see them, and their
points as a table."""

from collections.abc import Mapping
from html import escape
from typing import Any

SIDE = 200
CURVES = {
    "ROC curve": ("false_positives", "recall", "roc_auc"),
    "Precision-recall curve": ("recall", "precision", "pr_auc"),
}
COLUMNS = ("threshold", "precision", "recall", "false_positives")
EVERY = 4
"""Of so many points one is told in words."""


def drawn(of: str, figures: Mapping[str, Any]) -> str:
    """Both curves of a group, in one line; "" where its points are missing or make no sense."""
    rows = _rows(figures.get("curve"))
    if not rows:
        return ""
    # An empty line in a name would end the HTML for st.markdown.
    of = escape(" ".join(of.split()))
    heads = "".join(f'<th scope="col">{_words(name)}</th>' for name in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{_number(row[name])}</td>" for name in COLUMNS) + "</tr>"
        for row in rows
    )
    curves = "".join(_curve(title, of, figures, rows) for title in CURVES)
    return (
        f'<div class="curves">{curves}</div><details><summary>Points of the curves: {of}'
        f'</summary><table class="posts quality"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></details>"
    )


def _rows(curve: object) -> list[dict[str, float | None]]:
    """The points, one for each threshold; none where they are not what they should be."""
    columns = [curve.get(name) if isinstance(curve, dict) else None for name in COLUMNS]
    lists = [column for column in columns if isinstance(column, list)]
    if len(lists) < len(COLUMNS) or len({len(column) for column in lists}) != 1:
        return []
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in zip(*lists, strict=True)]
    sound = all(value is None or _is_share(value) for row in rows for value in row.values())
    return rows if sound else []


def _curve(
    title: str, of: str, figures: Mapping[str, Any], rows: list[dict[str, float | None]]
) -> str:
    across, up, area = CURVES[title]
    points = [
        (row["threshold"], x, y)
        for row in rows
        if (x := row[across]) is not None and (y := row[up]) is not None
    ]
    name = f"{title}, {of}"
    if not points:
        return f"<p>{name}: there is nothing to compare.</p>"
    line = " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for _, x, y in points)
    under = figures.get(area)
    says = f"Area {under:.3f}. " if _is_share(under) else ""
    says += "; ".join(
        f"from {_number(threshold)} on {_words(across)} {x:.2f}, {_words(up)} {y:.2f}"
        for threshold, x, y in points[::EVERY]
    )
    marks = "".join(
        f'<circle r="3" cx="{x * SIDE:.1f}" cy="{(1 - y) * SIDE:.1f}"/>' for _, x, y in points
    )
    told = f"{title}, area {under:.3f}" if _is_share(under) else title
    return (
        f'<figure><figcaption>{told}</figcaption><svg viewBox="-4 -4 {SIDE + 8} {SIDE + 8}"'
        f' role="img"><title>{name}</title><desc>{says}</desc>'
        f'<rect width="{SIDE}" height="{SIDE}"/><polyline points="{line}"/>{marks}</svg>'
        f'<p class="axis"><span>0</span><span>{_words(across)} →, {_words(up)} ↑</span>'
        "<span>1</span></p></figure>"
    )


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(0 <= value <= 1)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
