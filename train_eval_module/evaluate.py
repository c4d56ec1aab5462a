"""How good scores are, against labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]
STEPS = 20


def measured(scores: Scores, unsafe: Labels, threshold: float) -> dict[str, Any]:
    """Precision and recall at the threshold, and the mean squared error (Brier). None where there
    is nothing to divide by."""
    flagged = scores >= threshold
    hits = int((flagged & unsafe).sum())
    return {
        "count": len(scores),
        "unsafe": int(unsafe.sum()),
        "flagged": int(flagged.sum()),
        "precision": _share(hits, int(flagged.sum())),
        "recall": _share(hits, int(unsafe.sum())),
        "brier": round(float(((scores - unsafe) ** 2).mean()), 4),
    }


def told_apart(scores: Scores, unsafe: Labels) -> dict[str, Any]:
    """The ROC and the precision-recall curve, as points at some thresholds, and the areas under
    them, of all thresholds. None where there is nothing to divide by."""
    points: dict[str, list[float | None]] = {
        name: [] for name in ("threshold", "precision", "recall", "false_positives")
    }
    for step in range(STEPS + 1):
        flagged = scores >= step / STEPS
        hits = int((flagged & unsafe).sum())
        points["threshold"].append(step / STEPS)
        points["precision"].append(_share(hits, int(flagged.sum())))
        points["recall"].append(_share(hits, int(unsafe.sum())))
        points["false_positives"].append(_share(int(flagged.sum()) - hits, int((~unsafe).sum())))
    return {
        "roc_auc": _roc_auc(scores, unsafe),
        "pr_auc": _average_precision(scores, unsafe),
        "curve": points,
    }


def show(metrics: dict[str, Any]) -> None:
    """The held-out scores as a table."""
    columns = ("count", "unsafe", "flagged", "precision", "recall", "roc_auc", "pr_auc", "brier")
    print(f"{'held out':18}" + "".join(f"{column:>11}" for column in columns))
    for name, found in metrics.items():
        rows = {name: found}
        for split in ("by_language", "by_class"):
            rows |= {f"  {value}": one for value, one in found.get(split, {}).items()}
        for title, row in rows.items():
            cells = ("-" if row[column] is None else f"{row[column]:.4g}" for column in columns)
            print(f"{title:18}" + "".join(f"{cell:>11}" for cell in cells))
    unlike = metrics["feed"]["unlike_the_clip"]
    print(f"unlike the clip alone: {unlike} posts of the feed")


def _roc_auc(scores: Scores, unsafe: Labels) -> float | None:
    """Mann-Whitney's U."""
    high, low = scores[unsafe][:, None], scores[~unsafe][None, :]
    if not high.size or not low.size:
        return None
    return round(float((high > low).mean() + 0.5 * (high == low).mean()), 4)


def _average_precision(scores: Scores, unsafe: Labels) -> float | None:
    if not unsafe.any():
        return None
    ranked = unsafe[np.argsort(-scores, kind="stable")]
    precisions = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return round(float(precisions[ranked].mean()), 4)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
