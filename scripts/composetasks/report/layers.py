"""The document of ``layers``, and its page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.facts.layers import place
from composetasks.facts.plain_text import clean, cut
from composetasks.facts.program import task
from composetasks.facts.units import size
from composetasks.report.documents import schema
from composetasks.report.text import duration
from composetasks.run.masking import safe

if TYPE_CHECKING:
    from rich.text import Text

    from composetasks.plan.layers.costs import ImageCosts, LayerCost
    from composetasks.plan.layers.evidence import Advice
    from composetasks.plan.layers.predict import Prediction, TriedEdit
    from composetasks.report.page import Page

SHOWN_INSTRUCTION = 90
UNKNOWN = "?"
CLASSES = ("first", "code", "requirements", "dockerfile", "base")


def document(
    costs: Sequence[ImageCosts], tried: Sequence[TriedEdit] | None = None
) -> dict[str, Any]:
    """The results in the form of docs/reference/schemas/layers-1.json; ``tried`` are the edits that
    were made for comparison."""
    layers: dict[str, Any] = {
        "schema": schema("layers"),
        "images": [_image(one) for one in costs],
    }
    if tried is not None:
        errors = [one.error for one in tried if one.error is not None]
        layers["validation"] = {
            "edits": [_tried(one) for one in tried],
            "median_error": round(statistics.median(errors), 3) if errors else None,
        }
    return layers


def _tried(tried: TriedEdit) -> dict[str, Any]:
    return {
        "service": tried.service,
        **_prediction(tried.prediction),
        "actual_seconds": round(tried.seconds, 2),
        "error": None if tried.error is None else round(tried.error, 3),
        "ran": [safe(step) for step in tried.ran],
    }


def _image(costs: ImageCosts) -> dict[str, Any]:
    of_classes = [one for one in costs.predictions if one.edit.value in CLASSES]
    others = [one for one in costs.predictions if one.edit.value not in CLASSES]
    return {
        "service": costs.image.service,
        "image": costs.image.image,
        "dockerfile": costs.image.dockerfile,
        "bytes": costs.image.bytes,
        "layers": [_layer(one) for one in costs.layers],
        "predictions": [_prediction(one) for one in of_classes],
        "edits": [_prediction(one) for one in others],
        "advice": [_advice(one) for one in costs.advice],
    }


def _layer(cost: LayerCost) -> dict[str, Any]:
    layer = cost.layer
    return {
        "line": layer.line,
        "instruction": safe(layer.instruction),
        "stage": layer.stage,
        "seconds": layer.time.last if layer.time else None,
        "first_seconds": layer.time.first if layer.time else None,
        "bytes": layer.bytes,
        "files": list(layer.files),
        "changes": cost.changes,
        "remade": cost.remade,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {
        "edit": prediction.edit.value,
        "path": prediction.path or None,
        "line": prediction.line,
        "layers": len(prediction.layers),
        "seconds": None if prediction.seconds is None else round(prediction.seconds, 2),
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "kind": advice.kind.value,
        "lines": list(advice.lines),
        "message": advice.message,
        "saves_seconds_per_week": round(advice.saves_seconds_per_week, 1),
        "measured_seconds_per_week": None if advice.measured is None else round(advice.measured, 1),
    }


# --- the page -------------------------------------------------------------------------------


def unmeasured(image: Mapping[str, Any]) -> bool:
    """Whether an image has steps but the duration of none of them is known."""
    return not any(layer["seconds"] for layer in image["layers"]) and any(
        layer["seconds"] is None for layer in image["layers"]
    )


def show(page: Page, layers: Mapping[str, Any]) -> None:
    """Show the document: each image with its layers and advice, then the cost of edits."""
    for image in layers["images"]:
        _show_image(page, image)
    if not layers["images"]:
        return
    page.line("seconds to rebuild after an edit of", "bold")
    header = ["", *CLASSES]
    rows: list[list[Text | str]] = []
    for image in layers["images"]:
        by_edit = {one["edit"]: one for one in image["predictions"]}
        rows.append([image["service"], *(_seconds(by_edit.get(name)) for name in CLASSES)])
    page.table(rows, header)
    for image in layers["images"]:
        for edit in image["edits"]:
            page.line(edit_line(image, edit))
    if "validation" in layers:
        _show_validation(page, layers["validation"])


def _show_validation(page: Page, validation: Mapping[str, Any]) -> None:
    rows: list[list[Text | str]] = [
        [
            edit["service"],
            edit["edit"],
            edit["path"] or "",
            _seconds(edit),
            duration(edit["actual_seconds"]),
            "" if edit["error"] is None else f"{edit['error']:.0%}",
        ]
        for edit in validation["edits"]
    ]
    page.line("")
    page.line("each edit was made on a copy, which was built", "bold")
    page.table(rows, ["", "edit", "file", "predicted", "took", "error"])
    if validation["median_error"] is not None:
        page.line(f"median error: {validation['median_error']:.0%}", "bold")


def _show_image(page: Page, image: Mapping[str, Any]) -> None:
    total = "" if image["bytes"] is None else f", {size(image['bytes'])}"
    where = f", {image['dockerfile']}" if image["dockerfile"] else ""
    page.line(f"{image['service']}: {image['image']}{total}{where}", "bold")
    rows: list[list[Text | str]] = [
        [
            f"  {layer['line']}",
            cut(clean(layer["instruction"]), SHOWN_INSTRUCTION),
            UNKNOWN if layer["seconds"] is None else duration(layer["seconds"]),
            "" if layer["bytes"] is None else size(layer["bytes"]),
            str(layer["changes"]) if layer["files"] else "",
            str(layer["remade"] or ""),
        ]
        for layer in sorted(image["layers"], key=lambda layer: int(layer["line"]))
    ]
    page.table(rows, ["  line", "instruction", "took", "size", "changes", "rebuilt"])
    if unmeasured(image):
        page.line(
            "  the duration of its steps is not known, since none of them ran here: "
            f"{task('build --no-cache ' + image['service'])} shows it",
            "yellow",
        )
    for advice in image["advice"]:
        first, last = advice["lines"]
        where = place(image["dockerfile"], first) + ("" if first == last else f" to {last}")
        saves = f"{duration(advice['saves_seconds_per_week'])} a week"
        if advice["measured_seconds_per_week"] is not None:
            saves += f", measured {duration(advice['measured_seconds_per_week'])}"
        page.line(f"  {where}: {advice['message']} (saves {saves})", "yellow")
    page.line("")


def _seconds(prediction: Mapping[str, Any] | None) -> str:
    if prediction is None:
        return "-"
    return UNKNOWN if prediction["seconds"] is None else duration(prediction["seconds"])


def edit_line(image: Mapping[str, Any], edit: Mapping[str, Any]) -> str:
    """The cost of an edit of one file for an image, as a sentence."""
    service = image["service"]
    if not edit["layers"]:
        return f"{service}: an edit of {edit['path']} rebuilds nothing"
    took = "seconds unknown" if edit["seconds"] is None else duration(edit["seconds"])
    where = place(image["dockerfile"], edit["line"])
    return f"{service}: an edit of {edit['path']} rebuilds everything from {where}: {took}"


def tried_line(tried: TriedEdit) -> str:
    """An edit that was made and built, as a sentence."""
    seconds = tried.prediction.seconds
    predicted = "no prediction" if seconds is None else f"predicted {duration(seconds)}"
    what = tried.prediction.path or tried.prediction.edit.value
    return f"{tried.service}: after an edit of {what}: {predicted}, took {duration(tried.seconds)}"
