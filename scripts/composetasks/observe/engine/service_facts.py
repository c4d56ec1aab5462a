"""Ask services for their facts, all in parallel, each with a time limit.

The answers are not trusted: they may be long, late, binary, or full of escape sequences.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from composetasks.facts import Container, FactsSource, ServiceFacts
from composetasks.facts.plain_text import clean, cut
from composetasks.facts.service_facts import LONGEST_VALUE, Declared, facts_of, facts_source
from composetasks.observe.engine.local import is_here
from composetasks.run.bounded import Bounded, Late
from composetasks.run.masking import safe, safe_data

if TYPE_CHECKING:
    from docker import APIClient

SECONDS = 3.0
"""The limit for a service's answer: less than the figures that are shown beside it may take."""
MOST_BYTES = 16_384


class _NoFacts(Exception):
    """Why a service returned no facts."""


@dataclass
class _Question:
    """A request to a container, and whether its answer was taken."""

    container: str
    answer: Bounded[str]
    taken: bool = False


class Questions:
    """Requests to services, each in a thread of its own."""

    def __init__(self, client: APIClient) -> None:
        self._client = client
        self._questions: dict[str, _Question] = {}

    def ask(self, services: Mapping[str, tuple[Container, Declared]]) -> None:
        """Ask these services, each in its container, as declared. A service whose answer is pending
        or was not taken yet is not asked again, so that hanging requests do not pile up."""
        before, self._questions = self._questions, {}
        for name, (container, declared) in services.items():
            question = before.get(name)
            if (
                question is None
                or question.container != container.id
                or (question.taken and question.answer.ended)
            ):
                ask = partial(_answer, self._client, container, declared)
                question = _Question(container.id, Bounded(ask, SECONDS))
            self._questions[name] = question

    def answers(self) -> dict[str, ServiceFacts]:
        """Return the answer of each service, or why there is none."""
        answers = {}
        for name, question in self._questions.items():
            answers[name] = _facts(question.answer)
            question.taken = True
        return answers


def _facts(question: Bounded[str]) -> ServiceFacts:
    import requests
    from docker import errors

    try:
        # Mask before cutting: half of a secret would not be recognized.
        facts = facts_of(safe(clean(question.value())))
    except (_NoFacts, Late, ValueError) as error:
        return _unavailable(str(error))
    except errors.APIError as error:
        return _unavailable(str(error.explanation or error))
    except (requests.exceptions.RequestException, OSError) as error:
        return _unavailable(f"no answer: {error}")
    if not facts:
        return _unavailable("its answer contains no line `name: value`")
    return ServiceFacts(safe_data(facts))


def _unavailable(why: str) -> ServiceFacts:
    return ServiceFacts(problem=cut(" ".join(safe(clean(why)).split()), 2 * LONGEST_VALUE))


def _answer(client: APIClient, container: Container, declared: Declared) -> str:
    source = facts_source(declared)
    ask = _executed if source.command else _got
    answer = ask(client, container, source)
    # The limit may have cut the last line.
    return answer if len(answer) < MOST_BYTES else answer.rpartition("\n")[0]


def _executed(client: APIClient, container: Container, source: FactsSource) -> str:
    """Return the output of a command in the container."""
    execution = client.exec_create(container.id, list(source.command))["Id"]
    stream = client.exec_start(execution, stream=True, demux=True)
    output, complained = b"", b""
    for out, err in stream:
        output += out or b""
        complained += err or b""
        if len(output) + len(complained) >= MOST_BYTES:
            stream.close()
            return output[:MOST_BYTES].decode(errors="replace")
    if code := client.exec_inspect(execution)["ExitCode"]:
        last = (complained.strip() or output.strip()).decode(errors="replace").split("\n")[-1]
        why = f"`{shlex.join(source.command)}` exited with code {code}"
        raise _NoFacts(f"{why}: {last}" if last else why)
    return output.decode(errors="replace")


def _got(client: APIClient, container: Container, source: FactsSource) -> str:
    """Return the answer of a container's port at its published address."""
    import requests

    bindings = [one for one in container.bindings if one.target == source.port]
    if not bindings:
        raise _NoFacts(f"port {source.port} is not published")
    if not bindings[0].forwarded and not is_here(client.base_url):
        raise _NoFacts(f"port {source.port} is published on the engine's host only")
    address = f"http://{bindings[0].forwarded or bindings[0].there}{source.path}"
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between this machine and its own ports
        get = partial(session.get, address, timeout=SECONDS, stream=True, allow_redirects=False)
        with get() as got:
            if got.status_code != requests.codes.ok:
                raise _NoFacts(f"GET {address} was answered with {got.status_code} {got.reason}")
            body: bytes = got.raw.read(MOST_BYTES, decode_content=True)
    return body.decode(errors="replace")
