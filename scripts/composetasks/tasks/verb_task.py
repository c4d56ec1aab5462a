"""Turns a function that takes a session into an Invoke task: adds the flags that tasks share, and
runs it so that every failure gets its exit code."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from invoke import Argument, Context, Task

from composetasks.facts import ExitCode
from composetasks.facts.program import task
from composetasks.run.failure import TaskFailure
from composetasks.tasks.adapter import COMMAND, after_dashes

if TYPE_CHECKING:
    from composetasks.verbs.session import Options

JSON = {"json": (False, "print JSON on stdout instead of a page")}
INSTANCE = {"instance": ("", "act on the copy of the stack that has this name")}
CHANGING = {
    "plan": (False, "print the plan and change nothing"),
    "yes": (False, "consent to steps that stop, remove or empty something of this project"),
    "force": (False, "consent also to steps that affect something of others"),
    "exit_code": (False, "with --plan: exit with code 10 if there is something to do"),
    "wait_lock": ("", "seconds to wait for another run to end"),
}
LONGEST_SECONDS = 1_000_000.0
"""Eleven days, instead of any longer wait: the system's timers can't count much further."""

SHORT = {
    "service": "s",
    "name": "n",
    "yes": "y",
    "follow": "f",
    "tail": "t",
    "user": "u",
    "workdir": "w",
    "env": "e",
    "no_tty": "T",
}
"""The flags with a short form: the same letter in every task, whereas Invoke would assign each flag
the first free letter."""


class VerbTask(Task[Any]):
    """A task with the short flags of :data:`SHORT` and no others, which can list its arguments more
    than once (Invoke consumes their help)."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        texts = self.help
        self.help = dict(texts)
        try:
            return list(super().get_arguments(ignore_unknown_help))
        finally:
            self.help = texts

    def __deepcopy__(self, memo: object) -> VerbTask:
        """Return a shallow copy: a collection copies its tasks, whose parts never change."""
        return copy.copy(self)

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        opts: dict[str, Any] = super().arg_opts(name, default, taken_names)
        if name in SHORT:
            opts["names"] = [*opts["names"], SHORT[name]]
        return opts


def verb_task(
    *,
    changing: bool = False,
    stream: bool | str = False,
    optional: tuple[str, ...] = (),
    help: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., int]], Task[Any]]:
    """A decorator. ``changing`` tasks get the flags of a plan; ``stream`` is whether their JSON
    form consists of lines, or the flag that makes it so. Parameters that default to an empty tuple
    become repeatable flags; those in ``optional`` may be given without a value, which means True.
    """
    shared = {**(CHANGING if changing else {}), **INSTANCE, **JSON}

    def decorate(function: Callable[..., int]) -> Task[Any]:
        own = list(inspect.signature(function).parameters.values())[1:]

        name = function.__name__.removesuffix("_").replace("_", "-")

        @functools.wraps(function)
        def body(context: Context, **given: Any) -> None:
            # Invoke passes no arguments to a pre- or post-task of a user's own task.
            flags = {name: given.get(name, default) for name, (default, _) in shared.items()}
            arguments = {p.name: given.get(p.name, p.default) for p in own}
            arguments |= {p.name: tuple(arguments[p.name] or ()) for p in own if p.default == ()}
            if COMMAND in arguments:
                tail = after_dashes(context.remainder)
                dashes = ["--"] if tail and arguments[COMMAND] else []
                arguments[COMMAND] += (*dashes, *tail)
            only_plan = bool(flags.get("plan"))
            # The list of tasks and shell completion do not need the code that runs a task.
            from composetasks.tasks.run_verb import run_verb

            lines = bool(arguments[stream]) if isinstance(stream, str) else stream
            run_verb(
                context,
                lambda session: function(session, **arguments),
                name,
                as_json=flags["json"],
                stream=lines and not only_plan,
                changing=changing,
                options=lambda: _options(flags),
            )

        signature = inspect.Signature(
            [_parameter("context", inspect.Parameter.empty)]
            + [_parameter(p.name, None if p.default == () else p.default) for p in own]
            + [_parameter(name, default) for name, (default, _) in shared.items()]
        )
        setattr(body, "__signature__", signature)  # noqa: B010 (mypy does not know the attribute)
        return VerbTask(
            body,
            name=function.__name__.removesuffix("_"),
            iterable=[p.name for p in own if p.default == ()],
            optional=optional,
            help={**(help or {}), **{name: text for name, (_, text) in shared.items()}},
            auto_shortflags=False,
        )

    return decorate


def _parameter(name: str, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _options(flags: Mapping[str, Any]) -> Options:
    from composetasks.verbs.session import Options

    return Options(
        plan=bool(flags.get("plan")),
        yes=bool(flags.get("yes")),
        force=bool(flags.get("force")),
        exit_code=bool(flags.get("exit_code")),
        wait_lock=number("wait-lock", flags.get("wait_lock")) or 0.0,
        instance=str(flags.get("instance") or ""),
    )


def number(flag: str, value: Any) -> float | None:
    """A flag's number of seconds, at most LONGEST_SECONDS, None if it is not set. Raises
    TaskFailure, code 2."""
    if value in (None, ""):
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise TaskFailure(
            f"--{flag} takes a number of seconds, not {value!r}",
            code=ExitCode.USAGE,
            hint=f"for example `--{flag} 60`",
        )
    return min(seconds, LONGEST_SECONDS)


def one_name(names: tuple[str, ...], listed_by: str) -> str:
    """The only name given, "" if there is none. Raises TaskFailure, code 2, for several.
    ``listed_by`` is the task that lists the possible names."""
    if len(names) > 1:
        raise TaskFailure(
            f"one name is enough, not {', '.join(names)}",
            code=ExitCode.USAGE,
            hint=f"{task(listed_by)} lists them",
        )
    return names[0] if names else ""
