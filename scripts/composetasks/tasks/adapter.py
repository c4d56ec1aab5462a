"""Extends Invoke's parser and executor, in one place; tests hold this to Invoke 3.0.

Invoke has no optional positional arguments: after a task's name it expects flags or another task's
name. With this module, a word that is not a task's name is an argument of the task before it, if
that task takes words (:data:`WORDS`); the verb, which reads the model anyway, refuses a word that
is not a service before it does anything. For a task that takes a command (:data:`COMMAND`), the
first word is the service, and everything after the command's first word belongs to the command,
even if it looks like a flag or a task.
Shells complete services, instances, snapshots and state too (:mod:`composetasks.verbs.completion`).
Usage errors exit with code 2 instead of 1, a task that is named twice runs twice, and a wrong word
in a chain of tasks is found before the first task runs.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke import Call, Collection, Context, Executor, Program
from invoke import program as invoke_program
from invoke.completion.complete import print_completion_script
from invoke.exceptions import Exit, ParseError
from invoke.parser.context import to_flag
from invoke.parser.parser import ParseMachine

from composetasks.facts import ExitCode
from composetasks.facts.program import COMPOSETASKS, task
from composetasks.run import process
from composetasks.run.failure import did_you_mean
from composetasks.run.settings import DEFAULTS
from composetasks.tasks.completion_scripts import SCRIPTS

if TYPE_CHECKING:
    from composetasks.verbs.completion import CommandLine

WORDS = ("service", "name")
"""The list arguments that take bare words: ``-s/--service`` and ``-n/--name``."""

COMMAND = "command"
"""The list argument of a task that runs a command in a service."""

VALUE_MISSING = "Flag {!r} needed value and was not given one!"
"""What Invoke says of a flag without its value; it shows the flag as Python's object."""

known_tasks: set[str] = set()
"""The names of all tasks of this run, for the message about an unknown word."""

_installed = False


def install(refuse: Callable[[Executor, list[Call]], None]) -> None:
    """Patch Invoke's parser and executor, once per process. ``refuse`` gets all calls of a run
    before the first is executed, and raises Exit if one of them can't be right."""
    global _installed
    if _installed:
        return
    _installed = True
    process.in_utf8()
    write_bytecode()
    for owner, name, method in (
        (invoke_program, "complete", _complete),
        (invoke_program, "print_completion_script", _script_printed(print_completion_script)),
        (ParseMachine, "__init__", _without_copies(ParseMachine.__init__)),
        (ParseMachine, "handle", _with_words(ParseMachine.handle)),
        (ParseMachine, "complete_flag", _never_empty(ParseMachine.complete_flag)),
        (ParseMachine, "error", _usage_error),
        (Program, "parse_cleanup", _checked_help(Program.parse_cleanup)),
        (Executor, "execute", _checked(Executor.execute, refuse)),
        (Executor, "dedupe", _without_repeats),
    ):
        setattr(owner, name, method)


def _without_copies(init: Callable[..., None]) -> Callable[..., None]:
    """Let the parser start without copying the flags of all tasks: a task's flags are copied when
    its name is read."""

    def begin(machine: Any, initial: Any, contexts: Any, ignore_unknown: bool) -> None:
        init(machine, initial, {}, ignore_unknown)
        machine.contexts = contexts

    return begin


def _with_words(handle: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Wrap Invoke's handling of a command-line word to accept words that Invoke does not know."""

    def handle_words(machine: Any, token: str) -> None:
        known_tasks.update(machine.contexts)
        if _is_of_command(machine, token):
            machine.context.args[COMMAND].value = token
            # From an unknown word on, Invoke no longer splits words (-la, --to=x).
            machine.see_unknown(token)
            return
        argument = _takes_word(machine, token)
        if argument is None:
            handle(machine, token)
        else:
            machine.context.args[argument].value = token

    return handle_words


def _never_empty(complete: Callable[[Any], None]) -> Callable[[Any], None]:
    """Refuse a repeatable flag without its value, as Invoke refuses any other: a ``--keep`` that
    names nothing would keep nothing."""

    def complete_flag(machine: Any) -> None:
        flag = machine.flag
        if flag is not None and flag.kind is list and not machine.flag_got_value:
            machine.error(VALUE_MISSING.format(flag))
        complete(machine)

    return complete_flag


def _usage_error(machine: Any, message: str) -> None:
    context, flag = machine.context, machine.flag
    if flag is not None and message == VALUE_MISSING.format(flag):
        message = f"{to_flag(flag.names[0])} needs a value"
    raise _wrong_usage(message, context)


def _wrong_usage(message: str, context: Any = None) -> Exit:
    """The failure of a command line that Invoke refuses; ``context`` is the task, if known."""
    unknown = re.fullmatch(r"No idea what '(.*)' is!", message)
    hint = _about(unknown[1], context) if unknown else ""
    flags = f"{task('--help TASK')} its flags"
    if context is not None and context.name:
        flags = f"{task(f'--help {context.name}')} the flags of {context.name}"
    text = f"error: {message}\nnext: {hint}{task('--list')} shows the tasks, {flags}"
    return Exit(text, code=int(ExitCode.USAGE))


def _about(word: str, context: Any) -> str:
    """The hint for a word unknown to Invoke: the closest flags of the task or the closest tasks, or
    that the task takes no words; "" if there is nothing to say."""
    is_flag = word.startswith("-")
    if close := did_you_mean(word, context.flag_names() if is_flag and context else known_tasks):
        return f"{close} "
    named = context is not None and context.name is not None
    return f"{context.name} takes no services; " if named and not is_flag else ""


def _checked_help(parse_cleanup: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wrap what Invoke does after parsing: ``--help`` of an unknown task, and ``--list`` of an
    unknown collection, are wrong usage too."""

    def cleanup(program: Any) -> None:
        try:
            parse_cleanup(program)
        except ParseError as error:
            known_tasks.update(program.parser.contexts)
            raise _wrong_usage(str(error)) from None
        except Exit as end:
            raise (_wrong_usage(end.message) if end.message and end.code == 1 else end) from None

    return cleanup


def _checked(
    execute: Callable[..., Any], refuse: Callable[[Executor, list[Call]], None]
) -> Callable[..., Any]:
    """Wrap Invoke's execution of a chain of tasks, so that ``refuse`` gets all its calls first."""

    def checked(executor: Executor, *tasks: Any) -> Any:
        refuse(executor, executor.normalize(tasks))
        return execute(executor, *tasks)

    return checked


def _without_repeats(_executor: Executor, calls: list[Call]) -> list[Call]:
    """Run pre- and post-tasks once, but named tasks as often as named: ``inv up down up`` means
    it."""
    distinct: list[Call] = []
    for call in calls:
        if call.called_as or call not in distinct:
            distinct.append(call)
    return distinct


def _script_printed(print_invokes: Callable[..., None]) -> Callable[..., None]:
    """Wrap Invoke's printing of a completion script to print ours for the shells in SCRIPTS. `inv`
    prints its own script nevertheless: it has not loaded any tasks at that point."""

    def print_script(shell: str, names: list[str]) -> None:
        if shell in SCRIPTS:
            print(SCRIPTS[shell], end="")
        else:
            print_invokes(shell=shell, names=names)

    return print_script


def _complete(
    names: list[str], core: Any, initial_context: Any, collection: Collection, parser: Any
) -> None:
    """Print the completions for the command line, for a shell."""
    from composetasks.verbs import completion

    folder = Path(collection.loaded_from or Path.cwd())
    line = command_line({completion.CORE: initial_context, **parser.contexts})
    tokens = after_dashes(core.remainder)[1:]
    if names == [COMPOSETASKS]:
        completion.save(line, folder, _made_of(folder))
    elif not tokens or tokens[-1] in {flag for flags in line.flags.values() for flag in flags}:
        # Invoke's scripts omit the current word if it is still empty.
        tokens.append("")
    sys.stdout.write("".join(f"{one}\n" for one in completion.candidates(tokens, line, folder)))
    raise Exit


def command_line(contexts: Mapping[str, Any]) -> CommandLine:
    """The command line that Invoke's contexts, by task name, describe."""
    from composetasks.verbs.completion import CommandLine

    flags = {}
    for name, context in contexts.items():
        # Short flags are aliases in this mapping, which its get() does not resolve.
        named = [flag for flag in context.flag_names() if flag in context.flags]
        arguments = {flag: context.flags[flag] for flag in named}
        valued = {flag: one.name for flag, one in arguments.items() if one.takes_value}
        flags[name] = {flag: valued.get(flag, "") for flag in context.flag_names()}
    words = {
        name: next((word for word in WORDS if word in context.args), "")
        for name, context in contexts.items()
    }
    commands = [name for name, context in contexts.items() if COMMAND in context.args]
    return CommandLine(flags, words, commands)


def _made_of(folder: Path) -> Iterator[str]:
    """The files that define a project's tasks: this library's, and the project's own."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        own = Path(path).is_relative_to(folder) and not Path(path).is_relative_to(sys.prefix)
        if own or name.startswith("composetasks.tasks."):
            yield path


def write_bytecode() -> None:
    """Let Python save compiled modules, unless the user says otherwise. Invoke disables that to
    leave no tasks.pyc beside tasks.py; a package would then be compiled again at every start, which
    takes a third of a second here."""
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))


def _is_of_command(machine: Any, token: str) -> bool:
    """Whether a token is part of the command that a task runs in a service, after the service's
    name."""
    context = machine.context
    if context is None or COMMAND not in context.args or machine.waiting_for_flag_value:
        return False
    begun = machine.current_state == "unknown"
    return begun or (bool(context.args["service"].value) and not token.startswith("-"))


def _takes_word(machine: Any, token: str) -> str | None:
    """The list argument that takes a bare word, or None if Invoke recognizes the word."""
    context = machine.context
    if (
        machine.current_state == "unknown"
        or context is None
        or context.name is None
        or token.startswith("-")
        or (token in machine.contexts and COMMAND not in context.args)
        or machine.waiting_for_flag_value
        or context.missing_positional_args
    ):
        return None
    lists = (word for word in WORDS if word in context.args and context.args[word].kind is list)
    return next(lists, None)


def after_dashes(remainder: str) -> list[str]:
    """The words after ``--`` on the command line, which Invoke joins in the text ``remainder``."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return words if " ".join(words) == remainder else shlex.split(remainder)


def context_of(executor: Executor, call: Call) -> Context:
    """The context that Invoke will pass to a call."""
    config = executor.config.clone()
    config.load_collection(executor.collection.configuration(call.called_as))
    config.load_shell_env()
    return call.make_context(config, executor.core)


def settings_of(context: Context) -> dict[str, Any]:
    """Invoke's configuration under ``stack``, with every setting, so that ``INVOKE_STACK_*`` works
    (Invoke reads an environment variable only for a setting it knows), whether the task is part of
    :func:`composetasks.collection` or used alone."""
    config = context.config.clone()
    config.load_defaults({**config.global_defaults(), "stack": DEFAULTS})
    config.load_shell_env()
    return dict(config.get("stack", {}))


def project_folder(context: Context) -> Path:
    """The folder of the ``tasks.py`` that defines this task (Invoke stores it in a private
    attribute)."""
    prefix = context.config._project_prefix
    return Path(prefix).resolve() if prefix else Path.cwd()
