"""One post as HTML: its caption, its scores, and the rule they were judged by."""

from datetime import datetime, timezone
from html import escape

from store import Row


def card(row: Row) -> str:
    """The whole card. Its data- attributes are for programs that read the page."""
    post_id = escape(row["post_id"])
    verdict = "flagged" if row["flagged"] else "clear"
    deleted = "" if row["deleted_at"] is None else f"gone from the feed {ago(row['deleted_at'])}"
    who = " · ".join(
        part
        for part in (
            f"@{escape(row['author'])}",
            escape(row["language"]),
            post_id,
            f"posted {row['posted_at']:%Y-%m-%d %H:%M} UTC",
            f"scored {ago(row['scored_at'])}",
            deleted,
        )
        if part
    )
    rule = f"{how_scored(row)}, flagged from {row['threshold']:g}"
    parts = (
        f'<div class="post-card {verdict}" data-post-id="{post_id}"',
        f' data-score="{row["score"]:.6f}" data-verdict="{verdict}">',
        f'<span class="verdict">{verdict}</span><h3>{escape(row["caption"])}</h3>',
        f'<p class="who">{who}</p>',
        _bar("text", row["text_score"]),
        _bar("video", row["video_score"]),
        _bar("score", row["score"], threshold=row["threshold"]),
        f'<p class="how">{rule} · code {escape(row["code_version"])}</p></div>',
    )
    return "".join(parts)


def how_scored(row: Row) -> str:
    """The rule a row was scored by."""
    if not row["fusion"]:
        return "text alone"
    if row["video_score"] is None:
        return "text alone for now, its clip could not be had yet"
    return f"text and video, fused {row['text_weight']:g} to {1 - row['text_weight']:g}"


def ago(moment: datetime) -> str:
    """How long ago something was, for people."""
    seconds = max(0, int((datetime.now(timezone.utc) - moment).total_seconds()))
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"


def _bar(name: str, score: float | None, threshold: float | None = None) -> str:
    """One score as a bar; the one that is judged has a mark at the threshold."""
    kind = "score-line" if threshold is None else "score-line final"
    filled = "" if score is None else f'<span style="width:{score:.1%}"></span>'
    mark = "" if threshold is None else f'<i style="left:{threshold:.1%}"></i>'
    number = "none" if score is None else f"{score:.2f}"
    return (
        f'<div class="{kind}"><span>{name}</span>'
        f'<div class="score-bar">{filled}{mark}</div><b>{number}</b></div>'
    )
