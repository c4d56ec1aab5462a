"""What a build context should leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from composetasks.facts import Build
from composetasks.observe.init.contexts import left_out
from tests.unit.worlds import model, service

ALL = "FROM scratch\nCOPY . /app\n"


def patterns(folder: Path) -> list[tuple[str, str]]:
    web = service("web", build=Build(str(folder), "Dockerfile", {}))
    return list(left_out(folder, model(web, directory=folder)))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "Dockerfile").write_text(ALL)
    return tmp_path


def test_a_copy_of_everything_should_leave_out_git_and_us(shop: Path) -> None:
    assert patterns(shop) == [("", ".composetasks"), ("", ".git")]


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM scratch\nCOPY src /app\n",
        "FROM scratch\nCOPY --from=web . /app\n",
        f"{ALL}COPY .git /app/.git\n",
        f"{ALL}RUN --mount=type=bind,source=.git,target=.git make\n",
        f"{ALL}RUN git rev-parse HEAD > /version\n",
        f"{ALL}RUN apt-get install -y curl git\n",
        f"{ALL}RUN CGO_ENABLED=0 go build -o /shop ./cmd/shop\n",
    ],
)
def test_git_stays_where_it_makes_no_difference_or_a_dockerfile_asks_for_it(
    shop: Path, dockerfile: str
) -> None:
    (shop / "Dockerfile").write_text(dockerfile)
    assert patterns(shop) == [("", ".composetasks")]


@pytest.mark.parametrize(
    ("name", "text", "stays"),
    [
        ("pyproject.toml", '[build-system]\nrequires = ["setuptools-scm>=8"]\n', True),
        ("pyproject.toml", 'requires = ["setuptools-git-versioning"]\n', True),
        ("pyproject.toml", 'requires = ["versioningit"]\n', True),
        ("build.gradle", "plugins { id 'com.palantir.git-version' version '3.1.0' }\n", True),
        ("package.json", '{"scripts": {"version": "git describe --tags"}}', True),
        ("package.json", '{"repository": {"type": "git", "url": "git+https://x/y"}}', False),
    ],
)
def test_git_stays_where_the_version_of_what_is_built_comes_from_it(
    shop: Path, name: str, text: str, stays: bool
) -> None:
    (shop / name).write_text(text)
    assert (("", ".git") not in patterns(shop)) is stays


def test_the_git_file_of_a_submodule_changes_with_no_commit(shop: Path) -> None:
    (shop / ".git").rmdir()
    (shop / ".git").write_text("gitdir: ../.git/modules/shop\n")
    assert patterns(shop) == [("", ".composetasks")]
