"""What jobs mount, as digests that change with what counts and with nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from composetasks.facts import Build, Model, Mount
from composetasks.observe.start.jobs import mounted_digests
from tests.unit.worlds import model, service


def bind(source: Path, *, read_only: bool = False) -> Mount:
    return Mount("bind", str(source), "/in", read_only=read_only)


class Shop:
    """A project in a folder, whose ``job`` mounts some of it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder / "shop", folder / "cache"
        self.cache.mkdir()
        for name in ("sql", "data", "code"):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name / "one").write_text("one")

    def model(self, *mounts: Mount, others: tuple[Mount, ...] = (), **changes: object) -> Model:
        context = str(self.folder / "code")
        return model(
            service("job", mounts=mounts, **changes),
            service("web", mounts=others, build=Build(context, "Dockerfile", {"context": context})),
            directory=self.folder,
            files=(self.folder / "compose.yaml",),
        )

    def digests(self, of: Model) -> dict[str, str]:
        return mounted_digests(of, ["job"], self.cache)["job"]

    def changed(self, of: Model, change: Callable[[], object]) -> list[str]:
        """The mounted sources whose digest a change changes, as paths in the project."""
        before = self.digests(of)
        change()
        after = self.digests(of)
        return [
            str(Path(source).relative_to(self.folder))
            for source in after
            if after[source] != before.get(source)
        ]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_file_that_is_added_edited_or_removed(shop: Shop) -> None:
    of = shop.model(bind(shop.folder / "sql", read_only=True))
    new = shop.folder / "sql" / "V2"
    assert shop.changed(of, lambda: new.write_text("two")) == ["sql"]
    assert shop.changed(of, lambda: new.write_text("2")) == ["sql"]
    assert shop.changed(of, new.touch) == [], "the same content"
    assert shop.changed(of, new.unlink) == ["sql"]


def test_a_single_file_behind_a_link_and_one_that_is_missing(shop: Shop) -> None:
    link = shop.folder / "link"
    link.symlink_to("sql/one")
    of = shop.model(bind(link), bind(shop.folder / "none"))
    assert shop.changed(of, lambda: (shop.folder / "sql/one").write_text("two")) == ["link"]
    assert shop.changed(of, lambda: (shop.folder / "none").write_text("there")) == ["none"]


def test_state_is_no_input_and_code_is_one(shop: Shop) -> None:
    places = [bind(shop.folder / "data"), bind(shop.folder / "code")]
    of = shop.model(*places, others=tuple(places))
    assert shop.changed(of, lambda: (shop.folder / "data/two").write_text("two")) == []
    assert shop.changed(of, lambda: (shop.folder / "code/two").write_text("two")) == ["code"]


def test_the_whole_project_without_what_tools_and_services_write_in_it(shop: Shop) -> None:
    of = shop.model(bind(shop.folder), others=(bind(shop.folder / "data"),))
    for name in (".git/index", ".composetasks/lock", "code/__pycache__/x.pyc", "data/two"):
        place = shop.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)

        def write(place: Path = place) -> None:
            place.write_text("two")

        write()
        assert shop.changed(of, write) == [], name
    assert shop.changed(of, lambda: (shop.folder / "compose.yaml").write_text("a: b")) == ["."]


def test_empty_folders_that_a_start_makes_are_no_input(shop: Shop) -> None:
    inner = (Mount("volume", "", "/in/node_modules"), Mount("volume", "v", "/in/a/b/.venv"))
    of = shop.model(bind(shop.folder, read_only=True), *inner)
    assert shop.changed(of, (shop.folder / "node_modules").mkdir) == []
    assert shop.changed(of, lambda: (shop.folder / "a/b/.venv").mkdir(parents=True)) == []
    assert shop.changed(of, (shop.folder / "a/x").touch) == ["."]
    assert shop.changed(of, (shop.folder / "other").mkdir) == ["."]


def test_folders_of_the_machine_are_not_walked(shop: Shop) -> None:
    assert shop.digests(shop.model(bind(Path("/")), bind(Path("/usr")))) == {}


def test_files_of_secrets_and_inline_configs(shop: Shop) -> None:
    secret = shop.folder / "password.txt"
    secret.write_text("one")
    of = shop.model(needs=(str(secret),), inline={"/etc/it": "digest"})
    assert shop.digests(of)["/etc/it"] == "digest"
    assert shop.changed(of, lambda: secret.write_text("two")) == ["password.txt"]
