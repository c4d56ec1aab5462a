from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "train_eval_module"


def rows() -> list[dict[str, str]]:
    lines = (FOLDER / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_committed_sample_is_what_its_script_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    specification = importlib.util.spec_from_file_location("make_sample", FOLDER / "make_sample.py")
    assert specification is not None
    assert specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "make_sample", script)
    specification.loader.exec_module(script)
    assert script.sample() == rows()


def test_the_committed_models_learned_from_this_sample_by_these_scripts() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    for name, digest in manifest["training"]["files"].items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest, name


def test_what_is_held_out_is_by_authors_of_whom_nothing_was_learned() -> None:
    splits: dict[str, set[str]] = {}
    for row in rows():
        splits.setdefault(row["author"], set()).add(row["split"])
    assert all(len(found) == 1 for found in splits.values())
    learned = {row["caption"].lower() for row in rows() if row["split"] == "train"}
    assert not learned & {row["caption"].lower() for row in rows() if row["split"] == "test"}


def test_the_feed_is_not_in_it() -> None:
    feed = json.loads((FOLDER.parent / "compose" / "feed" / "posts.json").read_text("utf-8"))
    captions = {row["caption"].lower().rstrip(".!") for row in rows()}
    assert not captions & {post["caption"].lower() for post in feed}
    assert not {row["author"] for row in rows()} & {post["author"] for post in feed}


def test_it_has_every_class_in_both_languages_and_no_caption_twice() -> None:
    counts = Counter((row["language"], row["topic"], row["split"]) for row in rows())
    assert len(counts) == 2 * 9 * 2
    assert min(counts.values()) >= 35
    assert len({row["caption"] for row in rows()}) == len(rows())


def test_the_models_are_as_good_as_is_claimed() -> None:
    metrics = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    for result in (metrics["fusion"], *metrics["fusion"]["by_language"].values(), metrics["feed"]):
        assert result["recall"] >= 0.9
        assert result["precision"] >= 0.8
    assert metrics["feed"]["unlike_the_clip"] >= 5
