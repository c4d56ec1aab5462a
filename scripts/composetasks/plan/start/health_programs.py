"""Which programs a health check certainly runs, as far as its text shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from composetasks.facts import Service

SHELL = "/bin/sh"
"""The shell that runs a CMD-SHELL test."""
SHELLS = ("sh", "ash", "bash", "dash")
BUILT_IN = frozenset(
    {":", ".", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exit"}
    | {"export", "false", "fg", "getopts", "hash", "jobs", "kill", "let", "local", "printf", "pwd"}
    | {"read", "readonly", "return", "set", "shift", "source", "test", "times", "trap", "true"}
    | {"type", "ulimit", "umask", "unset", "wait"}
    | {"builtin", "declare", "enable", "mapfile", "popd", "pushd", "readarray", "shopt", "typeset"}
)
"""Commands that a shell runs without a program; the last line applies to bash only."""
BEFORE_A_COMMAND = ("exec", "!")
KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "in", "do", "done", "while", "until", "case"}
    | {"esac", "function", "[[", "select", "coproc", "time"}
)
PLAIN = re.compile(r"[\w./+-]+")
ASSIGNMENT = re.compile(r"\w+=")
SEPARATORS = ("&&", ";", "|", "&")
OR = "||"


def programs(service: Service) -> tuple[str, ...]:
    """The programs without which the service's own check can't run; none if it has no check or if
    the check is not a line of plain commands."""
    if not service.has_healthcheck:
        return ()
    test = (service.config.get("healthcheck") or {}).get("test") or ["NONE"]
    words = ["CMD-SHELL", test] if isinstance(test, str) else [str(word) for word in test]
    if words[0] == "CMD-SHELL":
        programs = [SHELL, *_of_script(" ".join(words[1:]))]
    elif words[0] == "CMD" and len(words) > 1 and PLAIN.fullmatch(words[1]):
        programs = [words[1], *_of_script(_script(words[1:]))]
    else:
        programs = []
    return tuple(dict.fromkeys(programs))


def _script(argv: Sequence[str]) -> str:
    """The script of ``sh -c SCRIPT``, "" for any other command."""
    shell = argv[0].rpartition("/")[2] in SHELLS
    return argv[2] if shell and len(argv) > 2 and argv[1] == "-c" else ""


def _of_script(script: str) -> list[str]:
    """The programs of a shell script that is a line of plain commands. Of alternatives separated by
    ``||``, none is certainly needed."""
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.commenters = ""
    try:
        tokens = list(lexer)
    except ValueError:  # a quote that is not closed
        return []
    either = [found for found in map(_of_commands, _split(tokens)) if found]
    return either[0] if len(either) == 1 else []


def _split(tokens: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == OR:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _redirects(token: str) -> bool:
    return token != "" and token not in SEPARATORS and set(token) <= set("<>&|")


def _of_commands(tokens: Sequence[str]) -> list[str]:
    commands = []
    first = True
    redirected = False
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        if token in SEPARATORS:
            first = True
        elif redirected:
            redirected = False
        elif token in KEYWORDS or set(token) & set("(){}`"):
            break
        elif _redirects(token):
            redirected = True
        elif token.isdigit() and _redirects(following):
            continue  # The number of a file descriptor.
        elif first and token not in BEFORE_A_COMMAND and not ASSIGNMENT.match(token):
            first = False
            if PLAIN.fullmatch(token) and token not in BUILT_IN:
                commands.append(token)
    return commands
