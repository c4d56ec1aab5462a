"""Failures caused by the environment of a run: an engine that does not answer or refuses a request,
a full disk, an answer in an unexpected format.

Errors are recognized by the names of their classes, so that the Docker SDK and its libraries need
not be loaded.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from composetasks.facts import ExitCode
from composetasks.run.failure import EngineLost, NoAnswer, TaskFailure

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
NO_SPACE = ("no space left on device", "disk quota exceeded")
FREE_ENGINE = (
    "free some space where the engine stores its data (`docker system df`), then run the task again"
)
LOST_LAYER = "layer does not exist"
"""BuildKit's message if its cache has records of layers that no longer exist, which happens when a
part of it was pruned: https://github.com/moby/moby/issues/41595."""
EMPTY_CACHE = (
    "the engine's build cache has lost a layer: empty it with `docker builder prune -a`, "
    "then run the task again"
)
BOOTING = "booting buildkit"
"""Buildx's status while it creates a builder container; Podman supports no other builder."""
GIVE_BUILDER = (
    "the current builder is a container of the image moby/buildkit, which does not run there: "
    "pull or load the image (`docker buildx inspect --bootstrap` shows the image and what is "
    "missing); with Docker, `docker buildx use default` builds without one"
)
MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""The exceptions that reading an answer in an unexpected format raises: a number may be
infinite."""
SILENT = (
    "requests.exceptions.Timeout",
    "urllib3.exceptions.TimeoutError",
    "builtins.TimeoutError",
)
UNREADABLE = (
    "requests.exceptions.InvalidJSONError",
    "requests.exceptions.ContentDecodingError",
    "docker.errors.StreamParseError",
)
AWAY = (
    "requests.exceptions.RequestException",
    "urllib3.exceptions.HTTPError",
    "builtins.ConnectionError",
)
LOOK = "`docker version` shows whether the engine answers; run the task again when it does"


class EngineGone(Exception):
    """The engine does not answer."""


def engine_lost() -> tuple[type[Exception], ...]:
    """The exceptions for an engine that can't be reached."""
    import requests

    return (EngineGone, requests.exceptions.RequestException)


def engine_silent() -> type[Exception]:
    """The exception among these for an engine that can be reached and does not answer: the code
    does not wait for a hanging engine to recover."""
    import requests

    return requests.exceptions.Timeout


def silent(seconds: float, detail: str = "") -> NoAnswer:
    """The failure of a run whose engine has not answered for ``seconds``."""
    return NoAnswer(
        f"the engine does not answer: no answer within {seconds:g} s",
        code=ExitCode.NO_ENGINE,
        detail=detail,
        hint=LOOK,
    )


def as_failure(error: BaseException) -> TaskFailure | None:
    """Convert an error of the system or the engine to a failure; None for any other error."""
    kinds = {f"{one.__module__}.{one.__qualname__}" for one in type(error).__mro__}
    if isinstance(error, BrokenPipeError):
        return TaskFailure(
            "the program that read this task's output has ended",
            hint="keep that program running, or write the output to a file",
        )
    if isinstance(error, OSError) and (
        error.errno in FULL or (error.errno in CLOSED and error.filename)
    ):
        return _of_disk(error)
    if "docker.errors.APIError" in kinds:
        return _refused(error)
    for errors, sentence in (
        (SILENT, "the engine does not answer"),
        (UNREADABLE, "the engine's answer can't be read"),
        (AWAY, "the engine went away"),
    ):
        if not kinds.isdisjoint(errors) or (errors is AWAY and isinstance(error, EngineLost)):
            return TaskFailure(sentence, code=ExitCode.NO_ENGINE, detail=str(error), hint=LOOK)
    return None


@contextlib.contextmanager
def unless_full() -> Iterator[None]:
    """Suppress disk-full errors in the block, which saves something optional; the main work
    continues."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise


def cure(message: str, otherwise: str) -> str:
    """The hint for a build that failed with ``message``: ``otherwise``, unless the cause is a
    problem of the engine rather than of the build."""
    if _is_full(message):
        return FREE_ENGINE
    if BOOTING in message:
        return GIVE_BUILDER
    return EMPTY_CACHE if LOST_LAYER in message else otherwise


def _is_full(message: str) -> bool:
    return any(words in message.lower() for words in NO_SPACE)


def _of_disk(error: OSError) -> TaskFailure:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in FULL:
        return TaskFailure(
            f"the disk is full{where}",
            detail=str(error.strerror),
            hint="free some space on it and run the task again: it continues from what is there",
        )
    return TaskFailure(
        f"a file or folder can't be changed{where}",
        detail=str(error.strerror),
        hint="check its owner and whether its file system is writable, then run the task again",
    )


def _refused(error: BaseException) -> TaskFailure:
    message = str(getattr(error, "explanation", None) or error)
    if _is_full(message):
        return TaskFailure("the engine's disk is full", detail=message, hint=FREE_ENGINE)
    return TaskFailure(
        "the engine refused the request",
        detail=message,
        hint="run the task again",
    )


@contextlib.contextmanager
def parsing(what: str, code: ExitCode) -> Iterator[None]:
    """Convert errors of parsing another program's output in the block to a failure with ``code``:
    an unexpected format is not a bug of this library."""
    try:
        yield
    except MALFORMED as error:
        raise TaskFailure(
            f"{what} can't be read: its format is not the expected one",
            code=code,
            detail=f"{type(error).__name__}: {error}",
            hint="check that the program that wrote it has a supported version",
        ) from error
