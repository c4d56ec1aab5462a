"""The copy of a project that trials are made in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from composetasks.apply.layers.trial import copy_project, ran


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project within a repository, with what git ignores and what lies beside it."""
    top = tmp_path / "top"
    for path in ("shop/web/a", "shop/ignored/x", "shop/new", "other/b", "shop/.composetasks/c"):
        place = top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(path)
    (top / ".gitignore").write_text("ignored/\n.composetasks/\n")
    (top / "shop/web/a").chmod(0o755)
    (top / "shop/web").chmod(0o700)
    (top / "shop/link").symlink_to("web/a")
    return top / "shop"


def git(shop: Path) -> None:
    for arguments in (["init", "-q"], ["add", "shop/web", "other", "shop/link", ".gitignore"]):
        subprocess.run(["git", *arguments], cwd=shop.parent, check=True)


def copied(target: Path) -> set[str]:
    return {
        str(p.relative_to(target)) for p in target.rglob("*") if not p.is_dir() or p.is_symlink()
    }


def test_what_git_knows_or_does_not_ignore_is_copied_from_its_top(
    shop: Path, tmp_path: Path
) -> None:
    git(shop)
    inner = copy_project(shop, tmp_path / "copy")
    assert inner == tmp_path / "copy/shop"
    assert copied(tmp_path / "copy") == {
        *(".gitignore", "other/b", "shop/link", "shop/new", "shop/web/a"),
    }


def test_modes_and_links_stay_and_times_are_new(shop: Path, tmp_path: Path) -> None:
    git(shop)
    inner = copy_project(shop, tmp_path / "copy")
    assert (inner / "web/a").stat().st_mode & 0o777 == 0o755
    assert (inner / "web").stat().st_mode & 0o777 == 0o700
    assert (inner / "link").readlink() == Path("web/a")
    assert (inner / "web/a").stat().st_mtime_ns > (shop / "web/a").stat().st_mtime_ns


def test_a_file_that_git_knows_and_that_is_gone_is_left_out(shop: Path, tmp_path: Path) -> None:
    git(shop)
    (shop / "web/a").unlink()
    inner = copy_project(shop, tmp_path / "copy")
    assert not (inner / "web/a").exists()
    assert (inner / "new").exists()


def test_without_git_everything_but_our_own_folder_is_copied(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    inner = copy_project(shop, tmp_path / "copy")
    assert inner == tmp_path / "copy"
    assert copied(inner) == {"web/a", "ignored/x", "new", "link"}


def test_what_ran_is_told_without_bases_and_the_export() -> None:
    steps = [
        {"name": "[1/3] FROM debian", "cached": False},
        {"name": "[2/3] RUN a", "cached": True},
        {"name": "[web 3/3] COPY b /", "cached": False},
        {"name": "exporting to image", "cached": False},
    ]
    assert list(ran(steps)) == ["COPY b /"]
