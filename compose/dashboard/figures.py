"""What the dashboard tells of itself, and of the rows that it shows."""

from exposition import ago, exposition, facts, gauge, info
from queries import COUNTED, Row, Totals


def as_facts(totals: Totals, newest: Row | None, now: float) -> str:
    """Lines `name: value`, for `inv status`."""
    more = f"more than {COUNTED}" if totals.waiting > COUNTED else totals.waiting
    rule = newest or {}
    return facts(
        {
            "posts": totals.posts,
            "scored in the last minute": rule.get("last_minute", 0),
            "flagged": totals.flagged,
            "to review": more,
            "last post": ago(_last(totals), now),
            "threshold": rule.get("threshold"),
            "model": rule.get("model"),
            "code": rule.get("code_version"),
        }
    )


def as_metrics(totals: Totals, newest: Row | None) -> str:
    """Prometheus' text. What is told of the database is so whoever wrote it, and when."""
    rule = newest or {}
    labels = {name: str(rule.get(name) or "") for name in ("model", "code_version")}
    return exposition(
        [
            gauge("safety_rows", "Posts that are scored.", totals.posts),
            gauge("safety_rows_flagged", "Posts that are flagged.", totals.flagged),
            gauge(
                "safety_rows_to_review",
                f"Flagged posts nobody has decided on, counted up to {COUNTED + 1}.",
                totals.waiting,
            ),
            gauge("safety_rows_last_timestamp_seconds", "When the last came.", _last(totals)),
            info("safety_rows_info", "Models and code of the newest row.", **labels),
        ]
    )


def _last(totals: Totals) -> float | None:
    return totals.last_scored.timestamp() if totals.last_scored else None
