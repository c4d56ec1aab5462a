"""Code is told from state by git; where git can't tell, only a name in the settings does."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.observe.state.code_folders import why_no_state
from tests.repositories import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("code")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows").write_text("state")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "code")
    return tmp_path


def test_what_git_tracks_is_code_also_before_the_first_commit(repository: Path) -> None:
    assert "git tracks its content" in why_no_state(
        repository / "code", project=repository, named=False
    )


def test_a_name_in_the_settings_does_not_make_code_state(repository: Path) -> None:
    assert why_no_state(repository / "code", project=repository, named=True) != ""


def test_what_git_does_not_track_is_state(repository: Path) -> None:
    assert why_no_state(repository / "data", project=repository, named=False) == ""


def test_a_folder_that_is_not_there_yet_may_be_state(repository: Path) -> None:
    assert why_no_state(repository / "new" / "data", project=repository, named=False) == ""


def test_one_tracked_file_makes_a_folder_code(repository: Path) -> None:
    git(repository, "add", "-f", "data/rows")
    assert why_no_state(repository / "data", project=repository, named=False) != ""


def test_a_tracked_file_that_is_gone_from_disk_still_counts(repository: Path) -> None:
    (repository / "code" / "app.py").unlink()
    assert why_no_state(repository / "code", project=repository, named=False) != ""


def test_where_there_is_no_git_a_name_is_needed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert "without files in git" in why_no_state(tmp_path / "data", project=tmp_path, named=False)
    assert why_no_state(tmp_path / "data", project=tmp_path, named=True) == ""


def test_a_repository_that_tracks_nothing_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    git(tmp_path, "init", "-q")
    assert why_no_state(tmp_path / "code", project=tmp_path, named=False) != ""


@pytest.mark.parametrize("inner", [".", "deep", "deep/er"])
def test_a_clone_in_an_ignored_folder_is_code(repository: Path, inner: str) -> None:
    (repository / ".gitignore").write_text("clones/\n")
    clone = repository / "clones" / inner
    clone.mkdir(parents=True)
    git(clone, "init", "-q")
    assert (
        why_no_state(repository / "clones", project=repository, named=True)
        == "it contains a git repository"
    )


def test_a_copy_in_an_ignored_folder_is_not_told_apart_by_the_git_around_it(
    repository: Path,
) -> None:
    (repository / ".gitignore").write_text("copies/\n")
    copy = repository / "copies" / "one"
    (copy / "code").mkdir(parents=True)
    (copy / "code" / "app.py").write_text("code")
    assert "without files in git" in why_no_state(copy / "code", project=copy, named=False)
    assert why_no_state(copy / "code", project=copy, named=True) == ""


def test_a_folder_within_a_submodule_is_code_where_that_tracks_it(repository: Path) -> None:
    inner = repository / "sub"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "lib").mkdir()
    (inner / "lib" / "x").write_text("code")
    git(inner, "add", "lib")
    assert "git tracks its content" in why_no_state(inner / "lib", project=repository, named=False)


@pytest.mark.parametrize("folder", ["src", "rows"])
def test_the_repository_that_a_git_hook_names_is_not_asked(
    repository: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = repository / "deploy"
    for name in ("src", "rows"):
        (project / name).mkdir(parents=True)
        (project / name / "file").write_text("content")
    git(repository, "add", "deploy/src")
    told = why_no_state(project / folder, project=project, named=False)
    assert bool(told) is (folder == "src")
    # As git sets it for a hook in a linked work tree: the work tree is then the current folder.
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert why_no_state(project / folder, project=project, named=False) == told
