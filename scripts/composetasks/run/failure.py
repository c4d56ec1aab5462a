"""Expected failures: what failed, why, and what to do next, with an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from composetasks.facts import ExitCode


class TaskFailure(Exception):
    """A failure that a user can do something about.

    ``message`` says what failed and why in a sentence, ``detail`` holds the evidence (another
    program's message, log lines), ``hint`` the next thing to do. ``data`` is included in the JSON
    form unchanged.
    """

    def __init__(
        self,
        message: str,
        *,
        code: ExitCode = ExitCode.FAILED,
        hint: str = "",
        detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.hint, self.detail = message, code, hint, detail
        self.data: Mapping[str, Any] = data or {}

    def altered(self, message: str | None = None, **fields: Any) -> TaskFailure:
        """The same failure, except for what is given."""
        given = {"code": self.code, "hint": self.hint, "detail": self.detail, "data": self.data}
        return TaskFailure(self.message if message is None else message, **{**given, **fields})


def did_you_mean(word: str, words: Iterable[str], otherwise: str = "") -> str:
    """The hint for a word that is not among ``words``: the closest of these as a question, or
    ``otherwise`` if none is close."""
    import difflib

    close = difflib.get_close_matches(word, sorted(words), n=3)
    return f"did you mean {' or '.join(close)}?" if close else otherwise


class EngineLost(Exception):
    """The engine went away, or stopped answering, in the middle of an answer."""


class NoAnswer(TaskFailure):
    """The engine can be reached, but did not answer within the time limit."""


class NotUp(TaskFailure):
    """A start could not bring a service up; ``cause`` is the reason, by its name in
    docs/reference."""

    def __init__(
        self, message: str, *, service: str, cause: str, hint: str, data: Mapping[str, Any]
    ) -> None:
        super().__init__(
            message,
            code=ExitCode.NOT_HEALTHY,
            hint=hint,
            data={"service": service, "kind": cause, **data},
        )
        self.service, self.cause = service, cause
