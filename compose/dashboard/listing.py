"""Many posts: as a table that a screen reader reads, and as CSV."""

import csv
import io
from collections.abc import Callable
from html import escape

from card import moment
from queries import Row

CSV_COLUMNS = (
    *("post_id", "author", "language", "caption", "video_url", "score", "text_score"),
    *("video_score", "flagged", "threshold", "decision", "posted_at", "scored_at", "deleted_at"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
HEADS = ("score", "caption", "verdict", "decision", "author", "lang", "text", "video", "scored")


def table(rows: list[Row], link: Callable[[str], str]) -> str:
    """Rows in their order; each caption leads to its post."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    body = "".join(_line(row, link) for row in rows)
    return (
        f'<div class="scrolls"><table class="posts"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def as_csv(rows: list[Row]) -> str:
    """The same rows for a spreadsheet; no text of a post becomes a formula there."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in CSV_COLUMNS])
    return written.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def _line(row: Row, link: Callable[[str], str]) -> str:
    verdict = "flagged" if row["flagged"] else "clear"
    video = "none" if row["video_score"] is None else f"{row['video_score']:.2f}"
    gone = "" if row["deleted_at"] is None else f"<br>gone {moment(row['deleted_at'])}"
    address = escape(link(row["post_id"]))
    cells = (
        f"<b>{row['score']:.2f}</b>",
        f'<a href="{address}" target="_self" dir="auto">{escape(row["caption"])}</a>',
        f'<span class="{verdict}"><span class="verdict">{verdict}</span></span>',
        escape(row["decision"] or "—"),
        f"@{escape(row['author'])}",
        escape(row["language"]),
        f"{row['text_score']:.2f}",
        video,
        f"{moment(row['scored_at'])}{gone}",
    )
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr data-post-id="{escape(row["post_id"])}">{inner}</tr>'
