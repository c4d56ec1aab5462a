"""The engine: how it is reached, what it reports about itself, and why it can't be reached."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from composetasks.facts import Daemon, ExitCode
from composetasks.facts.timestamps import seconds
from composetasks.observe.engine.endpoint import chosen
from composetasks.observe.engine.inventory import (
    NO_CONTEXT,
    START,
    NotAnAddress,
    TooOld,
    connect,
    how_to_start,
)
from composetasks.observe.engine.local import PODMAN, is_here
from composetasks.run import ssh_link
from composetasks.run.failure import TaskFailure
from composetasks.run.masking import without_user

if TYPE_CHECKING:
    from docker import APIClient

ANSWER_SECONDS = 6


def daemon() -> tuple[APIClient, Daemon]:
    """Return a client of the engine in use and the engine's description of itself. Raises
    TaskFailure, code 5, which says where the connection fails."""
    import requests
    from docker import errors

    endpoint = chosen()
    how, address = endpoint.how, endpoint.address
    where = f"{address} ({how})" if address else how
    try:
        client = connect(ANSWER_SECONDS)
    except (NotAnAddress, TooOld):
        raise
    except TaskFailure as failure:
        raise _located(failure, where, address) from failure
    try:
        before = time.time()
        info: dict[str, Any] = client.info()
        after = time.time()
        client.ping()
        latency = time.time() - after
    except (errors.DockerException, requests.exceptions.RequestException) as error:
        raise _failure(f"the engine at {where} does not answer", str(error)) from error
    described = _described(info, where, is_here(client.base_url), before, after)
    podman = client.server.startswith(PODMAN)
    return client, replace(described, latency=latency, podman=podman)


def _described(
    info: dict[str, Any], where: str, local: bool, before: float, after: float
) -> Daemon:
    now = float(seconds(str(info["SystemTime"]), before)) if info.get("SystemTime") else before
    # The engine's clock was read at some time between request and answer.
    clock_ahead = max(now - after, 0.0) or min(now - before, 0.0)
    proxies = {"http": "HttpProxy", "https": "HttpsProxy", "no": "NoProxy"}
    security = " ".join(info.get("SecurityOptions") or ())
    return Daemon(
        where=where,
        local=local,
        version=str(info.get("ServerVersion", "")),
        system=str(info.get("OSType", "")),
        architecture=str(info.get("Architecture", "")),
        root=str(info.get("DockerRootDir", "")),
        memory=int(info.get("MemTotal", 0)),
        clock_ahead=clock_ahead,
        proxies={
            name: without_user(str(info[key])) for name, key in proxies.items() if info.get(key)
        },
        shifted="name=rootless" in security or "name=userns" in security,
        swarm=(info.get("Swarm") or {}).get("LocalNodeState") == "active",
    )


# --- why it can't be reached ----------------------------------------------------------------


def _failure(message: str, detail: str, hint: str = "see the engine's own log") -> TaskFailure:
    return TaskFailure(message, code=ExitCode.NO_ENGINE, detail=detail, hint=hint)


def _located(failure: TaskFailure, where: str, address: str) -> TaskFailure:
    """Return the failure with the place of the fault: the context, ssh, the socket or its owner."""
    if not address:
        return _failure(
            f"there is no docker {where}",
            "",
            NO_CONTEXT,
        )
    scheme, _, rest = address.partition("://")
    if scheme == "unix":
        return _at_socket(failure, where, rest)
    return _by_ssh(failure, where, address) if scheme == "ssh" else failure


def _at_socket(failure: TaskFailure, where: str, path: str) -> TaskFailure:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return _failure(
            f"there is no socket at {where}: no engine is installed, or it was never started",
            "",
            START,
        )
    except PermissionError as error:
        return _forbidden(where, str(error), "its folder")
    except OSError as error:
        return _failure(f"the socket {where} can't be inspected", str(error))
    if not stat.S_ISSOCK(status.st_mode):
        return _failure(f"{where} is not a socket", "", "unset DOCKER_HOST, or correct it")
    if not os.access(path, os.R_OK | os.W_OK):
        return _forbidden(where, "", f"group {_group(status.st_gid)}")
    if failure.detail.startswith("no answer to"):
        return _failure(
            f"the engine at {where} accepts connections but does not answer",
            "",
            "it hangs: see its log (`journalctl -u docker`), and restart it",
        )
    return _failure(
        f"the socket {where} exists, but no engine listens on it: it was stopped",
        "",
        START,
    )


def _forbidden(where: str, detail: str, owner: str) -> TaskFailure:
    return _failure(
        f"no permission to use the engine at {where}, which is restricted to {owner}",
        detail,
        "add your user to the group that owns the socket (often docker), and log in again",
    )


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _by_ssh(failure: TaskFailure, where: str, address: str) -> TaskFailure:
    """Distinguish a failure of ssh itself from a missing engine at its other end."""
    if not ssh_link.is_open(address):
        return _failure(f"ssh does not reach {where}", failure.detail, failure.hint)
    return _failure(
        f"ssh reaches {where}, but no engine answers there", failure.detail, how_to_start(address)
    )
