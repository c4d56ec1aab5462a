"""The rule by which a row is scored, said once more: what the job did is checked against it."""

from collections.abc import Mapping
from typing import Any


def complaint(row: Mapping[str, Any]) -> str | None:
    """What of a row's score and verdict does not follow from the rest of it; None where all does.
    `exponent` is that of the models which scored it."""
    expected = row["text_score"]
    if row["fusion"]:
        weight, power = row["text_weight"], row["exponent"]
        mean = weight * row["text_score"] ** power + (1 - weight) * row["video_score"] ** power
        expected = mean ** (1 / power)
    follows = row["flagged"] == (row["score"] >= row["threshold"])
    if abs(row["score"] - expected) <= 1e-6 and follows:
        return None
    return f"score {row['score']}, flagged {row['flagged']}: expected score {expected}"


def verdict(row: Mapping[str, Any]) -> str:
    """The dashboard's word for it."""
    return "flagged" if row["flagged"] else "clear"
