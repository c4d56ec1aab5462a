"""What is watched: develop.watch, or what images are built from."""

from __future__ import annotations

from typing import Any

from composetasks.facts import Build, ExitCode, Hook, Mount, Service, WatchAction, WatchRule
from composetasks.plan.watch.rules import watch_rules
from tests.unit.worlds import HERE, built, model, service


def developed(of: Any, *rules: dict[str, Any], **changes: Any) -> Service:
    config = {"develop": {"watch": [{"exec": {"command": None}, **rule} for rule in rules]}}
    made: Service = of("web", config=config, **changes)
    return made


def test_a_rule_is_what_the_model_says() -> None:
    web = developed(
        built,
        {"path": "/p/src/", "action": "sync", "target": "/app", "ignore": ["a/"], "include": ["b"]},
        {"path": "/p/pkg", "action": "rebuild"},
        {
            "path": "/p/c",
            "action": "sync+exec",
            "target": "/c",
            "exec": {"command": ["kill", "1"], "user": "u", "environment": {"A": "b", "C": None}},
        },
    )
    result = watch_rules(model(web, built("other")), ())
    assert (result.blockers, result.warnings) == ((), ())
    assert result.rules == (
        WatchRule("web", WatchAction.SYNC, "/p/src", "/app", ("a/",), ("b",)),
        WatchRule("web", WatchAction.REBUILD, "/p/pkg"),
        WatchRule(
            *("web", WatchAction.SYNC_EXEC, "/p/c", "/c"),
            hook=Hook(("kill", "1"), "u", environment=("A=b", "C")),
        ),
    )


def test_what_is_mounted_there_is_not_copied() -> None:
    mounts = (Mount("bind", "/p", "/app"), Mount("volume", "/p", "/volume"))
    sync, restart, other = (
        {"path": "/p/src", "action": "sync", "target": "/app/src"},
        {"path": "/p/src", "action": "sync+restart", "target": "/app/src/"},
        {"path": "/p/src", "action": "sync", "target": "/elsewhere"},
    )
    result = watch_rules(model(developed(service, sync, restart, other, mounts=mounts)), ())
    assert [(one.target, one.mounted) for one in result.rules] == [
        *(("/app/src/", True), ("/elsewhere", False)),
    ]
    assert "nothing to sync" in result.warnings[0]


def test_a_rule_that_can_not_be_followed_is_refused() -> None:
    for rule, missing in (
        ({"path": "/p", "action": "rebuild"}, "a build section"),
        ({"path": "/p", "action": "sync"}, "a target"),
        ({"path": "/p", "action": "sync+exec", "target": "/a"}, "a command"),
    ):
        (blocker,) = watch_rules(model(developed(service, rule)), ()).blockers
        assert (blocker.code, missing in blocker.message) == (ExitCode.INVALID, True)


def test_without_a_develop_section_what_images_are_built_from_is_watched() -> None:
    context = str(HERE / "web")
    named = {"additional_contexts": {"a": "/a", "b": "docker-image://b"}}
    for dockerfile, outside in (
        ("Dockerfile", []),
        ("../dev.Dockerfile", ["dev.Dockerfile", "dev.Dockerfile.dockerignore"]),
    ):
        web = built("web", build=Build(context, dockerfile, named))
        result = watch_rules(model(web, service("db")), ())
        assert [(one.service, one.action, one.path, one.declared) for one in result.rules] == [
            ("web", WatchAction.REBUILD, path, False)
            for path in (context, "/a", *(str(HERE / name) for name in outside))
        ]


def test_a_named_service_without_one_is_told_beside_others_that_have_one() -> None:
    web = developed(built, {"path": "/p", "action": "rebuild"})
    both = model(web, built("api"))
    assert watch_rules(both, ()).warnings == ()
    result = watch_rules(both, ("web", "api"))
    assert {one.service for one in result.rules} == {"web"}
    assert result.warnings[0].startswith("api has no develop section")
    assert {one.service for one in watch_rules(both, ("api",)).rules} == {"api"}


def test_nothing_to_watch_is_refused() -> None:
    (blocker,) = watch_rules(model(service("db")), ()).blockers
    assert blocker.code is ExitCode.INVALID
