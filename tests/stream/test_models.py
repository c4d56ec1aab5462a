"""Other models than the ones that scored the rows: their folder alone changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stream.messages import a_post
from tests.stream.stack import JOB, Stack


def test_a_third_model_scores_and_what_is_stored_is_scored_by_it_too(stack: Stack) -> None:
    stack.send(a_post(f"model-{number}", caption=f"phở {number}") for number in range(12))
    stack.settle()
    before = stack.sql("SELECT DISTINCT model FROM scored_posts WHERE post_id LIKE 'model-%'")
    (first,) = [row["model"] for row in before]

    # A model that contradicts the first of its kind in everything: their mean is one half.
    place = stack.models / "manifest.json"
    kept = place.read_text()
    manifest = json.loads(kept)
    captions = next(model for model in manifest["models"] if model["sees"] == "caption")
    slope, shift = captions["calibration"]
    contrary = {**captions, "name": "contrary", "calibration": [-slope, -shift]}
    manifest["models"].append(contrary)
    try:
        place.write_text(json.dumps(manifest))
        stack.compose("restart", JOB)
        stack.wait_until_streaming()
        stack.compose("run", "--rm", "--no-deps", "rescore")
        stack.wait_for(
            lambda: not stack.sql(f"SELECT FROM scored_posts WHERE model = '{first}'"),
            "all rows are by the new models",
        )
        rows = stack.sql("SELECT * FROM scored_posts WHERE post_id LIKE 'model-%'")
        assert len(rows) == 12
        (second,) = {row["model"] for row in rows}
        for row in rows:
            assert row["text_score"] == pytest.approx(0.5, abs=1e-6)
        stack.settle()
        named = stack.sql("SELECT model, manifest FROM scoring_models ORDER BY used_at")
        assert [row["model"] for row in named][-2:] == [first, second]
        assert named[-1]["manifest"] == manifest
    finally:
        place.write_text(kept)
        stack.compose("restart", JOB)
        stack.wait_until_streaming()


def test_a_tokenizer_as_transformers_keeps_it_serves_as_well_as_our_vocabulary(
    stack: Stack,
) -> None:
    script = Path(__file__).with_name("pretrained.py").read_bytes()
    told = stack.compose("exec", "-T", JOB, "python3", "-", stdin=script)
    assert float(told) < 1e-6
