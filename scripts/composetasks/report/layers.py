"""The document of ``layers``, and its page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from composetasks.facts.layers import place
from composetasks.facts.program import task
from composetasks.facts.units import size
from composetasks.report.documents import schema
from composetasks.report.text import clean, duration
from composetasks.run.masking import safe

if TYPE_CHECKING:
    from rich.text import Text

    from composetasks.plan.layers.costs import ImageCosts, LayerCost
    from composetasks.plan.layers.evidence import Advice
    from composetasks.plan.layers.predict import Prediction, Tried
    from composetasks.report.page import Page

SHOWN_INSTRUCTION = 90
UNKNOWN = "?"
CLASSES = ("first", "code", "requirements", "dockerfile", "base")


def document(costs: Sequence[ImageCosts], tried: Sequence[Tried] | None = None) -> dict[str, Any]:
    """What was found, by docs/reference/schemas/layers-1.json; ``tried`` are the edits that were
    made to compare."""
    found: dict[str, Any] = {
        "schema": schema("layers"),
        "images": [_image(one) for one in costs],
    }
    if tried is not None:
        errors = [one.error for one in tried if one.error is not None]
        found["validation"] = {
            "edits": [_tried(one) for one in tried],
            "median_error": round(statistics.median(errors), 3) if errors else None,
        }
    return found


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "service": one.service,
        **_prediction(one.prediction),
        "actual_seconds": round(one.seconds, 2),
        "error": None if one.error is None else round(one.error, 3),
        "ran": [safe(step) for step in one.ran],
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


def _prediction(one: Prediction) -> dict[str, Any]:
    return {
        "edit": one.edit.value,
        "path": one.path or None,
        "line": one.line,
        "layers": len(one.layers),
        "seconds": None if one.seconds is None else round(one.seconds, 2),
    }


def _advice(one: Advice) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "lines": list(one.lines),
        "message": one.message,
        "saves_seconds_per_week": round(one.saves_seconds_per_week, 1),
        "measured_seconds_per_week": None if one.measured is None else round(one.measured, 1),
    }


# --- the page -------------------------------------------------------------------------------


def unmeasured(image: Mapping[str, Any]) -> bool:
    """Whether an image has steps, of which nobody knows what one takes."""
    return not any(layer["seconds"] for layer in image["layers"]) and any(
        layer["seconds"] is None for layer in image["layers"]
    )


def show(page: Page, found: Mapping[str, Any]) -> None:
    """Show the document: each image with its layers and advice, then what edits cost."""
    for image in found["images"]:
        _show_image(page, image)
    if not found["images"]:
        return
    page.line("seconds until it is built again, after an edit of", "bold")
    header = ["", *CLASSES]
    rows: list[list[Text | str]] = []
    for image in found["images"]:
        by_edit = {one["edit"]: one for one in image["predictions"]}
        rows.append([image["service"], *(_seconds(by_edit.get(name)) for name in CLASSES)])
    page.table(rows, header)
    for image in found["images"]:
        for one in image["edits"]:
            page.line(edit_line(image, one))
    if "validation" in found:
        _show_validation(page, found["validation"])


def _show_validation(page: Page, validation: Mapping[str, Any]) -> None:
    rows: list[list[Text | str]] = [
        [
            one["service"],
            one["edit"],
            one["path"] or "",
            _seconds(one),
            duration(one["actual_seconds"]),
            "" if one["error"] is None else f"{one['error']:.0%}",
        ]
        for one in validation["edits"]
    ]
    page.line("")
    page.line("each edit made on a copy, and built", "bold")
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
            _cut(layer["instruction"]),
            UNKNOWN if layer["seconds"] is None else duration(layer["seconds"]),
            "" if layer["bytes"] is None else size(layer["bytes"]),
            str(layer["changes"]) if layer["files"] else "",
            str(layer["remade"] or ""),
        ]
        for layer in sorted(image["layers"], key=lambda layer: int(layer["line"]))
    ]
    page.table(rows, ["  line", "instruction", "took", "size", "changes", "made again"])
    if unmeasured(image):
        page.line(
            "  what its steps take is not known, since none of them ran here: "
            f"{task('build --no-cache ' + image['service'])} shows it",
            "yellow",
        )
    for one in image["advice"]:
        first, last = one["lines"]
        where = place(image["dockerfile"], first) + ("" if first == last else f" to {last}")
        saves = f"{duration(one['saves_seconds_per_week'])} a week"
        if one["measured_seconds_per_week"] is not None:
            saves += f", measured {duration(one['measured_seconds_per_week'])}"
        page.line(f"  {where}: {one['message']} (saves {saves})", "yellow")
    page.line("")


def _seconds(prediction: Mapping[str, Any] | None) -> str:
    if prediction is None:
        return "-"
    return UNKNOWN if prediction["seconds"] is None else duration(prediction["seconds"])


def edit_line(image: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    """What an edit of one file costs an image, in a sentence."""
    service = image["service"]
    if not one["layers"]:
        return f"{service}: an edit of {one['path']} builds nothing again"
    took = "seconds unknown" if one["seconds"] is None else duration(one["seconds"])
    where = place(image["dockerfile"], one["line"])
    return f"{service}: an edit of {one['path']} builds all again from {where}: {took}"


def tried_line(one: Tried) -> str:
    """An edit that was made and built, in a sentence."""
    said = one.prediction.seconds
    predicted = "nothing predicted" if said is None else f"predicted {duration(said)}"
    what = one.prediction.path or one.prediction.edit.value
    return f"{one.service}: after an edit of {what}: {predicted}, took {duration(one.seconds)}"


def _cut(text: str) -> str:
    text = clean(text)
    return text if len(text) <= SHOWN_INSTRUCTION else f"{text[: SHOWN_INSTRUCTION - 1]}…"
