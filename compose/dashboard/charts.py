"""The page's charts, as HTML: they have words for those who do not see them."""

from html import escape

from card import moment
from queries import SLOTS, Row


def would_flag(scores: list[Row], threshold: float) -> int:
    """How many of the posts a threshold of whole hundredths flags."""
    cents = round(threshold * 100)
    return sum(row["posts"] for row in scores if row["cent"] >= cents)


def histogram(scores: list[Row], threshold: float) -> str:
    """How many posts have which score, in twentieths, with the threshold."""
    bars = [[0, 0] for _ in range(20)]
    for row in scores:
        bars[min(row["cent"] // 5, 19)][row["flagged"]] += row["posts"]
    flagged = sum(bar[True] for bar in bars)
    total = flagged + sum(bar[False] for bar in bars)
    says = f"Scores of the newest {total:,} posts: {flagged:,} of them flagged"
    titles = [f"{n / 20:.2f} to {(n + 1) / 20:.2f}" for n in range(20)]
    mark = f'<i style="left:{threshold:.1%}"></i>'
    return _bars(says, bars, titles, mark, ("0", "0.5", "1"))


def over_time(parts: list[Row]) -> str:
    """How many posts were scored when; the time of the newest is cut into equal parts."""
    bars = [[0, 0] for _ in range(SLOTS)]
    titles = [""] * SLOTS
    for row in parts:
        slot = min(max(row["slot"], 1), SLOTS) - 1
        bars[slot] = [row["posts"] - row["flagged"], row["flagged"]]
        titles[slot] = f"{row['first']:%Y-%m-%d %H:%M} UTC, average {row['average']:.2f}"
    first, last = moment(parts[0]["first"]), moment(parts[-1]["last"])
    says = f"Posts scored over time, {sum(map(sum, bars)):,} in all"
    return _bars(says, bars, titles, "", (first, last))


def text_against_video(rows: list[Row]) -> str:
    """One point for each post whose clip was scored."""
    points = "".join(
        f'<b class="{"flagged" if row["flagged"] else "clear"}"'
        f' style="left:{row["text_score"]:.1%};bottom:{row["video_score"]:.1%}"'
        f' title="{escape(row["caption"])}: {row["score"]:.2f}"></b>'
        for row in rows
        if row["video_score"] is not None
    )
    says = f"Text score against video score of the newest {len(rows)} posts"
    return (
        f'<div class="chart"><div class="points" role="img" aria-label="{says}">{points}</div>'
        '<p class="axis"><span>0</span><span>text score →, video score ↑</span><span>1</span></p>'
        "</div>"
    )


def _bars(
    says: str, bars: list[list[int]], titles: list[str], mark: str, axis: tuple[str, ...]
) -> str:
    tallest = max(map(sum, bars)) or 1
    drawn = "".join(
        f'<span title="{title}: {sum(bar)} posts, {bar[True]} flagged">'
        f'<b class="flagged" style="height:{bar[True] / tallest:.1%}"></b>'
        f'<b class="clear" style="height:{bar[False] / tallest:.1%}"></b></span>'
        for bar, title in zip(bars, titles, strict=True)
    )
    ends = "".join(f"<span>{end}</span>" for end in axis)
    return (
        f'<div class="chart"><div class="bars" role="img" aria-label="{says}">{drawn}{mark}</div>'
        f'<p class="axis">{ends}</p></div>'
    )
