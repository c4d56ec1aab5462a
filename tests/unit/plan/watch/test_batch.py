"""What a batch of edits asks for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from composetasks.facts import (
    Edit,
    Hook,
    Rebuild,
    Restart,
    RunHook,
    Sync,
    WatchAction,
    WatchRule,
)
from composetasks.plan.watch.batch import after_initial, described, operations, rebuilt_alone
from tests.unit.worlds import built, model, service, world

SYNC = WatchRule("web", WatchAction.SYNC, "/p/src", "/app")
FILE = WatchRule("web", WatchAction.SYNC, "/p/a.conf", "/etc/a.conf")
BUILD = WatchRule("web", WatchAction.REBUILD, "/p")
HOOK = Hook(("reload",))
HOOKED = WatchRule("web", WatchAction.SYNC_EXEC, "/p/src", "/hooked", hook=HOOK)


def edit(name: str, *rules: WatchRule, change: str = "modified") -> Edit:
    path = f"/p/{name}"
    below = tuple(path.removeprefix(rule.path).removeprefix("/") for rule in rules)
    return Edit(path, name, change, rules, below)


def test_each_thing_is_done_once_and_images_come_first() -> None:
    api = WatchRule("api", WatchAction.SYNC_RESTART, "/p/src", "/srv/")
    edits = [
        edit("src/a", SYNC, HOOKED, api),
        edit("src/b", SYNC, HOOKED, api),
        edit("pkg", BUILD),
        edit("pkg2", BUILD),
    ]
    rebuild, web, other, restart, hook = operations(edits)
    assert isinstance(rebuild, Rebuild)
    assert (rebuild.services, described(rebuild.edits)) == (
        ("web",),
        "2 files changed, pkg among them",
    )
    assert isinstance(web, Sync)
    assert dict(web.copies) == {
        "/app/a": "/p/src/a",
        "/app/b": "/p/src/b",
        "/hooked/a": "/p/src/a",
        "/hooked/b": "/p/src/b",
    }
    assert isinstance(other, Sync)
    assert (other.service, dict(other.copies)["/srv/b"]) == ("api", "/p/src/b")
    assert isinstance(restart, Restart)
    assert restart.services == ("api",)
    assert isinstance(hook, RunHook)
    assert (hook.hook, len(hook.edits)) == (HOOK, 2)


def test_what_was_removed_is_removed_with_all_that_was_in_it_and_no_more() -> None:
    gone = [edit(f"src/{name}", SYNC, change="removed") for name in ("d", "d/a", "d/b/c", "dd")]
    (sync,) = operations(gone)
    assert isinstance(sync, Sync)
    assert (sync.copies, sync.removals) == ((), ("/app/d", "/app/dd"))


def test_a_file_goes_to_its_target_or_into_that_folder() -> None:
    (sync,) = operations([edit("a.conf", FILE)])
    assert isinstance(sync, Sync)
    assert sync.copies == (("/etc/a.conf", "/p/a.conf"),)
    (sync,) = operations([edit("a.conf", replace(FILE, target="/etc/"))])
    assert isinstance(sync, Sync)
    assert sync.copies == (("/etc/a.conf", "/p/a.conf"),)


def test_what_is_mounted_is_not_copied_and_still_acted_upon() -> None:
    mounted = replace(SYNC, action=WatchAction.SYNC_RESTART, mounted=True)
    (restart,) = operations([edit("src/a", mounted)])
    assert isinstance(restart, Restart)


def test_no_edit_asks_for_nothing() -> None:
    assert operations([]) == ()


NAMES = st.text("ab/.", min_size=1, max_size=6).filter(
    lambda name: not any(part in ("", ".", "..") for part in name.split("/"))
)


@given(st.lists(st.tuples(NAMES, st.sampled_from(["added", "modified", "removed"]))))
def test_nothing_is_written_or_removed_outside_the_target(names: list[tuple[str, str]]) -> None:
    for target in ("/app", "/app/", "/"):
        rule = replace(SYNC, target=target)
        edits = [edit(f"src/{name}", rule, change=change) for name, change in names]
        for one in operations(edits):
            assert isinstance(one, Sync)
            for place in (*(place for place, _ in one.copies), *one.removals):
                assert place.startswith(target.rstrip("/") + "/")
                assert place != "/"


def test_an_edit_of_one_is_no_reason_to_start_what_it_depends_on() -> None:
    web = built("web", depends_on=("db",))
    alone, names = rebuilt_alone(world(model(service("db"), web)), ("web",))
    assert names == ("web",)
    assert alone.model.services["web"].depends_on == ()


def test_what_an_initial_sync_has_copied_is_not_copied_again() -> None:
    begun = replace(SYNC, initial_sync=True)
    (both,) = operations(
        [
            edit("src/a", begun, HOOKED),
            edit("src/b", begun),
            edit("src/gone", begun, change="removed"),
        ]
    )[:1]
    assert isinstance(both, Sync)
    left = after_initial(both)
    assert left.copies == (("/hooked/a", "/p/src/a"),)
    assert left.removals == ("/app/gone",)
    (one,) = operations([edit("src/b", begun)])
    assert isinstance(one, Sync)
    assert after_initial(one).edits == ()
