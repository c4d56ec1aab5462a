"""Validates what ``--json`` prints against the schemas users are given."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parent.parent / "docs" / "reference" / "schemas"


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}-1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def validate(document: Any) -> Any:
    """``document`` itself, once it is seen to be what its schema says.

    Every document names its schema, a line of a stream too; a log line has just its fields.
    """
    if document.get("event") == "log" and "schema" not in document:
        _validator("log").validate(document)
        return document
    name, version = document["schema"].removeprefix("composetasks.").split("/")
    assert version == "1"
    _validator(name).validate(document)
    return document
