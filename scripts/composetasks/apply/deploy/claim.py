"""Allows one deployment of a stack at a time, whoever deploys and from whichever machine.

The claim is a config object of the swarm: its name is unique, whichever manager is asked. A claim
left behind by a killed process of this machine is taken over. Whether a process of another machine
still runs cannot be determined; the hint says how to remove its claim.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from composetasks.facts import ExitCode
from composetasks.facts.deploy import NAMESPACE
from composetasks.observe.instances.maker import myself
from composetasks.run import owner
from composetasks.run.failure import TaskFailure
from composetasks.store.folder import now

ASK_SECONDS = 0.5
"""How often a held claim is tried again: the engine cannot wait for a name to be free."""


def who() -> str:
    """The person who deploys, in a readable form: USER@HOST."""
    me = myself(Path.cwd())
    return f"{me.user}@{me.host}"


@contextlib.contextmanager
def claimed(client: Any, stack: str, wait_seconds: float) -> Iterator[None]:
    """Hold the claim on ``stack`` during the block, after waiting up to ``wait_seconds`` for it.
    Raises TaskFailure, code 75, which names the holder and the time of the claim."""
    name = f"{stack}_deploying"
    identity = _claim(client, stack, name, time.monotonic() + wait_seconds)
    try:
        yield
    finally:
        _remove(client, identity)


def _claim(client: Any, stack: str, name: str, deadline: float) -> str:
    from docker import errors

    process = owner.of(os.getpid())
    holder = {"who": who(), "since": now(), "process": process.text if process else ""}
    while True:
        try:
            config = client.create_config(name, json.dumps(holder), labels={NAMESPACE: stack})
            return str(config["ID"])
        except errors.APIError as error:
            if error.status_code != 409:
                raise
        similar = client.configs(filters={"name": name})
        held = [one for one in similar if one["Spec"]["Name"] == name]
        if not held:
            continue
        other = json.loads(base64.b64decode(held[0]["Spec"]["Data"]))
        left = owner.parse(other["process"])
        if left is not None and not owner.alive(left):
            _remove(client, str(held[0]["ID"]))
            continue
        if time.monotonic() >= deadline:
            raise TaskFailure(
                f"another run is deploying {stack}: {other['who']}, since {other['since']}",
                code=ExitCode.LOCKED,
                hint="wait for it to end, or give --wait-lock SECONDS; if it was killed, "
                f"`docker config rm {name}`, on a manager, frees the stack",
            )
        threading.Event().wait(ASK_SECONDS)


def _remove(client: Any, identity: str) -> None:
    from docker import errors

    with contextlib.suppress(errors.NotFound):
        client.remove_config(identity)
