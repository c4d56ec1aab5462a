"""What the adapter teaches Invoke's parser, held to the version it is pinned to."""

from __future__ import annotations

import invoke
import pytest
from invoke.exceptions import Exit
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser

from composetasks.facts import ExitCode
from composetasks.tasks import collection
from composetasks.tasks.verb_task import SHORT


def parse(*words: str) -> list[ParserContext]:
    namespace = collection()
    parser = Parser(contexts=namespace.to_contexts(), initial=ParserContext(args=()))
    return list(parser.parse_argv(list(words)))[1:]


def services(context: ParserContext) -> list[str]:
    return list(context.args["service"].value)


def test_invoke_is_of_the_version_this_was_written_for() -> None:
    assert invoke.__version__.startswith("3.0.")


def test_words_after_a_task_are_its_services() -> None:
    [build, up, logs] = parse("build", "web", "db", "up", "logs", "kafka")
    assert (build.name, services(build)) == ("build", ["web", "db"])
    assert (up.name, services(up)) == ("up", [])
    assert (logs.name, services(logs)) == ("logs", ["kafka"])


def test_words_and_flags_mix() -> None:
    [up] = parse("up", "web", "--timeout", "3", "-s", "db", "kafka", "--plan")
    assert services(up) == ["web", "db", "kafka"]
    assert up.args["timeout"].value == "3"
    assert up.args["plan"].value is True


def test_a_task_wins_over_a_service_of_its_name() -> None:
    assert [context.name for context in parse("up", "build")] == ["up", "build"]
    [up] = parse("up", "-s", "build")
    assert services(up) == ["build"]


def test_a_task_without_words_takes_none() -> None:
    with pytest.raises(Exit) as caught:
        parse("down", "web")
    assert caught.value.code == ExitCode.USAGE


def test_short_flags_mean_the_same_in_every_task() -> None:
    for context in collection().to_contexts():
        for argument in context.args.values():
            shorts = [name for name in argument.names if len(name) == 1]
            assert shorts == [SHORT[n] for n in (argument.name,) if n in SHORT]


def test_every_argument_has_its_help() -> None:
    for context in collection().to_contexts():
        for argument in context.args.values():
            assert argument.help, f"{context.name} --{argument.name}"


def test_a_narrowed_collection_has_the_named_tasks() -> None:
    assert set(collection(tasks=["up", "clean_orphans"]).task_names) == {"up", "clean-orphans"}
    with pytest.raises(ValueError, match="no task is called 'upp'"):
        collection(tasks=["upp"])


def of_exec(*words: str) -> tuple[list[str], list[str]]:
    [context] = parse("exec", *words)
    return services(context), list(context.args["command"].value)


@pytest.mark.parametrize(
    ("words", "service", "command"),
    [
        (["web", "build"], "web", ["build"]),
        (["build", "up"], "build", ["up"]),
        (["web", "ls", "-la", "--color=never"], "web", ["ls", "-la", "--color=never"]),
        (["-s", "web", "ls", "-s", "x"], "web", ["ls", "-s", "x"]),
        (["web", "--user", "0", "id", "--user"], "web", ["id", "--user"]),
        (["-T", "-e", "A=b=c", "-u", "up", "web", "env", "-T"], "web", ["env", "-T"]),
        (["web", "up", "exec", "--help", "--json"], "web", ["up", "exec", "--help", "--json"]),
        (["web"], "web", []),
    ],
)
def test_a_command_is_left_as_it_is(words: list[str], service: str, command: list[str]) -> None:
    assert of_exec(*words) == ([service], command)


def test_a_task_before_a_command_is_a_task() -> None:
    [up, run] = parse("up", "web", "exec", "web", "down")
    assert (up.name, services(up)) == ("up", ["web"])
    assert (run.name, list(run.args["command"].value)) == ("exec", ["down"])


def test_every_task_can_be_imported_by_its_name() -> None:
    import composetasks.tasks as module

    assert all(getattr(module, str(task.name)) is task for task in module.TASKS)
    with pytest.raises(ImportError):
        from composetasks.tasks import no_such_task  # noqa: F401
