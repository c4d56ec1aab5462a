from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from processing.model_files import DESCRIPTION, TEXT_FILE, VIDEO_FILE, UnusableModel
from processing.model_files import read_model_files as read

MODELS = Path(__file__).parents[3] / "train_eval_module"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the trained models."""
    for name in (DESCRIPTION, TEXT_FILE, VIDEO_FILE):
        shutil.copy(MODELS / name, tmp_path)
    return tmp_path


def test_the_models_in_the_repository_belong_together() -> None:
    files = read(MODELS)
    assert files.shape.buckets == 4096
    assert len(files.text) + len(files.video) < 1_000_000


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / VIDEO_FILE).unlink()
    with pytest.raises(UnusableModel, match=rf"{VIDEO_FILE}: No such file .* run train\.py"):
        read(folder)


def test_a_file_of_another_training_is_named(folder: Path) -> None:
    with (folder / TEXT_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(UnusableModel, match=f"{TEXT_FILE} is not the file {DESCRIPTION} names"):
        read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shape": {"colour": 1}}', "\xff"])
def test_a_description_that_makes_no_sense_is_told(folder: Path, text: str) -> None:
    (folder / DESCRIPTION).write_bytes(text.encode("latin-1"))
    with pytest.raises(UnusableModel, match="can't be used"):
        read(folder)
