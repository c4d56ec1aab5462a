"""The page's two charts."""

import altair as alt
import pandas as pd
from store import Row

FLAGGED = "#d6245c"
CLEAR = "#3f8f8b"
HEIGHT = 300
NAMES = ["flagged", "clear"]
LEGEND = alt.Legend(orient="top", title=None)
COLOURS = alt.Scale(domain=NAMES, range=[FLAGGED, CLEAR])


def histogram(rows: list[Row]) -> alt.LayerChart:
    """How many posts have which score, with the threshold that the newest was judged by."""
    posts = _frame(rows)
    bars = (
        alt.Chart(posts)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X(
                "score:Q",
                bin=alt.Bin(step=0.05, extent=[0, 1]),
                title="score",
                axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f"),
            ),
            y=alt.Y("count():Q", title="posts", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("verdict:N", scale=COLOURS, legend=LEGEND),
            tooltip=[alt.Tooltip("count():Q", title="posts"), alt.Tooltip("verdict:N")],
        )
    )
    threshold = pd.DataFrame({"threshold": [rows[0]["threshold"]]})
    rule = (
        alt.Chart(threshold)
        .mark_rule(strokeDash=[5, 4], strokeWidth=1.5, color="#8a90a0")
        .encode(x="threshold:Q", tooltip=["threshold:Q"])
    )
    return (bars + rule).properties(height=HEIGHT)


def text_against_video(rows: list[Row]) -> alt.Chart:
    """One point for each post whose clip was scored."""
    posts = _frame([row for row in rows if row["video_score"] is not None])
    unit = alt.Scale(domain=[0, 1])
    return (
        alt.Chart(posts)
        .mark_circle(size=90, opacity=0.7, clip=False)
        .encode(
            x=alt.X("text_score:Q", scale=unit, title="text score", axis=alt.Axis(tickCount=5)),
            y=alt.Y("video_score:Q", scale=unit, title="video score", axis=alt.Axis(tickCount=5)),
            color=alt.Color("verdict:N", scale=COLOURS, legend=LEGEND),
            tooltip=["caption", "author", alt.Tooltip("score:Q", format=".2f"), "post_id"],
        )
        .properties(height=HEIGHT)
    )


def _frame(rows: list[Row]) -> pd.DataFrame:
    wanted = ["post_id", "author", "caption", "text_score", "video_score", "score"]
    frame = pd.DataFrame(rows, columns=[*wanted, "flagged"])
    frame["verdict"] = [NAMES[0] if flagged else NAMES[1] for flagged in frame["flagged"]]
    return frame
