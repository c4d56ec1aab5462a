"""One post as HTML: its caption, its scores, the rule they were judged by, what was decided."""

from datetime import datetime, timezone
from html import escape

from queries import COUNTED, Row


def card(row: Row) -> str:
    """The whole card. Its data- attributes are for programs that read the page."""
    post_id = escape(row["post_id"])
    verdict = "flagged" if row["flagged"] else "clear"
    deleted = "" if row["deleted_at"] is None else f"gone from the feed {moment(row['deleted_at'])}"
    who = " · ".join(
        part
        for part in (
            f"@{escape(row['author'])}",
            escape(row["language"]),
            post_id,
            f"posted {moment(row['posted_at'])}",
            f"scored {moment(row['scored_at'])} ({ago(row['scored_at'])})",
            deleted,
        )
        if part
    )
    scored_by = ", ".join(
        f"{name} {escape(row[column])}"
        for name, column in (("models", "model"), ("code", "code_version"))
        if row.get(column)
    )
    parts = (
        f'<article class="post-card {verdict}" data-post-id="{post_id}"',
        f' data-score="{row["score"]:.6f}" data-verdict="{verdict}"',
        f' data-decision="{escape(row["decision"] or "")}">',
        f'<span class="verdict">{verdict}</span><h2 dir="auto">{escape(row["caption"])}</h2>',
        f'<p class="who">{who}</p>',
        _bar("text", row["text_score"]),
        _bar("video", row["video_score"]),
        _bar("score", row["score"], threshold=row["threshold"]),
        f'<p class="how">{how_scored(row)}; flagged from {row["threshold"]:g} · {scored_by}</p>',
        f'<p class="how">Decision: <strong>{escape(row["decision"] or "none yet")}</strong></p>',
        "</article>",
    )
    return "".join(parts)


def trail(lines: list[Row]) -> str:
    """Who decided what, the last first."""
    if not lines:
        return ""
    rows = "".join(
        f"<li>{moment(line['decided_at'])}: {escape(line['decided_by'])}, "
        f"{escape(line['before'] or 'undecided')} → {escape(line['after'] or 'undecided')}</li>"
        for line in lines
    )
    return f'<ol class="trail" aria-label="What was decided">{rows}</ol>'


def how_scored(row: Row) -> str:
    """The rule a row was scored by."""
    if not row["fusion"]:
        return "text alone"
    if row["video_score"] is None:
        return "text alone for now, its clip could not be had yet"
    return f"text and video, fused {row['text_weight']:g} to {1 - row['text_weight']:g}"


def moment(when: datetime) -> str:
    """A time with its date and zone."""
    shown = when.astimezone(timezone.utc)
    return f'<time datetime="{shown.isoformat()}">{shown:%Y-%m-%d %H:%M:%S} UTC</time>'


def at_most(number: int) -> str:
    """A count that ends somewhere."""
    return f"{number:,}" if number <= COUNTED else f"{COUNTED:,}+"


def ago(when: datetime) -> str:
    """How long ago something was, for people."""
    seconds = seconds_since(when)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"


def sign(last_scored: datetime | None, quiet_seconds: int) -> str:
    """Whether posts come: the dot is green for so many seconds after one."""
    if last_scored is None:
        state, words = "off", "waiting for the first post"
    else:
        state = "on" if seconds_since(last_scored) <= quiet_seconds else "off"
        says = "last post scored" if state == "on" else "no new post: the last was scored"
        words = f"{says} {ago(last_scored)}, {moment(last_scored)}"
    dot = f'<span class="live {state}" aria-hidden="true"></span>'
    return f'<p class="last-sign" data-live="{state}">{dot}{words}</p>'


def seconds_since(when: datetime) -> int:
    """Whole seconds, never less than none."""
    return max(0, int((datetime.now(timezone.utc) - when).total_seconds()))


def _bar(name: str, score: float | None, threshold: float | None = None) -> str:
    """One score as a bar; the one that is judged has a mark at the threshold."""
    kind = "score-line" if threshold is None else "score-line final"
    filled = "" if score is None else f'<span style="width:{score:.1%}"></span>'
    mark = "" if threshold is None else f'<i style="left:{threshold:.1%}"></i>'
    number = "none" if score is None else f"{score:.2f}"
    return (
        f'<div class="{kind}"><span>{name}</span>'
        f'<div class="score-bar" aria-hidden="true">{filled}{mark}</div><b>{number}</b></div>'
    )
