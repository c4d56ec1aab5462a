from __future__ import annotations

import hashlib
import importlib.util
import json
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "train_eval_module"


def rows() -> list[dict[str, str]]:
    lines = (FOLDER / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_committed_sample_is_what_its_script_makes() -> None:
    specification = importlib.util.spec_from_file_location("make_sample", FOLDER / "make_sample.py")
    assert specification is not None
    assert specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert script.sample() == rows()


def test_the_committed_models_learned_from_this_sample() -> None:
    description = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    sample = hashlib.sha256((FOLDER / "sample.jsonl").read_bytes()).hexdigest()
    assert description["training"]["files"]["sample.jsonl"] == sample


def test_it_has_both_labels_in_both_languages_and_no_caption_twice() -> None:
    counts = Counter((row["language"], row["label"], row["split"]) for row in rows())
    assert len(counts) == 8
    assert min(counts.values()) >= 15
    assert len({row["caption"] for row in rows()}) == len(rows())
