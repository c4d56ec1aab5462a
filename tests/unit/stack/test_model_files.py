from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from processing.model_files import CAPTION, CLIP, MANIFEST, UnusableModel
from processing.model_files import read_model_files as read

MODELS = Path(__file__).parents[3] / "train_eval_module"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the trained models."""
    for name in (MANIFEST, *json.loads((MODELS / MANIFEST).read_text())["files"]):
        shutil.copy(MODELS / name, tmp_path)
    return tmp_path


def rewrite(folder: Path, **changes: Any) -> None:
    """Changes parts of the manifest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def test_the_models_in_the_repository_belong_together() -> None:
    files = read(MODELS)
    assert [model["name"] for model in files.seeing(CAPTION)] == ["captions"]
    assert [model["name"] for model in files.seeing(CLIP)] == ["clips"]
    assert files.frame_size == 48
    assert sum(map(len, files.files.values())) < 1_500_000


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "clips.onnx").unlink()
    with pytest.raises(UnusableModel, match=r"clips.onnx: No such file .* run train\.py"):
        read(folder)


def test_a_file_of_another_training_is_named(folder: Path) -> None:
    with (folder / "captions.spm").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UnusableModel, match=f"captions.spm is not the file {MANIFEST} names"):
        read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"models": 1, "files": {}}', "\xff"])
def test_a_manifest_that_makes_no_sense_is_told(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_bytes(text.encode("latin-1"))
    with pytest.raises(UnusableModel, match="can't be used"):
        read(folder)


def test_what_nothing_sees_is_told(folder: Path) -> None:
    rewrite(folder, models=[dict(model) for model in read(folder).seeing(CAPTION)])
    with pytest.raises(UnusableModel, match="no model sees the clip"):
        read(folder)


def test_the_digest_changes_with_what_decides_and_with_nothing_else(folder: Path) -> None:
    first = read(folder).digest
    rewrite(folder, metrics={})
    assert read(folder).digest == first
    rewrite(folder, fusion={"exponent": 1.5})
    assert read(folder).digest != first


def test_clips_are_decoded_as_large_as_the_most_demanding_model_wants_them(folder: Path) -> None:
    files = read(folder)
    (clips,) = files.seeing(CLIP)
    rewrite(folder, models=[*files.seeing(CAPTION), clips, {**clips, "name": "other", "size": 96}])
    assert read(folder).frame_size == 96


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"file": "other.onnx"}, "clips needs other.onnx, which is not among its files"),
        ({"size": 0}, "frames and size must be above 0"),
        ({"unsafe": ["red"]}, "what is unsafe must be among its classes"),
        ({"calibration": [1]}, "can't be used"),
        ({"calibration": ["nan", 0]}, "calibration must be two numbers"),
        ({"frames": "many"}, "can't be used"),
    ],
)
def test_an_entry_that_lacks_what_its_model_needs_is_told(
    folder: Path, change: dict[str, Any], why: str
) -> None:
    files = read(folder)
    (clips,) = files.seeing(CLIP)
    rewrite(folder, models=[*files.seeing(CAPTION), {**clips, **change}])
    with pytest.raises(UnusableModel, match=why):
        read(folder)
